"""The way in and out: passwords, second factors, throttles, logins that are kept on the server, and fresh proofs."""

from __future__ import annotations

import re
import time

import pyotp
import pytest
import sqlalchemy as sa

from admin import create_app, door
from bbs_core import logins, passwords, second_factor, throttle
from bbs_core.clock import now_ms
from bbs_core.errors import StoreUnavailable
from bbs_core.store.staff_models import Login
from tests.console.support import PASSWORD, Board, Browser
from tests.console.test_pages import said

NEW_PASSWORD = "staple battery correct"


def test_strangers_see_the_door_and_the_same_words_whatever_was_wrong(board: Board) -> None:
    board.staff()
    stranger = Browser(board)
    assert stranger.get("/").headers["Location"] == "/login"
    answers = [
        stranger.sign_in(name, password) for name, password in (("olga", "wrong"), ("nobody", PASSWORD), ("", ""))
    ]
    assert {answer.status for answer in answers} == {403}
    assert {tuple(said(answer.text)) for answer in answers} == {("The name or the password is wrong.",)}
    assert stranger.get("/").status == 303


def test_one_hash_is_computed_whether_the_name_exists_or_not(
    sqlite_board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite_board.staff()
    hashed: list[str] = []
    verify = passwords._hasher.verify

    class Counting:
        def verify(self, known: str, given: str) -> bool:
            hashed.append(known)
            return verify(known, given)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    for name in ("olga", "nobody"):
        assert Browser(sqlite_board).sign_in(name, "wrong").status == 403
    assert len(hashed) == 2
    assert len(set(hashed)) == 2


def test_the_cookie_is_for_this_site_and_out_of_reach_of_scripts(board: Board) -> None:
    board.staff()
    browser = Browser(board)
    browser.sign_in()
    morsel = browser.cookies["bbs_console"]
    assert morsel["httponly"]
    assert morsel["samesite"] == "Lax"


def test_signing_in_gives_a_new_session(board: Board) -> None:
    board.staff()
    visitor = Browser(board)
    planted = re.search(r'name="csrf_token" value="([^"]+)"', visitor.get("/login").text)
    assert planted
    assert visitor.post_bare("/login", csrf_token=planted[1], name="olga", password=PASSWORD).status == 303
    assert visitor.post_bare("/logout", csrf_token=planted[1]).status == 400
    assert visitor.get("/").status == 200


def test_a_cookie_that_was_changed_opens_nothing(board: Board, browser: Browser) -> None:
    value = browser.cookies["bbs_console"].value
    browser.cookies["bbs_console"] = ("A" if value[0] != "A" else "B") + value[1:]
    assert browser.get("/").status == 303


@pytest.mark.parametrize(
    ("act", "arguments"),
    [
        ("staff.password", {"name": "olga", "password": NEW_PASSWORD}),
        ("staff.role", {"name": "olga", "role": "moderator"}),
        ("staff.disable", {"name": "olga"}),
    ],
)
def test_a_login_ends_with_the_password_the_role_and_the_member(
    board: Board, browser: Browser, act: str, arguments: dict[str, str]
) -> None:
    board.staff("ada")
    assert browser.get("/").status == 200
    board.perform(act, arguments)
    assert browser.get("/").status == 303


def test_signing_out_ends_it(board: Board, browser: Browser) -> None:
    assert browser.post("/logout").headers["Location"] == "/login"
    assert browser.get("/").status == 303


def test_a_copy_of_the_cookie_is_worth_nothing_after_signing_out(board: Board, browser: Browser) -> None:
    other, thief = Browser(board), Browser(board)
    assert other.sign_in().status == 303
    stolen = browser.headers
    assert board.get("/", **stolen).status == 200
    browser.post("/logout")
    assert board.get("/", **stolen).headers["Location"] == "/login"
    thief.cookies.load(stolen["Cookie"])
    assert thief.post("/posts/1/hide", reason="because").headers["Location"] == "/login"
    assert thief.post("/logout").headers["Location"] == "/login"
    assert other.get("/").status == 200
    restarted = create_app(board.app.extensions["bbs"]).test_client(use_cookies=False)
    assert restarted.get("/", headers=stolen).status_code == 303
    assert restarted.get("/", headers=other.headers).status_code == 200


def test_a_login_ends_by_itself_however_often_its_cookie_is_renewed(
    board: Board, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.post("one")
    browser.post("/posts/1/hide", reason="a flash, which is kept in the cookie and so renews it")
    assert browser.get("/").status == 200
    later = now_ms() + logins.GOOD_FOR_MS
    monkeypatch.setattr(logins, "now_ms", lambda: later)
    assert browser.get("/").status == 303


def test_one_can_end_ones_other_logins(board: Board, browser: Browser) -> None:
    other = Browser(board)
    assert other.sign_in().status == 303
    page = browser.get("/account").text
    assert page.count('<span class="badge text-bg-success">here</span>') == 1
    [path] = re.findall(r'action="(/account/logins/\d+/end)"', page)
    assert browser.post(path).status == 303
    assert other.get("/").status == 303
    assert browser.get("/account").status == 200
    browser.post(path)
    assert "This login has ended already." in said(browser.get("/account").text)


def test_nobody_ends_the_logins_of_another(board: Board, browser: Browser) -> None:
    board.staff("otto", "moderator")
    otto = Browser(board)
    assert otto.sign_in("otto").status == 303
    otto.post("/account/logins/1/end")
    assert browser.get("/").status == 200


def test_only_a_digest_of_the_cookie_is_kept(board: Board, browser: Browser) -> None:
    rows = board.access.read(lambda c: c.execute(sa.select(Login.__table__)).mappings().all())
    assert len(rows) == 1
    assert browser.cookies["bbs_console"].value not in str(rows)
    assert rows[0]["address"] == "127.0.0.1"


def test_too_many_logins_end_the_oldest(board: Board) -> None:
    board.staff()
    keys = [board.run(lambda c: logins.open_login(c, 1, "::1", "")) for _ in range(logins.LOGINS_LIMIT + 1)]
    found = [board.access.read(lambda c, key=key: logins.find_login(c, key)) for key in keys]  # type: ignore[misc]
    assert [login is None for login in found] == [True, *[False] * logins.LOGINS_LIMIT]


def test_signing_out_while_the_board_cannot_write_forgets_it_here_and_says_so(
    board: Board, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_function: object) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(board.access, "write", refuse)
    assert browser.post("/logout").status == 503
    assert browser.get("/").status == 303


def guess(browser: Browser, times: int, name: str = "olga") -> list[int]:
    return [browser.sign_in(name, "wrong").status for _ in range(times)]


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing is slow on purpose, and counting is what these tests are about."""
    monkeypatch.setattr(door, "verify_password", lambda _hash, given: given == PASSWORD)


@pytest.mark.usefixtures("quick_hashes")
def test_who_guesses_has_to_wait(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    board.staff()
    guesser = Browser(board)
    assert guess(guesser, throttle.FAILURES_LIMIT) == [403] * throttle.FAILURES_LIMIT
    refused = guesser.sign_in()
    assert refused.status == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert said(refused.text)[0].startswith("Too many attempts: try again in ")
    assert guess(guesser, 1, "another name") == [429]
    later = now_ms() + throttle.FORGIVEN_MS
    monkeypatch.setattr(throttle, "now_ms", lambda: later)
    assert guess(guesser, 2) == [403, 429]
    later += throttle.FORGIVEN_MS
    assert guesser.sign_in().status == 303
    assert guess(Browser(board), 3) == [403] * 3


@pytest.mark.usefixtures("quick_hashes")
def test_no_stranger_locks_an_account(board: Board) -> None:
    number = board.staff()
    board.run(lambda c: logins.open_login(c, number, "127.0.0.1", "her own browser"))
    for host in range(3 * throttle.FAILURES_LIMIT):
        address = f"203.0.113.{host}"
        board.run(lambda c, address=address: throttle.count_failure(c, address, number, "olga"))  # type: ignore[misc]
    with pytest.raises(Exception, match="Too many attempts"):
        board.access.read(lambda c: throttle.refuse_throttled(c, "203.0.113.200", number, "olga"))
    assert Browser(board).sign_in().status == 303


def test_a_whole_network_of_version_6_counts_as_one(board: Board) -> None:
    for host in range(throttle.FAILURES_LIMIT):
        address = f"2001:db8::{host:x}"
        board.run(lambda c, address=address: throttle.count_failure(c, address, None, address))  # type: ignore[misc]
    with pytest.raises(Exception, match="Too many attempts"):
        board.access.read(lambda c: throttle.refuse_throttled(c, "2001:db8::ffff", None, "x"))
    board.access.read(lambda c: throttle.refuse_throttled(c, "2001:db8:0:1::1", None, "x"))


def code_of(secret: str, ahead: int = 0) -> str:
    return pyotp.TOTP(secret).at(int(time.time()) + ahead * second_factor.STEP_S)


def set_up_factor(browser: Browser) -> tuple[str, list[str]]:
    """Set a second factor up; returns its secret and the recovery codes."""
    page = browser.get("/account/factor").text
    found = re.search(r'<code class="text">([A-Z2-7]+)</code>', page)
    assert found
    assert browser.get("/account/factor").text.count(found[1]) == 1
    assert said(browser.follow(browser.post("/account/factor", code="000000"))) == [
        "This code is not the one that your app shows now."
    ]
    codes = browser.post("/account/factor", code=code_of(found[1])).text
    return found[1], re.findall(r'<code class="fs-5">([0-9a-f]+)</code>', codes)


def test_a_second_factor_is_asked_for_and_each_code_is_good_once(board: Board, browser: Browser) -> None:
    secret, recovery = set_up_factor(browser)
    assert len(recovery) == second_factor.RECOVERY_CODES
    other = Browser(board)
    assert other.sign_in().headers["Location"] == "/login/code"
    assert other.get("/").status == 303
    assert other.post("/login/code", code=code_of(secret)).status == 403  # it was used when it was set up
    assert other.post("/login/code", code=code_of(secret, 1)).status == 303
    assert other.get("/").status == 200
    third = Browser(board)
    third.sign_in()
    assert third.post("/login/code", code=recovery[0].upper()).status == 303
    fourth = Browser(board)
    fourth.sign_in()
    assert fourth.post("/login/code", code=recovery[0]).status == 403
    assert "9 recovery codes left" in third.get("/account").text
    assert [act["action"] for act in board.acts()] == ["staff.factor_add"]


def test_the_code_alone_or_too_late_opens_nothing(
    board: Board, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, _ = set_up_factor(browser)
    stranger = Browser(board)
    assert stranger.post("/login/code", code=code_of(secret, 1)).headers["Location"] == "/login"
    stranger.sign_in()
    later = now_ms() + door.HALF_WAY_MS + 1
    monkeypatch.setattr(door, "now_ms", lambda: later)
    assert stranger.post("/login/code", code=code_of(secret, 1)).headers["Location"] == "/login"


def test_codes_are_throttled_too(board: Board, browser: Browser) -> None:
    set_up_factor(browser)
    guesser = Browser(board)
    guesser.sign_in()
    codes = [f"{number:06}" for number in range(throttle.FAILURES_LIMIT + 1)]
    statuses = [guesser.post("/login/code", code=code).status for code in codes]
    assert statuses == [403] * throttle.FAILURES_LIMIT + [429]


def test_a_second_factor_can_be_required_of_all(board: Board, browser: Browser) -> None:
    browser.post("/settings", **{"admin.second_factor_required": "true", "reason": "safety"})
    assert browser.get("/posts").headers["Location"] == "/account/factor"
    assert browser.post("/posts/1/hide", reason="x").headers["Location"] == "/account/factor"
    set_up_factor(browser)
    assert browser.get("/posts").status == 200


def test_what_a_borrowed_browser_must_not_do_needs_a_fresh_proof(
    board: Board, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.post("one")
    board.staff("otto", "moderator")
    later = now_ms() + logins.FRESH_MS
    monkeypatch.setattr(logins, "now_ms", lambda: later)
    for path, fields in {
        "/posts/1/purge": {"reason": "x"},
        "/staff": {"name": "eve", "role": "owner", "password": NEW_PASSWORD},
        "/staff/2/role": {"role": "admin", "version": "1", "reason": "x"},
        "/staff/2/disable": {"reason": "x"},
        "/account/tokens": {"name": "t", "scopes": "posts:read", "expires_days": "1"},
        "/account/factor/remove": {},
    }.items():
        assert browser.post(path, back="/posts", **fields).headers["Location"] == "/proof?after=/posts", path
    assert (
        browser.get("/export/posts.csv?state=hidden").headers["Location"].startswith("/proof?after=/export/posts.csv")
    )
    assert board.acts() == []
    assert browser.post("/proof", password="wrong", after="/posts").status == 403
    assert browser.post("/proof", password=PASSWORD, after="//evil.example").headers["Location"] == "/account"
    assert browser.post("/posts/1/purge", reason="private").headers["Location"] == "/posts"
    assert [act["action"] for act in board.acts()] == ["post.purge"]
    assert browser.get("/export/posts.csv").status == 200


def test_a_new_password_ends_every_other_login(board: Board, browser: Browser) -> None:
    other = Browser(board)
    assert other.sign_in().status == 303
    assert said(browser.follow(browser.post("/account/password", password="wrong", new=NEW_PASSWORD))) == [
        "The present password is wrong."
    ]
    assert other.get("/").status == 200
    browser.post("/account/password", password=PASSWORD, new=NEW_PASSWORD)
    assert browser.get("/account").status == 200
    assert other.get("/").status == 303
    assert Browser(board).sign_in(password=NEW_PASSWORD).status == 303


def test_a_token_is_made_for_oneself_and_shown_once(board: Board, browser: Browser) -> None:
    page = browser.post("/account/tokens", name="laptop", scopes="posts:read", expires_days="30").text
    found = re.search(r"bbs_[\w-]+", page)
    assert found
    assert board.api("GET", "/api/v1/posts", found[0]).status == 200
    assert found[0] not in browser.get("/account").text
    [path] = re.findall(r'action="(/account/tokens/\d+/revoke)"', browser.get("/account").text)
    browser.post(path)
    assert board.api("GET", "/api/v1/posts", found[0]).status == 401


def test_somebody_of_a_higher_rank_removes_a_lost_second_factor(board: Board, browser: Browser) -> None:
    board.staff("ada", "admin")
    ada = Browser(board)
    ada.sign_in("ada")
    set_up_factor(ada)
    number = re.findall(r'action="(/staff/\d+/factor/remove)"', browser.get("/staff").text)
    assert len(number) == 1
    assert browser.post(number[0], reason="she lost her phone").status == 303
    assert Browser(board).sign_in("ada").headers["Location"] == "/"
