"""Every act that is declared reversible, followed by its undo, leaves things as before; twice is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from bbs_core import moderation, plugin_options, posts, runtime_settings, sanctions, undo
from bbs_core.audit import ActQuery, get_act, list_acts
from bbs_core.errors import ActError, Conflict, InvalidAct, NotFound
from bbs_core.ledger import Actor, Ledger
from bbs_core.platform.configuring import Configured
from bbs_core.proposals import Proposal
from bbs_core.public.options import Options
from bbs_core.settings import Settings
from bbs_core.store import engine
from bbs_core.store.models import Post
from bbs_core.store.staff_models import Act, Sanction, Setting
from tests.store.kit import Store, post
from tests.support import ROOT

LEDGER = Ledger(bytes(32))
ACTOR = Actor("operator", "root", "cli")
START = Settings()
POSTS = 4


@pytest.fixture
def board(database_url: str, tmp_path: Path) -> Iterator[Store]:
    """A store with a few posts, of which the last waits for its review."""
    store = Store(engine.database_url(database_url, tmp_path), tmp_path)
    store.writer.start()
    store.commit([post(f"text {number}") for number in range(POSTS)])
    store.run(lambda c: c.execute(sa.update(Post).where(Post.id == POSTS).values(state=posts.State.HELD)))
    yield store
    store.close()


def act(board: Store, function: Callable[..., Any], *arguments: Any) -> Any:
    return board.run(lambda connection: function(connection, LEDGER, ACTOR, *arguments))


def take_back(board: Store, act_id: int) -> int:
    done: int = act(board, undo.undo, START, act_id, "a mistake")
    return done


def state(board: Store) -> tuple[list[Any], ...]:
    """Return what users could notice."""
    with board.outside.connect() as connection:
        return (
            connection.execute(sa.select(Post.id, Post.state, Post.text).order_by(Post.id)).all(),  # type: ignore[return-value]
            sorted(ruling[:4] for ruling in sanctions.rulings(connection)),
            sorted(runtime_settings.read_changes(connection).items()),
            sorted(plugin_options.read_chosen(connection).get("dice", {}).items()),
        )


class InAStore:
    """A store as callers see it that are not on the loop."""

    def __init__(self, board: Store) -> None:
        self._board = board

    def read(self, function: Callable[[sa.Connection], Any]) -> Any:
        with self._board.outside.connect() as connection:
            return function(connection)

    def write(self, function: Callable[[sa.Connection], Any]) -> Any:
        return self._board.run(function)


class Dice(BaseModel):
    """The settings of a plugin."""

    sides: int = 6
    key: SecretStr = SecretStr("")


def configure(board: Store, **values: Any) -> int:
    models = {"dice": Configured(Options("dice", Dice, "dice.py:1"), "dice.py")}
    where = (InAStore(board), LEDGER, ACTOR, START, models.get)
    return plugin_options.change(*where, "dice", values, "a new game")


def ban(board: Store, name: str, hide: bool = False, measure: str = "ban") -> int:
    return int(act(board, sanctions.add, Proposal(measure, "user", name, "spam", hide_posts=hide))[1])


ACTS: dict[str, Callable[[Store], int]] = {
    "post.hide": lambda b: act(b, moderation.hide_post, 1, "spam"),
    "post.hide (held)": lambda b: act(b, moderation.hide_post, POSTS, "spam"),
    "post.approve": lambda b: act(b, moderation.approve_post, POSTS, "fine"),
    "ban.add": lambda b: ban(b, "ann"),
    "ban.add (hiding)": lambda b: ban(b, "ann", hide=True),
    "mute.add": lambda b: ban(b, "ann", measure="mute"),
    "setting.change": lambda b: act(b, runtime_settings.change, START, {"board.window": 3}, "short"),
    "setting.change (two)": lambda b: act(
        b, runtime_settings.change, START, {"board.window": 3, "board.mode": "hold"}, "short"
    ),
    "plugin.settings": lambda b: configure(b, sides=20),
}


@pytest.mark.parametrize("name", ACTS)
def test_an_act_and_its_undo_leave_all_as_before(board: Store, name: str) -> None:
    before = state(board)
    act_id = ACTS[name](board)
    assert state(board) != before
    undone_by = take_back(board, act_id)
    assert state(board) == before
    with pytest.raises(Conflict, match=f"undone already, by act {undone_by}"):
        take_back(board, act_id)
    with board.outside.connect() as connection:
        assert get_act(connection, act_id)["undone_by"] == undone_by
        assert LEDGER.verify(connection) == []


def test_an_undo_can_be_undone(board: Store) -> None:
    act_id = act(board, moderation.hide_post, 1, "spam")
    hidden = state(board)
    take_back(board, take_back(board, act_id))
    assert state(board) == hidden


def test_what_has_changed_since_is_not_taken_back(board: Store) -> None:
    hide = act(board, moderation.hide_post, 1, "spam")
    act(board, moderation.restore_post, 1, "fine")
    change = act(board, runtime_settings.change, START, {"board.window": 3}, "short")
    act(board, runtime_settings.change, START, {"board.window": 4}, "longer")
    before = state(board)
    for act_id in (hide, change):
        with pytest.raises(Conflict):
            take_back(board, act_id)
    assert state(board) == before


def test_what_cannot_be_taken_back_says_so(board: Store) -> None:
    with pytest.raises(InvalidAct, match=r"post\.purge cannot be undone"):
        take_back(board, act(board, moderation.purge_post, 1, "private"))
    with pytest.raises(InvalidAct, match="does not hold secrets"):
        take_back(board, configure(board, key="geheim", sides=8))
    with pytest.raises(NotFound):
        take_back(board, 999)


MOVES = st.lists(
    st.tuples(st.sampled_from(["hide", "restore", "approve", "ban", "lift", "window", "sides"]), st.integers(1, POSTS)),
    max_size=8,
)


def move(board: Store, name: str, number: int) -> int | None:
    """Try an act; returns its id if it was done."""
    try:
        match name:
            case "ban":
                return ban(board, f"user {number}")
            case "lift":
                return int(act(board, sanctions.lift, number, "enough"))
            case "window":
                return int(act(board, runtime_settings.change, START, {"board.window": number}, "other"))
            case "sides":
                return configure(board, sides=number)
            case _:
                return int(act(board, getattr(moderation, f"{name}_post"), number, "because"))
    except ActError:
        return None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MOVES)
def test_any_sequence_taken_back_from_its_end_leaves_all_as_before(board: Store, moves: list[tuple[str, int]]) -> None:
    before, done = state(board), []
    for name, number in moves:
        act_id = move(board, name, number)
        if act_id is not None:
            done.append(act_id)
    for act_id in reversed(done):
        take_back(board, act_id)
    after = state(board)
    assert [row[1:] for row in after[1]] == [row[1:] for row in before[1]]
    assert (after[0], *after[2:]) == (before[0], *before[2:])


def test_acts_are_found_by_what_is_known_of_them(board: Store) -> None:
    hide = act(board, moderation.hide_post, 2, "spam")
    banned = ban(board, "ann")
    with board.outside.connect() as connection:
        for query, ids in (
            (ActQuery(), [banned, hide]),
            (ActQuery(actor="root"), [banned, hide]),
            (ActQuery(actor="olga"), []),
            (ActQuery(action="post.hide"), [hide]),
            (ActQuery(target_kind="post", target_id="2"), [hide]),
            (ActQuery(until_ms=1), []),
        ):
            assert [found["id"] for found in list_acts(connection, query)] == ids
        found = get_act(connection, banned)
        assert (found["texts"], found["reason_text"], found["undoable"]) == ({"value": "ann"}, "spam", True)
        assert "ann" not in found["after"].values()
        assert list_acts(connection, before_id=banned)[0]["id"] == hide
        with pytest.raises(NotFound):
            get_act(connection, 99)


def test_many_acts_at_once_are_a_chain_that_holds(board: Store) -> None:
    board.commit([post("more", name="bob") for _ in range(1200)])
    act_id = int(act(board, sanctions.add, Proposal("ban", "user", "bob", "spam", hide_posts=True))[1])
    with board.outside.connect() as connection:
        parts = sa.select(sa.func.count()).select_from(Act).where(Act.parent_id == act_id)
        assert connection.execute(parts).scalar_one() == 1200
        assert LEDGER.verify(connection) == []
        assert connection.execute(sa.select(sa.func.count()).select_from(Sanction)).scalar_one() == 1
        assert connection.execute(sa.select(sa.func.count()).select_from(Setting)).scalar_one() == 0


def test_the_page_lists_every_act_and_whether_it_can_be_taken_back() -> None:
    page = (ROOT / "docs" / "ledger.md").read_text()
    listed = dict(re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|.*\| (yes|no) \|$", page, re.MULTILINE))
    assert {name for name, undoable in listed.items() if undoable == "yes"} == set(undo.REVERSALS)
    written = {
        action
        for file in Path(ROOT / "bbs_core").glob("*.py")
        for action in re.findall(r'Entry\([^"]*"([a-z_]+\.[a-z_]+)"', file.read_text())
    }
    assert written <= set(listed)
