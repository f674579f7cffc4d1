"""A board with a week behind it, so that every page has something to show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import sqlalchemy as sa

from bbs_core import reports, sanctions
from bbs_core.clock import now_ms
from bbs_core.ledger import Actor, Ledger
from bbs_core.proposals import Proposal
from bbs_core.store.items import Departure, NewMessage, NewPost, Visit
from bbs_core.store.models import Activity
from tests.console.api_cases import user_id
from tests.console.support import Board, open_board
from tests.support import BoardProcess

HOUR_MS = 3_600_000
OPERATOR = Actor("operator", "bbs", "cli")
# Addresses that belong to nobody (RFC 5737).
ADDRESSES = {name: f"192.0.2.{number}" for number, name in enumerate(("alice", "bob", "carla", "dinesh", "emma"), 10)}
ADDRESSES["mallory"] = "198.51.100.66"
# How many hours ago, who, what, and why it is held.
POSTS = (
    (150, "alice", "Good morning, everyone!", ""),
    (149, "bob", "Good morning, Alice. I am on my way.", ""),
    (126, "dinesh", "Has anybody solved exercise 4? Mine prints the list backwards.", ""),
    (125, "carla", "Mine too. Look at the order in which you append.", ""),
    (101, "emma", "The library closes at five today.", ""),
    (53, "bob", "Who has the second edition of the networks book?", ""),
    (20, "dinesh", "I do. You can have it after lunch.", ""),
    (20, "emma", "¿Alguien quiere practicar español a mediodía?", ""),
    (19, "carla", "Sí! Por la tarde también puedo.", ""),
    (11, "alice", "Results of the quiz are on the door of room 12.", ""),
    (11, "dinesh", "Room 12 or room 21?", ""),
    (11, "alice", "Room 12.", ""),
    (9, "carla", "Does the socket exercise need a thread for each client?", ""),
    (8, "alice", "No: one loop is enough. See chapter 7.", ""),
    (8, "carla", "Thanks!", ""),
    (4, "mallory", "BUY CHEAP WATCHES http://watches.example — only today!!!", ""),
    (3, "mallory", "BUY CHEAP WATCHES http://watches.example — last chance!!!", ""),
    (3, "bob", "Can somebody stop this?", ""),
    (1, "dinesh", "My notes are at http://notes.example/networks", "it has a link"),
)
MESSAGES = (
    (100, "bob", "alice", "Meet me at the café ☕"),
    (7, "mallory", "emma", "Hey, what is your phone number?"),
    (6, "emma", "mallory", "Please do not write to me."),
    (5, "mallory", "emma", "Come on, don't be like that."),
)
REPORTED_POST = 17
REPORTED_MESSAGE = 4
# How many came in each hour, the last one now.
VISITS = (0, 0, 0, 2, 3, 1, 0, 0, 0, 1, 2, 5, 7, 4, 6, 9, 3, 2, 5, 8, 6, 4, 3, 4)


class Nobody:
    """Whose rows are never refused."""

    def refused(self, kind: str, text: str, error: Exception) -> None:
        raise AssertionError(f"the {kind} {text!r} was refused: {error}")


@contextmanager
def staged_board(data: Path, **settings: str) -> Iterator[BoardProcess]:
    """Yield a board with a week behind it, and some users on line."""
    with open_board(data, "") as past:
        _write(past)
        past.run(_count_hours)
        _report(past, "post", REPORTED_POST, "bob", "spam, for the second time")
        _report(past, "post", REPORTED_POST, "carla", "watches again")
        _report(past, "message", REPORTED_MESSAGE, "emma", "he does not stop")
        past.run(lambda connection: _mute(connection, past.ledger))
    with BoardProcess(data, server_preset="community", **settings) as board, ExitStack() as on_line:
        for name in ("alice", "carla", "emma", "mallory"):
            on_line.enter_context(board.client(name)).list()
        yield board


def _write(past: Board) -> None:
    for ago, name, text, held_for in POSTS:
        at_ms = now_ms() - ago * HOUR_MS
        visit = Visit(name, ADDRESSES[name], at_ms)
        past.writer.put(visit)
        past.writer.put(NewPost(Nobody(), name, ADDRESSES[name], text, at_ms, held_for=held_for))
        past.writer.put(Departure(visit.session_id))
    for ago, name, to, text in MESSAGES:
        past.writer.put(NewMessage(Nobody(), name, ADDRESSES[name], to, text, now_ms() - ago * HOUR_MS))


def _count_hours(connection: sa.Connection) -> None:
    """Count anew: the board has counted the hour in which the week was written."""
    connection.execute(sa.delete(Activity))
    posts, messages = Counter(row[0] for row in POSTS), Counter(row[0] for row in MESSAGES)
    newest_ms = now_ms() // HOUR_MS * HOUR_MS
    for ago in range(24 * 7):
        counts = {"posts": posts[ago], "messages": messages[ago], "visits": VISITS[-1 - ago % 24]}
        connection.execute(sa.insert(Activity).values(hour_ms=newest_ms - ago * HOUR_MS, **counts))


def _report(past: Board, kind: str, number: int, name: str, words: str) -> None:
    past.run(lambda connection: reports.report(connection, kind, number, user_id(past, name), words))


def _mute(connection: sa.Connection, ledger: Ledger) -> None:
    """Let someone have been muted for a while."""
    number, _ = sanctions.add(connection, ledger, OPERATOR, Proposal("mute", "user", "dinesh", "posted twice"))
    sanctions.lift(connection, ledger, OPERATOR, number, "it was a mistake", "mute")
