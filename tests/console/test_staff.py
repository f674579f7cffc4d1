"""Who may enter, with which password, and what their tokens may do."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import argon2
import pytest
import sqlalchemy as sa

from bbs_core import passwords, staff, tokens
from bbs_core.clock import now_ms
from bbs_core.errors import Conflict, Forbidden, InvalidAct, NotFound
from bbs_core.staff import ROLES, Scope
from bbs_core.store.staff_models import Staff, Token
from bbs_core.tokens import DAY_MS, StaffToken
from tests.console.support import PASSWORD, PASSWORD_HASH, Board


class CountingHasher(argon2.PasswordHasher):
    """Counts its work, and how much of it went on at one time."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = self.now = self.most = 0
        self._lock = threading.Lock()

    def hash(self, *args: Any, **options: Any) -> str:
        with self:
            return super().hash(*args, **options)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
        with self:
            return super().verify(hash, password)

    def __enter__(self) -> None:
        with self._lock:
            self.calls, self.now = self.calls + 1, self.now + 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.now -= 1


@pytest.fixture
def hasher(monkeypatch: pytest.MonkeyPatch) -> CountingHasher:
    counting = CountingHasher()
    monkeypatch.setattr(passwords, "_hasher", counting)
    return counting


def find(board: Board, plain: str, at_ms: int | None = None) -> StaffToken | None:
    return board.access.read(lambda c: tokens.find_token(c, plain, now_ms() if at_ms is None else at_ms))


def test_a_password_opens_and_another_does_not(board: Board) -> None:
    board.perform("staff.add", {"name": "olga", "role": "owner", "password": "naïve pässword"})
    member = board.access.read(lambda c: staff.find_staff(c, "olga"))
    assert member
    kept = member.password_hash
    assert passwords.verify_password(kept, "naïve pässword")
    assert passwords.verify_password(kept, "nai\u0308ve pa\u0308ssword")  # as another keyboard spells it
    assert not passwords.verify_password(kept, "naive password")
    assert not passwords.verify_password(kept, "")


def test_one_hash_is_computed_whether_the_name_exists_or_not(sqlite_board: Board, hasher: CountingHasher) -> None:
    sqlite_board.staff()
    for name, calls in (("olga", 1), ("nobody", 2), ("no\0body", 3)):
        member = sqlite_board.access.read(lambda c, name=name: staff.find_staff(c, name))  # type: ignore[misc]
        assert not passwords.verify_password(member.password_hash if member else None, "wrong")
        assert hasher.calls == calls


def test_the_hash_for_nobody_costs_as_much_as_a_real_one() -> None:
    assert not argon2.PasswordHasher().check_needs_rehash(passwords._NOBODY)


def test_not_even_the_right_password_of_nobody_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_NOBODY", PASSWORD_HASH)
    assert not passwords.verify_password(None, PASSWORD)


def test_at_most_two_hashes_are_computed_at_a_time(hasher: CountingHasher) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = pool.map(passwords.hash_password, [PASSWORD] * 3)
        fits = pool.map(passwords.verify_password, [PASSWORD_HASH] * 3, [PASSWORD] * 3)
    assert len(list(made)) == sum(fits) == 3
    assert (hasher.calls, hasher.most) == (6, 2)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"name": ""}, "A staff name has 1 to 60 characters."),
        ({"name": "x" * 61}, "A staff name has 1 to 60 characters."),
        ({"name": "ol\nga"}, "A staff name has no control characters and no line breaks."),
        ({"name": "ol\u202ega"}, "A staff name has no control characters and no line breaks."),
        ({"role": "king"}, "There is no role 'king'; there are owner, admin, moderator, observer."),
        ({"password": "123456789"}, "A password has at least 10 characters."),
        ({"password": "x" * 1001}, "A password has at most 1000 characters."),
        ({"password": 5}, "staff.add, password: input should be a valid string."),
        ({"rank": 5}, "staff.add, rank: extra inputs are not permitted."),
    ],
)
def test_wrong_arguments_are_named_and_change_nothing(
    sqlite_board: Board, changed: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidAct) as caught:
        sqlite_board.perform("staff.add", {"name": "olga", "role": "owner", "password": PASSWORD, **changed})
    assert str(caught.value) == sentence
    assert not sqlite_board.acts()


def test_a_name_is_taken_once_however_it_is_spelt(board: Board) -> None:
    board.perform("staff.add", {"name": "José", "role": "owner", "password": PASSWORD})
    with pytest.raises(Conflict):
        board.perform("staff.add", {"name": " Jose\u0301 ", "role": "observer", "password": PASSWORD})
    assert len(board.acts()) == 1


def test_nothing_that_is_stored_gives_a_token_or_a_password_away(board: Board) -> None:
    board.perform("staff.add", {"name": "olga", "role": "owner", "password": PASSWORD})
    plain = board.token()
    rows = board.access.read(
        lambda c: [
            str(dict(row)) for table in (Staff, Token) for row in c.execute(sa.select(table.__table__)).mappings()
        ]
    )
    everything = " ".join(rows + [str(dict(act)) for act in board.acts()])
    assert plain not in everything
    assert PASSWORD not in everything


def test_all_is_what_the_role_grants_when_the_token_is_used(board: Board) -> None:
    plain = board.token("all")
    found = find(board, plain)
    assert found
    assert found.scopes == ROLES["owner"].scopes
    board.run(lambda c: c.execute(sa.update(Staff).values(role="observer")))
    found = find(board, plain)
    assert found
    assert found.scopes == ROLES["observer"].scopes


def test_a_token_never_has_more_than_its_owner(board: Board) -> None:
    board.staff("mona", "moderator")
    plain = board.token("posts:moderate", "posts:read", staff="mona")
    board.run(lambda c: c.execute(sa.update(Staff).values(role="observer")))
    with pytest.raises(Forbidden):
        board.token("posts:moderate", staff="mona")
    found = find(board, plain)
    assert found
    assert found.scopes == {Scope.POSTS_READ}


def test_a_role_that_this_version_does_not_know_grants_nothing(board: Board) -> None:
    plain = board.token()
    board.run(lambda c: c.execute(sa.update(Staff).values(role="archivist")))
    found = find(board, plain)
    assert found
    assert found.scopes == frozenset()


def test_a_token_ends_with_its_days_its_revocation_and_its_owner(board: Board) -> None:
    plain = board.token(expires_days=2)
    assert find(board, plain, now_ms() + DAY_MS)
    assert not find(board, plain, now_ms() + 2 * DAY_MS)
    assert not find(board, plain + "x")
    board.run(lambda c: c.execute(sa.update(Token).values(revoked_at_ms=now_ms())))
    assert not find(board, plain)
    board.run(lambda c: c.execute(sa.update(Token).values(revoked_at_ms=None)))
    board.run(lambda c: c.execute(sa.update(Staff).values(disabled_at_ms=now_ms())))
    assert not find(board, plain)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"staff": "nobody"}, NotFound),
        ({"scopes": []}, InvalidAct),
        ({"scopes": ["posts:reed"]}, InvalidAct),
        ({"scopes": "all"}, InvalidAct),
        ({"name": "a\tb"}, InvalidAct),
        ({"expires_days": 0}, InvalidAct),
        ({"expires_days": 3651}, InvalidAct),
        ({"expires_days": "7"}, InvalidAct),
    ],
)
def test_a_token_that_cannot_be_leaves_no_trace(
    sqlite_board: Board, changed: dict[str, Any], error: type[Exception]
) -> None:
    sqlite_board.staff()
    arguments = {"staff": "olga", "name": "cron", "scopes": ["all"], **changed}
    with pytest.raises(error):
        sqlite_board.perform("token.create", arguments)
    assert not sqlite_board.acts()


def test_an_act_that_does_not_exist_is_refused(sqlite_board: Board) -> None:
    with pytest.raises(InvalidAct, match=r"There is no act 'staff\.crown'"):
        sqlite_board.perform("staff.crown", {})
