"""Stock users who talk at the same time, and whose every row is compared with what the model answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from tests.stock.double import StockClient
from tests.stock.model import Model

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class Witness:
    """One user, who posts and writes to a friend, lists both, and keeps all that was shown."""

    name: str
    friend: str
    client: StockClient
    said: list[str] = field(default_factory=list)
    # Each list with the number of texts that its reader had sent before it.
    lists: list[tuple[int, list[str]]] = field(default_factory=list)
    mail_lists: list[list[str]] = field(default_factory=list)
    rest: bytes = b""

    def take_part(self) -> None:
        """Say two things, to everyone and to the friend, and look after each."""
        for look in (self._list, self._list_mail):
            text = f"{self.name} {len(self.said)}"
            self.client.post(text)
            self.client.dm(self.friend, text)
            self.said.append(text)
            look()

    def look_and_leave(self) -> None:
        self._list()
        self._list_mail()
        self.rest = self.client.quit_and_wait_eof()

    def _list(self) -> None:
        self.lists.append((len(self.said), self.client.list()))

    def _list_mail(self) -> None:
        self.mail_lists.append(self.client.listdm())


def at_once(do: Callable[[T], R], everyone: Sequence[T]) -> list[R]:
    """Have all do something at the same time; returns what came of it."""
    with ThreadPoolExecutor(len(everyone)) as pool:
        return list(pool.map(do, everyone))


def assert_transcripts_are_right(witnesses: Sequence[Witness]) -> None:
    """Compare every list with what the model shows, after as many posts in the order that the board gave them."""
    board = max((seen for witness in witnesses for _, seen in witness.lists), key=len)
    model = replayed(witnesses, [row.partition(" ")[2] for row in board])
    for witness in witnesses:
        session = model.connect(witness.name)
        shown, mail = session.send("list"), session.send("listdm")
        assert shown is not None
        assert mail is not None
        own = [place for place, row in enumerate(shown[1:], 1) if row.split()[1] == witness.name]
        assert len(own) == len(witness.said)
        for said, seen in witness.lists:
            assert seen == shown[1 : len(seen) + 1]
            assert said == 0 or len(seen) >= own[said - 1]
        for seen in witness.mail_lists:
            assert seen == mail[1 : len(seen) + 1]
        assert (witness.lists[-1][1], witness.mail_lists[-1], witness.rest) == (shown[1:], mail[1:], b"")


def replayed(witnesses: Sequence[Witness], order: Sequence[str]) -> Model:
    """Return the model when everyone has said what they have, the posts in this order."""
    model = Model()
    authors = {witness.name: (witness, model.connect(witness.name)) for witness in witnesses}
    assert sorted(order) == sorted(text for witness in witnesses for text in witness.said)
    for text in order:
        witness, session = authors[text.split()[0]]
        for frame in (text, "dm", witness.friend, text):
            session.send(frame)
    for witness in witnesses:
        assert [text for text in order if text.split()[0] == witness.name] == witness.said
    return model
