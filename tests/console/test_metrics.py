"""What Prometheus reads: numbers, named once, that follow the counts."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from bbs_core.metrics import Counts, Gauges, new_registry, render
from tests.console.support import Board


def samples(text: str) -> dict[str, float]:
    """Return each sample by its name and label."""
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_number_is_read_when_it_is_asked_for() -> None:
    counts, failing = Counts(), False
    gauges = Gauges(lambda: 1, lambda: 2, lambda: 3, lambda: 4, lambda: 5, lambda: failing, lambda: {"dice": 6})
    registry = new_registry(counts, gauges)
    assert samples(render(registry).decode())["bbs_posts_total"] == 0
    counts.posts_total += 7
    counts.refused_connections_total["full"] += 8
    failing = True
    found = samples(render(registry).decode())
    build = [name for name in found if name.startswith("bbs_build_info ")]
    assert len(build) == 1
    assert {name: value for name, value in found.items() if name not in build} == {
        "bbs_sessions": 1,
        "bbs_open_connections": 2,
        "bbs_waiting_rows": 3,
        "bbs_memory_bytes": 4,
        "bbs_commits_total": 5,
        "bbs_writer_failing": 1,
        "bbs_plugin_failures_total dice": 6,
        "bbs_posts_total": 7,
        "bbs_refused_connections_total full": 8,
        "bbs_connections_total": 0,
        "bbs_messages_total": 0,
        "bbs_frames_total": 0,
        "bbs_protocol_errors_total": 0,
        "bbs_refused_rows_total": 0,
    }


def test_two_servers_in_one_process_count_apart() -> None:
    gauges = Gauges(lambda: 0, lambda: 0, lambda: 0, lambda: 0, lambda: 0, lambda: False, dict)
    first, second = Counts(), Counts()
    registries = new_registry(first, gauges), new_registry(second, gauges)
    first.posts_total = 3
    assert [samples(render(registry).decode())["bbs_posts_total"] for registry in registries] == [3, 0]


def test_the_page_is_text_and_says_no_name_and_no_address(sqlite_board: Board) -> None:
    sqlite_board.visit("ann", "192.0.2.77")
    answer = sqlite_board.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert samples(answer.text)["bbs_sessions"] == 3
    assert "ann" not in answer.text
    assert "192.0.2.77" not in answer.text
