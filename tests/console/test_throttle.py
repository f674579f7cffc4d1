"""Who guesses has to wait, and nobody whom they do not know: not in a known browser, not at a known address."""

from __future__ import annotations

import pytest

from admin import door, known_browsers
from bbs_core import logins, throttle
from bbs_core.clock import now_ms
from bbs_core.errors import Throttled
from tests.console.support import PASSWORD, Answer, Board, Browser
from tests.console.test_pages import said

LIMIT = throttle.FAILURES_LIMIT
DAY_MS = 86_400_000


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing is slow on purpose, and counting is what these tests are about."""
    monkeypatch.setattr(door, "verify_password", lambda _hash, given: given == PASSWORD)


def guess(browser: Browser, times: int, name: str = "olga") -> list[int]:
    return [browser.sign_in(name, "wrong").status for _ in range(times)]


def signed_out(board: Board, name: str = "olga") -> Browser:
    """Return a browser in which someone was signed in."""
    browser = Browser(board)
    assert browser.sign_in(name).status == 303
    browser.post("/logout")
    return browser


def refused(board: Board, address: str, staff_id: int | None, name: str) -> bool:
    try:
        board.access.read(lambda c: throttle.refuse_throttled(c, address, staff_id, name))
    except Throttled:
        return True
    return False


def fail(board: Board, address: str, staff_id: int | None, name: str, times: int = LIMIT) -> None:
    for _ in range(times):
        board.run(lambda c: throttle.count_failure(c, address, staff_id, name))


def test_no_stranger_behind_the_same_address_keeps_an_owner_out_of_a_browser_of_theirs(board: Board) -> None:
    board.staff()
    own, stranger = signed_out(board), Browser(board)
    assert guess(stranger, LIMIT) == [403] * LIMIT
    assert stranger.sign_in().status == 429
    assert Browser(board).sign_in().status == 429
    assert own.sign_in().status == 303
    assert own.post("/proof", password=PASSWORD).status == 303


def test_a_known_browser_is_no_way_to_guess(sqlite_board: Board) -> None:
    board = sqlite_board
    board.staff()
    board.staff("otto", "moderator")
    own = signed_out(board)
    assert guess(own, LIMIT) == [403] * LIMIT
    assert own.sign_in().status == 429
    # What was typed there is nobody else's fault, and to a colleague it is a browser like any other.
    assert Browser(board).sign_in().status == 303
    assert guess(own, LIMIT, "otto") == [403] * LIMIT
    assert own.sign_in("otto").status == 429


def test_that_a_browser_is_known_can_be_neither_made_up_nor_used_for_ever(
    sqlite_board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = sqlite_board
    board.staff()
    own = signed_out(board)
    guess(Browser(board), LIMIT)
    known = own.cookies[known_browsers.COOKIE].value
    for made_up in ("", "x", known[:-2], known.partition(".")[0] + ".x.y"):
        own.cookies[known_browsers.COOKIE] = made_up
        assert own.sign_in().status == 429, made_up
    own.cookies[known_browsers.COOKIE] = known
    monkeypatch.setattr(known_browsers, "GOOD_FOR_S", -1)
    assert own.sign_in().status == 429


def test_the_mark_of_a_known_browser_opens_nothing(sqlite_board: Board) -> None:
    sqlite_board.staff()
    own = signed_out(sqlite_board)
    assert own.cookies[known_browsers.COOKIE].value
    assert own.get("/").headers["Location"] == "/login"


def test_who_comes_in_with_their_own_password_guesses_no_more_of_a_colleagues(board: Board) -> None:
    olga = board.staff()
    board.staff("otto", "moderator")
    board.run(lambda c: logins.open_login(c, olga, "127.0.0.1", "she works there too"))
    statuses = []
    for _ in range(3):
        statuses += guess(Browser(board), LIMIT // 2)
        assert Browser(board).sign_in("otto").status == 303
    assert statuses == [403] * LIMIT + [429] * (LIMIT // 2)


@pytest.mark.parametrize("spelling", [" olga", "olga\u2003", "\t olga \n"])
def test_a_name_is_counted_once_however_it_is_spelt(sqlite_board: Board, spelling: str) -> None:
    number = sqlite_board.staff()
    fail(sqlite_board, "192.0.2.1", number, spelling)
    assert refused(sqlite_board, "192.0.2.2", number, "olga")
    assert not refused(sqlite_board, "192.0.2.2", None, "otto")


def test_a_name_that_nobody_has_is_counted_in_the_same_way(sqlite_board: Board) -> None:
    fail(sqlite_board, "192.0.2.1", None, "nobody")
    assert refused(sqlite_board, "192.0.2.2", None, "nobody ")


def test_an_address_of_ones_own_is_known_for_months(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    number = board.staff()
    board.run(lambda c: logins.open_login(c, number, "192.0.2.1", ""))
    for days, is_refused in ((60, False), (logins.REMEMBERED_MS // DAY_MS + 1, True)):
        later = now_ms() + days * DAY_MS
        monkeypatch.setattr(logins, "now_ms", lambda later=later: later)
        board.run(lambda c: logins.open_login(c, number, "192.0.2.2", ""))
        fail(board, "203.0.113.1", number, "olga")
        assert refused(board, "192.0.2.1", number, "olga") is is_refused


def test_no_header_is_another_address(sqlite_board: Board) -> None:
    board = sqlite_board
    board.staff()
    visitor = Browser(board)
    token = visitor._csrf_token()

    def guessed(number: int) -> Answer:
        body = f"csrf_token={token}&name=x{number}&password=wrong".encode()
        spoofed = {"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"}
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return board.ask("POST", "/login", body, {**visitor.headers, **spoofed, **kind})

    assert [guessed(number).status for number in range(LIMIT + 1)] == [403] * LIMIT + [429]


def test_addresses_of_version_4_that_are_written_as_version_6_are_told_apart(sqlite_board: Board) -> None:
    fail(sqlite_board, "::ffff:192.0.2.1", None, "x")
    assert refused(sqlite_board, "192.0.2.1", None, "y")
    assert not refused(sqlite_board, "::ffff:192.0.2.2", None, "y")


def test_the_present_password_is_not_guessed_in_a_borrowed_browser(sqlite_board: Board) -> None:
    board = sqlite_board
    board.staff()
    browser = Browser(board)
    browser.enter()
    new = {"new": "staple battery correct"}
    for _ in range(LIMIT):
        browser.post("/account/password", password="wrong", **new)
    answer = browser.post("/account/password", password=PASSWORD, **new)
    assert said(browser.follow(answer))[0].startswith("Too many attempts")
    assert board.acts() == []
    assert browser.post("/proof", password=PASSWORD).status == 429
