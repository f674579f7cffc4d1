"""What the tests of `webhook` share: who is told what, and what staff see of it."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bbs_core.ledger import open_ledger
from bbs_core.public.console import Facts, Form, Table
from bbs_core.settings import Settings
from bbs_core.store.engine import database_url as url_of
from bbs_core.store.engine import reading_engine, writing_engine
from bbs_core.store.schema import Engines, migrate
from bbs_core.testing import Bbs
from bbs_core.testing.running import Running
from bbs_core.testing.staff import Staff
from plugins import webhook
from tests.platform.receiver import Receiver, Request

SECRET = "correct horse battery staple"


def target(receiver: Receiver, *events: str) -> dict[str, Any]:
    return {"url": receiver.url, "secret": SECRET, "events": events or ["posts"]}


async def tell(bbs: Bbs, more: Mapping[str, Any] = {}, **receivers: Receiver) -> Staff:
    """Have receivers be told of posts; returns who has set it."""
    olga = bbs.staff("olga")
    targets = {name: target(receiver) for name, receiver in receivers.items()}
    await olga.configure("webhook", {"targets": targets, "allow_private": True, **more})
    return olga


def told(request: Request) -> Any:
    """Return the data of an event."""
    return json.loads(request.body)["data"]


def texts(receiver: Receiver) -> list[str]:
    return [told(request)["text"] for request in receiver.all_heard()]


async def rows(olga: Staff) -> list[list[Any]]:
    """Return what the page shows of each delivery: target, event, status, attempts and error."""
    table = (await olga.open("webhook", "show_deliveries"))[-1]
    assert isinstance(table, Table)
    return [[*row[1:-1]] for row in table.rows]


async def given_up(olga: Staff) -> Any:
    _, facts, _ = await olga.open("webhook", "show_deliveries")
    assert isinstance(facts, Facts)
    return facts.facts["Given up unsent"]


async def try_again(olga: Staff, place: int) -> None:
    """Press the button of a row."""
    table = (await olga.open("webhook", "show_deliveries"))[-1]
    assert isinstance(table, Table)
    button = table.rows[place][-1]
    assert isinstance(button, Form)
    await olga.act("webhook", "try_again", **{name: str(value) for name, value in button.fixed.items()})


def runner_of(bbs: Bbs) -> Any:
    return bbs._board.app.plugins["webhook"].runner


def board_failures(bbs: Bbs) -> int:
    return bbs._board.app.plugins["webhook"].failure_count


async def stored(bbs: Bbs) -> Any:
    statement = sa.select(webhook.deliveries).order_by(webhook.row.id.desc())
    return await bbs._board.do(runner_of(bbs).storage.read(statement))


def prepare(data: Path, database: str) -> None:
    engine = writing_engine(url_of(database, data))
    migrate(engine, data)
    engine.dispose()
    open_ledger(data)


@contextmanager
def started(data: Path, database: str, receiver: Receiver) -> Iterator[Bbs]:
    """Start a board that was there before."""
    options = {"targets": {"chat": target(receiver)}, "allow_private": True}
    settings = {
        "server": {"data": str(data), "database": database},
        "plugins": {"enabled": ["webhook"], "options": {"webhook": options}},
    }
    engines = Engines(functools.cache(writing_engine), functools.cache(reading_engine))
    with Running([], Settings.model_validate(settings), engines) as running:
        yield Bbs(running)
