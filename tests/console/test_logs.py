"""Log lines: one event each, for people or for programs, without texts, secrets or forgery."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import structlog

from bbs_core import logs
from bbs_core.errors import InvalidAct, UserError
from tests.plain_log import logging_kept


class Stream(io.StringIO):
    """A stream that may say that it is a terminal."""

    def __init__(self, terminal: bool = False) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Give the rest of the tests their logging back."""
    with logging_kept():
        yield


@pytest.fixture
def stream() -> Stream:
    stream = Stream()
    logs.configure("info", "auto", stream)
    return stream


log = structlog.get_logger("bbs_core.test")


def test_a_line_is_one_json_object_with_a_utc_time(stream: Stream) -> None:
    log.info("refused", address="192.0.2.1", why="full", count=3, late=None)
    log.debug("unheard")
    (event,) = stream.events
    moment = datetime.fromisoformat(event.pop("timestamp"))
    assert moment.utcoffset() is not None
    assert not moment.utcoffset()
    assert event == {
        "level": "info",
        "logger": "bbs_core.test",
        "event": "refused",
        "address": "192.0.2.1",
        "why": "full",
        "count": 3,
        "late": None,
    }


def test_a_terminal_gets_lines_for_people_and_a_setting_decides_otherwise() -> None:
    for format, terminal, is_json in (("auto", True, False), ("text", False, False), ("json", True, True)):
        stream = Stream(terminal)
        logs.configure("info", format, stream)  # type: ignore[arg-type]
        log.warning("refused", why="full")
        assert stream.getvalue().count("\n") == 1
        assert stream.getvalue().startswith("{") is is_json
        assert "\x1b" in stream.getvalue() or not (terminal and not is_json)


def test_texts_and_secrets_are_masked_wherever_they_stand(stream: Stream) -> None:
    secret = "hunter2hunter2"
    log.error(
        "oops",
        text=secret,
        password=secret,
        Token=secret,
        authorization=f"Bearer {secret}",
        cookie=secret,
        reason=secret,
        request={"headers": [{"Authorization": secret}], "text": secret},
        error=ValueError(secret),
    )
    assert secret not in stream.getvalue()
    assert stream.events[0]["error"] == "ValueError"


@pytest.mark.parametrize("format", ["json", "text"])
def test_nobody_forges_a_line_or_steers_the_terminal(format: Any) -> None:
    stream = Stream()
    logs.configure("info", format, stream)
    forged = 'x\n{"event": "forged"}\r\x1b[2J\x9b\u202e'
    log.info(f"named {forged}", name=forged, names=[forged], raw=forged.encode(), error=InvalidAct(forged))
    logging.getLogger("library").warning("said %s", forged)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert not set("\r\x1b\x9b\u202e").intersection(stream.getvalue())


def fail(error: Exception, said: str) -> None:
    try:
        raise KeyError(said)
    except KeyError as cause:
        raise error from cause


@pytest.mark.parametrize(
    ("error", "summary"),
    [
        (ValueError("the secret"), "ValueError"),
        (UserError("the secret"), "UserError"),
        (InvalidAct("A name is missing."), "InvalidAct: A name is missing."),
        (TypeError("f() takes no arguments"), "TypeError: f() takes no arguments"),
        (ModuleNotFoundError("No module named 'dice'"), "ModuleNotFoundError: No module named 'dice'"),
    ],
)
def test_a_traceback_says_where_but_not_what_was_said(stream: Stream, error: Exception, summary: str) -> None:
    try:
        fail(error, f"the first {'secret'}")
    except Exception:
        log.exception("failed")
        logging.getLogger("waitress").exception("Exception while serving /")
    for event in stream.events:
        assert event["exception"].splitlines()[-1] == summary
        assert "in fail" in event["exception"]
        assert "KeyError" in event["exception"]
    assert "the secret" not in stream.getvalue()
    assert "the first secret" not in stream.getvalue()


def test_the_texts_in_errors_do_not_reach_the_log(stream: Stream) -> None:
    text = "canary"
    try:
        int(text + " and more")
    except ValueError:
        log.exception("failed")
    assert "canary" not in stream.getvalue()


async def test_a_task_that_nobody_awaited_does_not_tell_its_text(stream: Stream) -> None:
    async def task() -> None:
        raise ValueError("canary")

    loop = asyncio.get_running_loop()
    error = ValueError("canary")
    loop.call_exception_handler({"message": "Task exception was never retrieved", "exception": error, "future": error})
    assert stream.events[0]["event"] == "Task exception was never retrieved"
    assert "canary" not in stream.getvalue()


def test_libraries_speak_in_the_same_lines_and_only_when_it_matters(stream: Stream) -> None:
    for name in ("alembic.runtime.migration", "sqlalchemy.engine.Engine", "waitress", "asyncio"):
        logging.getLogger(name).info("daily work")
        logging.getLogger(name).warning("trouble: %s", 5)
    assert [event["event"] for event in stream.events] == ["trouble: 5"] * 4
    assert all(event["level"] == "warning" for event in stream.events)


def test_the_last_configuration_holds(stream: Stream) -> None:
    other = Stream()
    logs.configure("error", "json", other)
    log.warning("unheard")
    log.error("heard")
    assert not stream.getvalue()
    assert [event["event"] for event in other.events] == ["heard"]


def test_a_stream_that_is_gone_disturbs_nobody(stream: Stream, capfd: pytest.CaptureFixture[str]) -> None:
    stream.close()
    log.error("into the void")
    assert capfd.readouterr().err == ""
