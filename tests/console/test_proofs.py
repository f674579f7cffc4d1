"""Fresh proofs: what a browser that someone left open, or a code that was used, is not good for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from admin import scopes
from bbs_core import logins, second_factor
from bbs_core.clock import now_ms
from bbs_core.staff import Scope
from bbs_core.store.staff_models import Staff
from tests.console.support import PASSWORD, Board, Browser
from tests.console.test_door import code_of, set_up_factor
from tests.console.test_pages import said

REASON = {"reason": "because"}
# What is done with these must not be done by who finds a browser open.
GRAVE = {Scope.STAFF_WRITE, Scope.POSTS_PURGE, Scope.USERS_ERASE, Scope.EXPORT}
OWN = {"remove_factor", "new_factor", "add_factor", "add_token", "revoke_own"}


@pytest.fixture
def stale(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let so much time go by that nobody's proof is fresh."""

    def later() -> None:
        at_ms = now_ms() + logins.FRESH_MS
        monkeypatch.setattr(logins, "now_ms", lambda: at_ms)

    return later


def views(board: Board) -> Iterator[tuple[str, Callable[..., Any], set[str]]]:
    for rule in board.app.url_map.iter_rules():
        if rule.endpoint.startswith("pages."):
            yield rule.endpoint.removeprefix("pages."), board.app.view_functions[rule.endpoint], rule.methods or set()


def test_all_that_concerns_who_may_enter_what_is_erased_and_what_leaves_needs_a_fresh_proof(
    sqlite_board: Board,
) -> None:
    grave = {
        name
        for name, view, methods in views(sqlite_board)
        if GRAVE & getattr(view, scopes._ATTRIBUTE) and ("POST" in methods or name.startswith("export"))
    }
    assert {"purge", "erase", "export", "export_user", "change_role", "revoke"} <= grave
    assert grave | OWN == {name for name, view, _ in views(sqlite_board) if hasattr(view, scopes._FRESH)}


def test_a_stale_login_is_asked_for_a_proof_first(
    sqlite_board: Board, owner: Browser, stale: Callable[[], None]
) -> None:
    board = sqlite_board
    board.token()
    board.perform("staff.disable", {"name": "otto"})
    acts = len(board.acts())
    stale()
    for path in (
        *("/tokens/1/revoke", "/account/tokens/1/revoke", "/account/factor", "/staff/2/enable"),
        *("/staff/2/factor/remove", f"/acts/{acts}/undo"),
    ):
        assert owner.post(path, back="/staff", **REASON).headers["Location"] == "/proof?after=/staff", path
    assert owner.get("/account/factor").headers["Location"].startswith("/proof?after=/account/factor")
    assert len(board.acts()) == acts
    assert owner.post("/proof", password=PASSWORD, after="/staff").headers["Location"] == "/staff"
    assert owner.post(f"/acts/{acts}/undo", **REASON).headers["Location"] == "/audit"
    assert board.acts()[-1]["action"] == "staff.enable"


def test_what_only_posts_are_concerned_by_is_undone_without_a_proof(
    sqlite_board: Board, owner: Browser, stale: Callable[[], None]
) -> None:
    sqlite_board.post("one")
    owner.post("/posts/1/hide", **REASON)
    stale()
    assert said(owner.follow(owner.post("/acts/1/undo", **REASON))) == ["Act 1 is undone, by act 2."]


def test_who_must_set_a_second_factor_up_can_show_first_who_they_are(
    sqlite_board: Board, owner: Browser, stale: Callable[[], None]
) -> None:
    owner.post("/settings", **{"admin.second_factor_required": "true", "reason": "safety"})
    stale()
    assert owner.get("/posts").headers["Location"] == "/account/factor"
    asked = owner.get("/account/factor").headers["Location"]
    assert owner.get(asked).status == 200
    set_up = owner.post("/proof", password=PASSWORD, after="/account/factor").headers["Location"]
    assert "Set up your second factor" in owner.get(set_up).text


def test_a_code_is_good_once_wherever_it_is_asked_for(sqlite_board: Board, owner: Browser) -> None:
    secret, recovery = set_up_factor(owner)
    other = Browser(sqlite_board)
    other.sign_in()
    assert other.post("/login/code", code=code_of(secret, 1)).status == 303
    for used in (code_of(secret, 1), code_of(secret), code_of(secret, -1), PASSWORD, ""):
        assert other.post("/proof", code=used, password=PASSWORD).status == 403, used
    assert other.post("/proof", code=recovery[0]).status == 303
    assert other.post("/proof", code=recovery[0]).status == 403


def test_a_recovery_code_is_its_owners_alone_and_ends_with_the_factor(sqlite_board: Board, owner: Browser) -> None:
    _, recovery = set_up_factor(owner)
    sqlite_board.run(lambda c: c.execute(sa.update(Staff).values(totp_secret="A" * 32)))

    def is_good(staff_id: int) -> bool:
        return sqlite_board.run(lambda c: second_factor.use_code(c, staff_id, recovery[0]))

    assert not is_good(2)
    owner.post("/account/factor/remove")
    assert not is_good(1)
