"""The form of a ban hits whom it shows, whatever their name is made of."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from bbs_core.store.staff_models import Sanction
from tests.console.hostile import HOSTILE, LONG
from tests.console.support import Board, Browser


def signed_in(board: Board) -> Browser:
    board.staff()
    visitor = Browser(board)
    visitor.enter()
    return visitor


def banned(board: Board) -> list[str]:
    return list(board.access.read(lambda c: c.execute(sa.select(Sanction.value)).scalars()))


@pytest.mark.parametrize("name", [LONG, "two\nlines", "", HOSTILE], ids=["long", "lines", "empty", "hostile"])
def test_a_user_is_banned_from_their_page_whatever_their_name_is(sqlite_board: Board, name: str) -> None:
    visitor = signed_in(sqlite_board)
    sqlite_board.visit(name)
    link = re.search(r'href="(/bans/new[^"]+)"', visitor.get("/users/1").text)
    assert link
    form = visitor.get(link[1]).text
    assert "1 user, 0 sessions on line" in form
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', form))
    assert visitor.post_bare("/bans", **fields, reason="spam").status == 303
    assert banned(sqlite_board) == [name]


def test_a_user_who_is_not_there_is_a_sentence(sqlite_board: Board) -> None:
    visitor = signed_in(sqlite_board)
    assert "There is no user 9." in visitor.get("/bans/new?user_id=9").text
    assert visitor.post("/bans", user_id="9", kind="user", value="ann", reason="spam").status == 422
    assert banned(sqlite_board) == []


def test_what_is_typed_is_banned_as_it_is_shown(sqlite_board: Board) -> None:
    visitor = signed_in(sqlite_board)
    visitor.post("/bans", kind="user", value="two\r\nlines", reason="spam")
    assert "two\u240d\u240alines" in visitor.get("/bans").text
    assert banned(sqlite_board) == ["two\u240d\u240alines"]
