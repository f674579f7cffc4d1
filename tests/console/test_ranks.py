"""Roles have a rank: who may act on whom, and what nobody can give away."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from bbs_core import second_factor, staff, tokens
from bbs_core.errors import Conflict, Forbidden
from bbs_core.ledger import Actor
from bbs_core.staff import OWNER, ROLES, Scope
from bbs_core.store.staff_models import Staff
from tests.console.support import PASSWORD, PASSWORD_HASH, Board
from tests.console.test_routes import API

REASON = {"reason": "because"}
RANKED: dict[str, Callable[[sa.Connection, Board, Actor, int], Any]] = {
    "disable": lambda c, board, who, number: staff.disable_staff(c, board.ledger, who, number, "because"),
    "demote": lambda c, board, who, number: staff.change_role(c, board.ledger, who, number, "observer", "because"),
    "password": lambda c, board, who, number: staff.change_password(c, board.ledger, who, number, PASSWORD_HASH),
    "factor": lambda c, board, who, number: second_factor.remove_factor(c, board.ledger, who, number, "because"),
    "token": lambda c, board, who, number: tokens.revoke_token(c, board.ledger, who, number),
}


class Undone(Exception):
    """Nothing of what was tried is kept."""


def is_forbidden(board: Board, act: Callable[[sa.Connection], Any]) -> bool:
    def tried(connection: sa.Connection) -> None:
        act(connection)
        raise Undone

    try:
        board.run(tried)
    except Forbidden:
        return True
    except Undone:
        return False
    raise AssertionError


def test_nobody_acts_on_an_equal_or_a_higher_rank(sqlite_board: Board) -> None:
    board = sqlite_board
    actors = {role: Actor("staff", role, "console", board.staff(f"the {role}", role)) for role in ROLES}
    others = {role: board.staff(f"another {role}", role) for role in ROLES}
    board.run(lambda c: c.execute(sa.update(Staff).values(totp_secret="A" * 32)))
    # One token for each, whose number is its owner's.
    made = [board.token(staff=name) for role in ROLES for name in [f"the {role}"]]
    made += [board.token(staff=name) for role in ROLES for name in [f"another {role}"]]
    assert board.token_ids() == [*(who.staff_id for who in actors.values()), *others.values()]
    for (own, who), (role, number), (verb, act) in itertools.product(actors.items(), others.items(), RANKED.items()):
        may = ROLES[own].rank > ROLES[role].rank
        found = is_forbidden(board, lambda c, act=act, who=who, number=number: act(c, board, who, number))  # type: ignore[misc]
        assert found is not may, (own, verb, role)


def test_nobody_gives_a_role_that_is_not_below_their_own(sqlite_board: Board) -> None:
    board = sqlite_board
    low = board.staff("low", "observer")
    for own, role in itertools.product(ROLES, ROLES):
        who = Actor("staff", own, "console", board.staff(f"{own} who makes {role}", own))
        may = own == OWNER or ROLES[own].rank > ROLES[role].rank

        def added(c: sa.Connection, who: Actor = who, role: str = role) -> int:
            return staff.add_staff(c, board.ledger, who, "eve", role, PASSWORD_HASH)

        def raised(c: sa.Connection, who: Actor = who, role: str = role) -> int:
            return staff.change_role(c, board.ledger, who, low, role, "because")

        assert is_forbidden(board, added) is not may, (own, role)
        assert is_forbidden(board, raised) is not (may and own != "observer"), (own, role)


@pytest.mark.parametrize("own", ROLES)
def test_nobody_edits_their_own_role_whatever_it_is(sqlite_board: Board, own: str) -> None:
    number = sqlite_board.staff("me", own)
    who = Actor("staff", "me", "console", number)
    for role in ROLES:
        assert is_forbidden(
            sqlite_board,
            lambda c, role=role: staff.change_role(c, sqlite_board.ledger, who, number, role, "x"),  # type: ignore[misc]
        )


def test_not_even_the_operator_takes_the_last_owner_away(sqlite_board: Board) -> None:
    sqlite_board.staff()
    sqlite_board.staff("ada")
    sqlite_board.perform("staff.disable", {"name": "ada"})
    for act, arguments in (("staff.disable", {}), ("staff.role", {"role": "admin"})):
        with pytest.raises(Conflict, match="is the last owner"):
            sqlite_board.perform(act, {"name": "olga", **arguments})


def test_a_token_gives_nobody_rights_that_it_lacks(sqlite_board: Board) -> None:
    board = sqlite_board
    otto = board.staff("otto", "observer")
    ned = board.staff("ned", "moderator")
    weak = board.token(Scope.STAFF_WRITE, Scope.ACTS_READ)
    board.perform("staff.disable", {"name": "ned"})
    acts = len(board.acts())
    for method, path, body in (
        ("POST", "/staff", {"name": "eve", "role": "owner", "password": PASSWORD}),
        ("POST", "/staff", {"name": "eve", "role": "observer", "password": PASSWORD}),
        ("PATCH", f"/staff/{otto}", {"role": "admin", "version": 1, **REASON}),
        ("POST", f"/staff/{ned}/enable", REASON),
        ("POST", f"/acts/{acts}/undo", REASON),
    ):
        assert board.api(method, API + path, weak, body).status == 403, path
    assert len(board.acts()) == acts
    able = board.token(Scope.STAFF_WRITE, *ROLES["observer"].scopes)
    assert (
        board.api("POST", f"{API}/staff", able, {"name": "eve", "role": "observer", "password": PASSWORD}).status == 200
    )
