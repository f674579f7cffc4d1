"""What plugins do beside commands: they are started and stopped, hear what was committed, and have timers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bbs_core import moderation, plugin_switches
from bbs_core.ledger import acts_after
from bbs_core.store.models import Position
from tests.effects.kit import act, change
from tests.platform.outside import put
from tests.wire.live import LiveBoard

WAIT_S = 20
# Hears of everything, and fails as often as `failures` says.
EAR = """
    import collections
    import queue
    from bbs_core.plugin import hookimpl

    heard = collections.defaultdict(queue.SimpleQueue)
    failures = []

    def hear(what, rows):
        if failures:
            failures.pop()
            raise RuntimeError("oh")
        heard[what].put([*rows])

    @hookimpl
    def bbs_posts_committed(posts):
        hear("posts", posts)

    @hookimpl
    async def bbs_messages_committed(server, messages):
        hear("messages", messages)

    @hookimpl
    def bbs_acts_recorded(acts):
        hear("acts", acts)

    @hookimpl
    async def bbs_server_started(server):
        heard["started"].put([*server.online])

    @hookimpl
    async def bbs_server_stopping(server):
        heard["stopping"].put([])
"""


def hear(board: LiveBoard, what: str, count: int) -> list[Any]:
    """Wait until so many rows of a kind were heard of, and return them."""
    rows: list[Any] = []
    while len(rows) < count:
        rows += ear(board)[what].get(timeout=WAIT_S)
    return rows


def ear(board: LiveBoard) -> Any:
    """Return what the plugin has heard, by its kind."""
    return board.app.plugins["ear"].module.heard  # type: ignore[union-attr]


def wait_for(board: LiveBoard, what: str) -> None:
    """Wait until the plugin was told so."""
    ear(board)[what].get(timeout=WAIT_S)


def test_posts_messages_and_acts_are_told_in_their_order(tmp_path: Path, database_url: str) -> None:
    put(tmp_path, "ear.py", EAR)
    with LiveBoard(tmp_path, server={"database": database_url}) as board, board.client("ann") as ann:
        wait_for(board, "started")
        for number in range(50):
            ann.post(f"row {number}")
        ann.dm("bob", "psst")
        ann.list()
        act(board, moderation.hide_post, 1, "rude")
        posts = hear(board, "posts", 50)
        assert [post.text for post in posts] == [f"row {number}" for number in range(50)]
        assert (posts[0].id, posts[0].username, posts[0].address) == (1, "ann", "127.0.0.1")
    with LiveBoard(tmp_path, server={"database": database_url}) as board, board.client("ann") as ann:
        ann.dm("bob", "again")
        ann.list()
        act(board, moderation.restore_post, 1, "not so rude")
        assert [(one.sender, one.recipient, one.text) for one in hear(board, "messages", 1)][-1] == (
            "ann",
            "bob",
            "again",
        )
        told = hear(board, "acts", 1)[-1]
        assert (told.action, told.target_id, told.reason) == ("post.restore", "1", "not so rude")


def test_what_came_before_a_plugin_is_not_told_and_what_came_while_it_was_off_is(tmp_path: Path) -> None:
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        ann.post("before")
        ann.list()
    put(tmp_path, "ear.py", EAR)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        wait_for(board, "started")
        ann.post("one")
        ann.list()
        assert [post.text for post in hear(board, "posts", 1)] == ["one"]
        start = board.settings
        act(board, plugin_switches.disable_plugin, start, "ear", "for a while")
        ann.post("while it is off")
        ann.list()
        act(board, plugin_switches.enable_plugin, start, "ear", "again")
        assert [post.text for post in hear(board, "posts", 1)] == ["while it is off"]
    with LiveBoard(tmp_path, plugins={"disabled": ["ear"]}) as board, board.client("ann") as ann:
        ann.post("before it was loaded")
        ann.list()
    with LiveBoard(tmp_path) as board:
        assert [post.text for post in hear(board, "posts", 1)] == ["before it was loaded"]


def test_a_server_that_is_alone_keeps_its_place_from_nobody_so_that_a_kill_costs_no_wait(tmp_path: Path) -> None:
    put(tmp_path, "ear.py", EAR)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        wait_for(board, "started")
        ann.post("one")
        ann.list()
        hear(board, "posts", 1)
        places = board.app.access.write(lambda connection: connection.execute(sa.select(Position.name, Position.node)))
        assert {node for name, node in places if name.startswith("ear:")} == {""}


def test_after_a_failure_the_same_comes_again(tmp_path: Path) -> None:
    put(tmp_path, "ear.py", EAR)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        wait_for(board, "started")
        board.app.plugins["ear"].module.failures.append(1)  # type: ignore[union-attr]
        for text in ("one", "two"):
            ann.post(text)
            ann.list()
        assert [post.text for post in hear(board, "posts", 2)] == ["one", "two"]
        assert board.app.plugins["ear"].failure_count == 1


def test_a_post_that_waits_for_its_review_is_not_told(tmp_path: Path) -> None:
    put(tmp_path, "ear.py", EAR)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        wait_for(board, "started")
        change(board, {"board.mode": "hold"})
        ann.post("held")
        ann.list()
        change(board, {"board.mode": "open"})
        ann.post("shown")
        ann.list()
        assert [post.text for post in hear(board, "posts", 1)] == ["shown"]


def test_a_plugin_hears_of_its_end(tmp_path: Path) -> None:
    put(tmp_path, "ear.py", EAR)
    with LiveBoard(tmp_path) as board:
        wait_for(board, "started")
        heard = ear(board)["stopping"]
        act(board, plugin_switches.disable_plugin, board.settings, "ear", "enough")
        assert heard.get(timeout=WAIT_S) == []
        act(board, plugin_switches.enable_plugin, board.settings, "ear", "again")
        wait_for(board, "started")
        heard = ear(board)["stopping"]
    assert heard.get(timeout=WAIT_S) == []


CLOCK = """
    from bbs_core.plugin import UserError, every

    @every("1s")
    async def chime(server):
        if await server.user("ann") is None:
            return
        await server.notify("ann", "It is one.")
        await server.announce("It is two.")
        await server.post("It is three.")
        try:
            await server.notify("nobody", "psst")
        except UserError as error:
            await server.post(str(error))
"""


def test_a_timer_acts_on_the_board_under_the_plugins_name(tmp_path: Path) -> None:
    put(tmp_path, "clock.py", CLOCK)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        rows: set[str] = set()
        while len(rows) < 4:
            rows.update(ann.list())
        assert rows == {
            "operator It is three.",
            "operator There is no user of this name.",
            "* It is two.",
            "* It is one.",
        }
        acts = [(row["actor_kind"], row["action"]) for row in board.app.access.read(lambda c: acts_after(c, 0))]
        assert acts[:3] == [("plugin", "announcement.add"), ("plugin", "post.add"), ("plugin", "post.add")]


def test_a_timer_that_fails_is_called_again(tmp_path: Path) -> None:
    put(
        tmp_path,
        "ear.py",
        """
        import queue
        from bbs_core.plugin import every

        heard = {"ticks": queue.SimpleQueue()}

        @every("1s")
        def tick():
            heard["ticks"].put([])
            raise RuntimeError("oh")
        """,
    )
    with LiveBoard(tmp_path) as board:
        wait_for(board, "ticks")
        wait_for(board, "ticks")
        assert board.app.plugins["ear"].failure_count >= 1
