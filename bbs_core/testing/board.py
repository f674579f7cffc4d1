"""The board as a test sees it."""

from __future__ import annotations

from typing import Any

from bbs_core.explaining import explain
from bbs_core.ledger import Actor
from bbs_core.platform.deliveries import FEEDS
from bbs_core.public.records import Act, Message, Post
from bbs_core.staff import ROLES, add_staff, id_of
from bbs_core.store import reads
from bbs_core.store.access import Connection
from bbs_core.testing.clock import FakeClock
from bbs_core.testing.running import Running
from bbs_core.testing.staff import Staff
from bbs_core.testing.visitors import Visitor

# Of no password: nobody enters a console that is not there.
NO_PASSWORD = "-"


class Bbs:
    """A board with the plugins under test; what does something is awaited, and what is looked at is there."""

    def __init__(self, board: Running) -> None:
        self._board = board
        self._staff: dict[str, Staff] = {}

    def login(self, name: str, address: str = "127.0.0.1") -> Visitor:
        """Let a user come, and return it when it is on line."""
        return Visitor(self._board, name, address)

    def staff(self, name: str = "olga", role: str = "owner") -> Staff:
        """Let someone enter the console, and return who it is; whoever is there already is the same."""
        if name in self._staff:
            return self._staff[name]
        ledger = self._board.app.ledger

        def do(connection: Connection) -> int:
            add_staff(connection, ledger, Actor("operator", "test", "cli"), name, role, NO_PASSWORD)
            return id_of(connection, name)

        actor = Actor("staff", name, "console", self._board.app.access.write(do))
        return self._staff.setdefault(name, Staff(self._board, actor, ROLES[role].scopes))

    async def run(self, plugin: str, verb: str, text: str = "") -> list[str]:
        """Return the rows of a plugin's verb, as `bbs plugin run` prints them. Raises UserError."""
        return await self._board.settle(self._board.app.dispatch.run_verb(plugin, verb, text))

    async def explain(self, user: str, command: str, address: str = "") -> tuple[bool, str]:
        """Return whether a user may use a command, and which rule decides, as `bbs plugin explain` has it."""
        app = self._board.app
        told = await self._board.do(explain(app.dispatch, app.presence, user, command, address))
        return told["allowed"], next(one["rule"] for one in told["findings"] if one["decides"])

    async def metrics(self) -> dict[tuple[str, str], float]:
        """Return the numbers that plugins tell, by plugin and name."""
        return await self._board.do(self._board.app.dispatch.metrics())

    @property
    def clock(self) -> FakeClock:
        """The time of the board, which stands still: `await bbs.clock.advance("10m")` moves it."""
        return self._board.clock

    @property
    def posts(self) -> list[Post]:
        """The posts that are shown, the oldest first."""
        return self._all("bbs_posts_committed")

    @property
    def held(self) -> list[Post]:
        """The posts that wait for their review, the oldest first."""

        def read(connection: Connection) -> list[reads.StoredRow]:
            return reads.posts_after(connection, 0, reads.last_post_id(connection))

        found = [one for one in self._board.app.access.read(read) if one.state == reads.HELD]
        return [Post(one.id, one.name, one.address, one.text, one.at_ms) for one in found]

    @property
    def messages(self) -> list[Message]:
        """The direct messages, the oldest first."""
        return self._all("bbs_messages_committed")

    @property
    def ledger(self) -> list[Act]:
        """What staff and plugins did, the oldest act first."""
        return self._all("bbs_acts_recorded")

    def _all(self, hook: str) -> list[Any]:
        """Return all that plugins can hear of by a hook."""
        feed = FEEDS[hook]

        def read(connection: Connection) -> list[Any]:
            found: list[Any] = []
            through, told = -1, feed.read(connection, 0)
            while told.through_id != through:
                found += told.rows
                through, told = told.through_id, feed.read(connection, told.through_id)
            return found

        return self._board.app.access.read(read)
