"""What goes wrong in a plugin is kept under the number that its user reads, and an admin finds where it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from bbs_core import incidents
from bbs_core.incidents import Incident, Incidents
from bbs_core.store.access import Connection
from bbs_core.store.staff_models import IncidentRow
from tests.platform.outside import put
from tests.stock.double import StockClient
from tests.wire.live import LiveBoard

FAULTS = """
    from bbs_core.plugin import UserError, command, hookimpl

    @command("/raise")
    def raise_it(session, text):
        raise ValueError(f"a secret: {text}")

    @command("/exit")
    async def leave(session):
        raise SystemExit(3)

    @command("/hang")
    async def hang(session):
        import asyncio
        await asyncio.sleep(999)

    @command("/tell")
    def tell(session):
        raise UserError("Not <today>.")

    @hookimpl
    def bbs_session_opened(session):
        raise KeyboardInterrupt
"""


def answered(client: StockClient, typed: str) -> str:
    client.post(typed)
    [row] = client.list()
    return row


def found(board: LiveBoard, row: str) -> dict[str, object]:
    """Return the incident whose number stands in a row."""
    number = row.rpartition("incident ")[2].removesuffix(").")
    return dict(board.app.access.write(lambda connection: incidents.get_incident(connection, number)))


def test_the_trace_is_found_under_the_number_that_the_user_read(tmp_path: Path, database_url: str) -> None:
    put(tmp_path, "faults.py", FAULTS)
    limits = {"deadline_s": 0.5, "quarantine_failures": 100}
    with LiveBoard(tmp_path, server={"database": database_url}, plugins=limits) as board, board.client("ann") as ann:
        raised = found(board, answered(ann, "/raise hidden words"))
        assert (raised["plugin"], raised["hook"], raised["username"], raised["late"]) == (
            *("faults", "bbs_command_raise", "ann"),
            False,
        )
        assert "faults.py" in str(raised["trace"])
        assert str(raised["trace"]).endswith("ValueError")
        assert "hidden words" not in str(raised)
        assert found(board, answered(ann, "/exit"))["hook"] == "bbs_command_exit"
        assert found(board, answered(ann, "/hang"))["late"] is True
        assert answered(ann, "/tell") == "* Not <today>."
        kept = board.app.access.write(lambda connection: incidents.list_incidents(connection))
        assert [one["hook"] for one in kept] == [
            *("bbs_command_hang", "bbs_command_exit", "bbs_command_raise", "bbs_session_opened")
        ]


def test_the_newest_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incidents, "KEPT_LIMIT", 3)

    def keep(connection: Connection) -> list[str]:
        for number in range(5):
            incidents.keep(connection, [Incident(str(number), number, "dice", "roll", "", False, "x" * 30_000)])
        traces = connection.execute(select(IncidentRow.trace)).scalars()
        assert {len(trace) for trace in traces} == {incidents.TRACE_CHARACTERS}
        return [row["incident"] for row in incidents.list_incidents(connection)]

    with LiveBoard(tmp_path) as board:
        assert board.app.access.write(keep) == ["4", "3", "2"]


def test_those_that_wait_for_the_writer_are_bounded() -> None:
    waiting: list[object] = []
    sink = Incidents(waiting.append)  # type: ignore[arg-type]
    for number in range(1000):
        sink.put(Incident(str(number), number, "dice", "roll", "", False, ""))
    assert len(waiting) == 1
    assert len(sink._waiting) == incidents.WAITING_LIMIT
