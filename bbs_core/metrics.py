"""What the server counts, and the text that Prometheus reads; nothing here is shared between servers."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

CONTENT_TYPE = CONTENT_TYPE_LATEST
DISTRIBUTION = "classroom-bbs"


@dataclass(slots=True)
class Counts:
    """What happened since the start; whoever sees it happen adds one."""

    connections_total: int = 0
    posts_total: int = 0
    messages_total: int = 0
    frames_total: int = 0
    protocol_errors_total: int = 0
    refused_rows_total: int = 0
    # By reason: they are few and ours, and nothing that a client sends may become a label.
    refused_connections_total: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Gauges:
    """What holds at the moment of asking; each is called in a thread of the console and must only read."""

    sessions: Callable[[], int]
    connections: Callable[[], int]
    waiting_rows: Callable[[], int]
    memory_bytes: Callable[[], int]
    commits: Callable[[], int]
    writer_failing: Callable[[], bool]
    plugin_failures: Callable[[], Mapping[str, int]]
    plugin_values: Callable[[], Mapping[tuple[str, str], float]] = dict


def new_registry(counts: Counts, gauges: Gauges) -> CollectorRegistry:
    """Return the registry of one server, which reads the counts whenever it is asked."""
    registry = CollectorRegistry()
    registry.register(_Collector(counts, gauges))
    return registry


def render(registry: CollectorRegistry) -> bytes:
    """Return the metrics in the text format, of type CONTENT_TYPE."""
    return generate_latest(registry)


def render_process() -> bytes:
    """Return what this process takes of its machine, for one that serves no board."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Collector:
    def __init__(self, counts: Counts, gauges: Gauges) -> None:
        self._counts = counts
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        yield from self._now()
        yield from self._so_far()
        refused, failures = self._counts.refused_connections_total, self._gauges.plugin_failures()
        yield _by("bbs_refused_connections", "Connections turned away.", "reason", refused)
        yield _by("bbs_plugin_failures", "Calls of a plugin that failed.", "plugin", failures)
        values = GaugeMetricFamily("bbs_plugin_value", "What plugins tell of themselves.", labels=["plugin", "name"])
        for labels, value in sorted(self._gauges.plugin_values().items()):
            values.add_metric(labels, value)
        yield values
        build = GaugeMetricFamily("bbs_build_info", "The version that runs.", labels=["version"])
        build.add_metric([product_version()], 1)
        yield build

    def _now(self) -> Iterator[Metric]:
        gauges = self._gauges
        yield GaugeMetricFamily("bbs_sessions", "Sessions on line.", gauges.sessions())
        yield GaugeMetricFamily("bbs_open_connections", "Open connections.", gauges.connections())
        yield GaugeMetricFamily("bbs_waiting_rows", "Rows that wait for their commit.", gauges.waiting_rows())
        yield GaugeMetricFamily("bbs_memory_bytes", "Bytes of rows kept ready.", gauges.memory_bytes())
        yield GaugeMetricFamily("bbs_writer_failing", "1 when the last commit failed.", int(gauges.writer_failing()))

    def _so_far(self) -> Iterator[Metric]:
        counts = self._counts
        yield CounterMetricFamily("bbs_connections", "Connections accepted.", counts.connections_total)
        yield CounterMetricFamily("bbs_posts", "Posts committed.", counts.posts_total)
        yield CounterMetricFamily("bbs_messages", "Messages committed.", counts.messages_total)
        yield CounterMetricFamily("bbs_frames", "Frames read from clients.", counts.frames_total)
        yield CounterMetricFamily(
            "bbs_protocol_errors", "Connections ended because they broke the protocol.", counts.protocol_errors_total
        )
        yield CounterMetricFamily("bbs_refused_rows", "Rows that could not be kept.", counts.refused_rows_total)
        yield CounterMetricFamily("bbs_commits", "Transactions committed.", self._gauges.commits())


def _by(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    # A copy, as the loop may add a key meanwhile.
    for value, number in sorted(dict(counts).items()):
        family.add_metric([value], number)
    return family


@functools.cache
def product_version() -> str:
    """Return the version of the product, "unknown" where it runs without being installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "unknown"
