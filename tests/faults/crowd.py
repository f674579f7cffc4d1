"""Stock clients that post and list until the board dies under them, and remember what they have seen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from tests.support import BoardProcess

JOIN_S = 20
POSTS_BETWEEN_LISTS = 5
POSTS_OF_A_VISIT = 3
CORRESPONDENT = "correspondent"


@dataclass
class Memory:
    """What the crowd knows of the board: lists that were read, and posts whose author was told they are kept."""

    seen: list[list[str]] = field(default_factory=list)
    mail_seen: list[list[str]] = field(default_factory=list)
    promised: list[str] = field(default_factory=list)
    posts: int = 0
    _moved: threading.Condition = field(default_factory=threading.Condition)

    def posted(self) -> None:
        with self._moved:
            self.posts += 1
            self._moved.notify_all()

    def wait_for_posts(self, number: int) -> None:
        with self._moved:
            assert self._moved.wait_for(lambda: self.posts >= number, JOIN_S), self.posts


class Member(threading.Thread):
    """One user; ends quietly when the server is gone."""

    def __init__(self, board: BoardProcess, memory: Memory, name: str, round_number: int) -> None:
        super().__init__(daemon=True)
        self.board = board
        self.memory = memory
        self.user = name
        self.texts = (f"{name} {round_number} {number}" for number in count())

    def run(self) -> None:
        try:
            self.live()
        # A torn number or a cut frame is what a client may see of a server that was killed.
        except (OSError, ValueError, EOFError, SystemExit):
            return

    def live(self) -> None:
        raise NotImplementedError


class Regular(Member):
    """Posts and lists on one line."""

    def live(self) -> None:
        with self.board.client(self.user) as client:
            while True:
                for _ in range(POSTS_BETWEEN_LISTS):
                    client.post(next(self.texts))
                    self.memory.posted()
                self.memory.seen.append(client.list())


class Correspondent(Member):
    """Writes to itself and reads its mail."""

    def live(self) -> None:
        with self.board.client(self.user) as client:
            while True:
                for _ in range(POSTS_BETWEEN_LISTS):
                    client.dm(self.user, next(self.texts))
                self.memory.mail_seen.append(client.listdm())


class Visitor(Member):
    """Comes, posts, quits and waits for the end of the stream, which says that all is kept; comes again."""

    def live(self) -> None:
        while True:
            with self.board.client(self.user) as client:
                texts = [next(self.texts) for _ in range(POSTS_OF_A_VISIT)]
                for text in texts:
                    client.post(text)
                    self.memory.posted()
                client.quit_and_wait_eof()
                self.memory.promised += texts


@contextmanager
def crowd(board: BoardProcess, round_number: int, regulars: int = 4, visitors: int = 2) -> Iterator[Memory]:
    """Let a crowd loose; the body must end the board, and then everyone goes."""
    memory = Memory()
    members: list[Member] = [Regular(board, memory, f"regular{n}", round_number) for n in range(regulars)]
    members += [Visitor(board, memory, f"visitor{n}", round_number) for n in range(visitors)]
    members.append(Correspondent(board, memory, CORRESPONDENT, round_number))
    for member in members:
        member.start()
    yield memory
    for member in members:
        member.join(JOIN_S)
        assert not member.is_alive()
