"""What Python would print by itself becomes log lines, without the texts in it."""

from __future__ import annotations

import io
import json
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from bbs_core import logs
from tests.plain_log import logging_kept
from tests.support import BoardProcess

CANARY = "canary"
PLUGIN = '''
import threading
from bbs_core.plugin import command

class Fails:
    def __init__(self, text):
        self.text = text

    def __repr__(self):
        return self.text

    def __del__(self):
        int(self.text)

async def later():
    pass

@command("/bad")
def bad(session, text):
    """Fail wherever nobody looks."""
    thread = threading.Thread(target=int, args=(text + '\\n{"event": "forged"}',))
    thread.start()
    thread.join()
    Fails(text)
    later()
'''


def test_a_plugin_fails_in_the_same_lines_as_all_else(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "bad.py").write_text(PLUGIN)
    with BoardProcess(tmp_path) as board:
        with board.client("ann") as ann:
            ann.post(f"/bad {CANARY}")
            ann.list()
            ann.quit()
        assert board.terminate() == 0
    plain = [line for line in board.lines if not line.startswith("{")]
    assert [line.split()[0] for line in plain] == ["The", "The", "It", "The", "Stopping:", "Stopped."]
    events = [json.loads(line) for line in board.lines if line.startswith("{")]
    assert [event["event"] for event in events] == ["thread_failed", "error_ignored", "python_warning"]
    assert all("ValueError" in event["exception"] for event in events[:2])
    assert CANARY not in board.output


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """The log of a process that catches all, until the test ends."""
    before = threading.excepthook, sys.unraisablehook, sys.excepthook
    stream = io.StringIO()
    with logging_kept(), warnings.catch_warnings():
        logs.configure("info", "json", stream)
        logs.catch()
        yield stream
    threading.excepthook, sys.unraisablehook, sys.excepthook = before


def test_an_error_that_ends_the_process_is_a_line_too(stream: io.StringIO) -> None:
    try:
        int(CANARY)
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    [line] = stream.getvalue().splitlines()
    event = json.loads(line)
    assert (event["event"], event["level"]) == ("process_failed", "critical")
    assert event["exception"].endswith("ValueError")
    assert CANARY not in line


def test_a_server_without_an_error_stream_goes_on(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    logs.configure("info", "auto", sys.stderr)
    structlog.get_logger().error("into the void")
    assert stream.getvalue() == ""


def test_a_thread_may_end_as_it_likes(stream: io.StringIO) -> None:
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join()
    assert stream.getvalue() == ""
