"""Each act is one row, written with its effect or not at all, and no later change of a row goes unseen."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from bbs_core.errors import StoreError
from bbs_core.ledger import Actor, Entry
from bbs_core.moderation import hide_post, restore_post
from bbs_core.store.models import Post
from bbs_core.store.staff_models import Act, ActText, Staff, Token
from tests.console.support import PASSWORD, Board

ACTOR = Actor("staff", "olga", "console")


def hide(board: Board, post_id: int, reason: str = "off topic") -> int:
    return board.run(lambda c: hide_post(c, board.ledger, ACTOR, post_id, reason))


@pytest.fixture
def moderated(board: Board) -> Board:
    """A board with three acts."""
    board.post("one", "two")
    hide(board, 1, "rude")
    hide(board, 2, "very rude")
    board.run(lambda c: restore_post(c, board.ledger, ACTOR, 1, "a mistake"))
    assert not board.faults()
    return board


def without_guard(board: Board, *statements: sa.Executable) -> None:
    """Change what nothing in the product changes, as someone with the database's password could."""
    sqlite = board.engine.dialect.name == "sqlite"

    def change(connection: sa.Connection) -> None:
        for verb in ("UPDATE", "DELETE"):
            connection.execute(
                sa.text(f"DROP TRIGGER acts_{verb}" if sqlite else f"ALTER TABLE acts DISABLE TRIGGER acts_{verb}")
            )
        for statement in statements:
            connection.execute(statement)

    board.run(change)


def test_each_act_is_one_row_that_says_who_did_what_and_why(moderated: Board) -> None:
    acts = moderated.acts()
    assert [(act["id"], act["action"], act["target_kind"], act["target_id"]) for act in acts] == [
        (1, "post.hide", "post", "1"),
        (2, "post.hide", "post", "2"),
        (3, "post.restore", "post", "1"),
    ]
    assert {(act["actor_kind"], act["via"]) for act in acts} == {("staff", "console")}
    assert (acts[0]["before"], acts[0]["after"]) == ('{"state": "visible"}', '{"state": "hidden"}')
    texts = {row.digest: row.text for row in moderated.access.read(lambda c: c.execute(sa.select(ActText)).all())}
    assert [texts[act["reason"]] for act in acts] == ["rude", "very rude", "a mistake"]
    assert {texts[act["actor"]] for act in acts} == {"olga"}


def test_staff_and_tokens_are_one_row_each(board: Board) -> None:
    board.perform("staff.add", {"name": "olga", "role": "owner", "password": PASSWORD})
    board.perform("token.create", {"staff": "olga", "name": "cron", "scopes": ["posts:read"]})
    acts = board.acts()
    assert [(act["action"], act["actor_kind"], act["via"]) for act in acts] == [
        ("staff.add", "operator", "cli"),
        ("token.create", "operator", "cli"),
    ]
    assert not board.faults()


def test_an_effect_without_its_row_is_taken_back(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    board.post("one")
    board.staff()
    write = board.ledger.write

    def write_and_fail(connection: sa.Connection, entry: Entry) -> int:
        write(connection, entry)
        raise StoreError("The disk is full.")

    monkeypatch.setattr(board.ledger, "write", write_and_fail)
    for act, arguments in (
        ("staff.add", {"name": "mona", "role": "owner", "password": PASSWORD}),
        ("token.create", {"staff": "olga", "name": "cron", "scopes": ["all"]}),
    ):
        with pytest.raises(StoreError):
            board.perform(act, arguments)
    with pytest.raises(StoreError):
        hide(board, 1)
    assert not board.acts()
    assert board.access.read(lambda c: c.execute(sa.select(Post.state)).scalars().all()) == [0]
    assert board.access.read(lambda c: c.execute(sa.select(Staff.name)).scalars().all()) == ["olga"]
    assert board.access.read(lambda c: c.execute(sa.select(Token.id)).scalars().all()) == []


@pytest.mark.parametrize("column", ["action", "actor_kind", "via", "target_id", "before", "after", "reason", "actor"])
def test_a_changed_column_is_found(moderated: Board, column: str) -> None:
    without_guard(moderated, sa.update(Act).where(Act.id == 2).values({column: Act.__table__.c[column] + "x"}))
    assert moderated.faults() == ["Act 2 is not as it was written."]


def test_a_changed_number_is_found(moderated: Board) -> None:
    without_guard(moderated, sa.update(Act).where(Act.id == 2).values(at_ms=Act.at_ms + 1))
    assert moderated.faults() == ["Act 2 is not as it was written."]


def test_a_changed_byte_of_a_digest_is_found(moderated: Board) -> None:
    digest = bytearray(moderated.acts()[1]["digest"])
    digest[5] ^= 1
    without_guard(moderated, sa.update(Act).where(Act.id == 2).values(digest=bytes(digest)))
    assert moderated.faults() == ["Act 2 is not as it was written.", "Act 3 is not as it was written."]


def test_a_deleted_row_is_found(moderated: Board) -> None:
    without_guard(moderated, sa.delete(ActText).where(ActText.act_id == 2), sa.delete(Act).where(Act.id == 2))
    assert "Act 2 is missing." in moderated.faults()


def test_a_changed_text_is_found_and_an_erased_one_leaves_the_chain_whole(moderated: Board) -> None:
    moderated.run(lambda c: c.execute(sa.update(ActText).where(ActText.text == "rude").values(text="polite")))
    assert moderated.faults() == ["A text of act 1 is not as it was written."]
    moderated.run(lambda c: c.execute(sa.delete(ActText).where(ActText.act_id == 1)))
    assert not moderated.faults()


@pytest.mark.parametrize("statement", ["UPDATE acts SET via = 'cli'", "DELETE FROM acts"])
def test_the_database_itself_refuses_to_change_the_ledger(moderated: Board, statement: str) -> None:
    before = [dict(act) for act in moderated.acts()]
    with pytest.raises(sa.exc.DBAPIError, match=r"The ledger is never changed"), moderated.engine.begin() as connection:
        connection.execute(sa.text(statement))
    assert [dict(act) for act in moderated.acts()] == before


def test_a_reason_may_hold_any_character(board: Board) -> None:
    board.post("one")
    hide(board, 1, "nul\0 日本語 \U0001f600")
    texts: list[Any] = list(board.access.read(lambda c: c.execute(sa.select(ActText.text)).scalars().all()))
    assert "nul\u2400 日本語 \U0001f600" in texts
    assert not board.faults()
