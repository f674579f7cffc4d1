"""The console's guards: hashes off the loop, cookies, hosts, methods, and what a made-up request meets."""

from __future__ import annotations

import dataclasses
import re
import threading
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from admin import create_app
from bbs_core import control, passwords
from bbs_core.settings import AdminSettings, Settings
from tests.console.support import PASSWORD, SETUP_KEY, Board, Browser
from tests.console.test_routes import API, NO_IDS, closed
from tests.wire.live import LiveBoard

EVIL = "evil.example"
REASON = {"reason": "because"}


def test_no_hash_is_computed_on_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: set[int] = set()
    hasher = passwords._hasher

    class Watched:
        def hash(self, password: str) -> str:
            hashed.add(threading.get_ident())
            return hasher.hash(password)

        def verify(self, known: str, password: str) -> bool:
            hashed.add(threading.get_ident())
            return hasher.verify(known, password)

    monkeypatch.setattr(passwords, "_hasher", Watched())
    with LiveBoard(tmp_path, admin={"port": 0}) as board:
        control.send(tmp_path, "staff.add", {"name": "olga", "role": "owner", "password": PASSWORD})
        by_command, before = len(hashed), set(hashed)
        assert board.app.console is not None
        page = f"http://127.0.0.1:{board.app.console.port}/login"
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        token = re.search(r'name="csrf_token" value="([^"]+)"', opener.open(page).read().decode())
        assert token
        form = urllib.parse.urlencode({"csrf_token": token[1], "name": "olga", "password": PASSWORD})
        assert "Board console" in opener.open(page, form.encode()).read().decode()
        loop = board.call(threading.get_ident)
    assert by_command == 1
    assert hashed - before
    assert loop not in hashed


def test_cookies_are_for_tls_alone_where_there_is_any(sqlite_board: Board) -> None:
    sqlite_board.staff()
    context = sqlite_board.app.extensions["bbs"]
    for settings, secure in ((AdminSettings(), False), (AdminSettings(behind_proxy=True), True)):
        app = create_app(dataclasses.replace(context, start=Settings(admin=settings)))
        app.config["WTF_CSRF_ENABLED"] = False
        answer = app.test_client().post("/login", data={"name": "olga", "password": PASSWORD})
        cookies = answer.headers.getlist("Set-Cookie")
        assert [cookie.partition("=")[0] for cookie in cookies] == ["bbs_known_browser", "bbs_console"]
        for cookie in cookies:
            assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
            assert ("Secure" in cookie.split("; ")) is secure
            assert "Domain" not in cookie


def test_the_name_of_the_host_that_is_asked_for_is_repeated_nowhere(sqlite_board: Board, owner: Browser) -> None:
    for path in ("/", "/posts", "/account", "/account/factor", "/login", "/nothing", f"/setup?key={SETUP_KEY}", "//"):
        for headers in ({"Host": EVIL}, {"Host": EVIL, "X-Forwarded-Host": EVIL}):
            answer = sqlite_board.get(path, **{**owner.headers, **headers})
            assert EVIL not in answer.text + str(answer.headers), path
    stranger = sqlite_board.get("/", Host=EVIL)
    assert stranger.headers["Location"] == "/login"


@pytest.mark.parametrize(
    "elsewhere",
    [f"https://{EVIL}", f"//{EVIL}", f"/\\{EVIL}", "javascript:alert(1)", EVIL, f"/\t/{EVIL}", f"\n//{EVIL}"],
)
def test_no_proof_leads_to_another_site(owner: Browser, elsewhere: str) -> None:
    assert owner.post("/proof", password=PASSWORD, after=elsewhere).headers["Location"] == "/account"
    ask = owner.get("/proof?" + urllib.parse.urlencode({"after": elsewhere}))
    assert f'href="{elsewhere}' not in ask.text


def test_a_token_counts_in_its_header_alone(sqlite_board: Board) -> None:
    token = sqlite_board.token()
    for name in ("token", "access_token", "authorization", "Authorization"):
        assert sqlite_board.get(f"{API}/posts?{name}={token}").status == 401
        assert sqlite_board.ask("POST", f"{API}/posts", f"{name}={token}".encode(), {}).status == 401
    assert sqlite_board.get(f"{API}/posts", Cookie=f"token={token}").status == 401


def test_other_methods_tell_and_do_no_more_than_get(sqlite_board: Board, owner: Browser) -> None:
    board = sqlite_board
    board.post("one")
    bearer = {"Authorization": f"Bearer {board.token()}"}
    acts = len(board.acts())
    for method, path, _ in closed(board, api=True) + closed(board, api=False):
        for asked in ("HEAD", "OPTIONS"):
            stranger = board.ask(asked, path, None, {})
            assert stranger.status in (303, 401, 405) or (asked == "OPTIONS" and path == "/login/code"), (asked, path)
            staff_member = board.ask(asked, path, None, {**bearer, **owner.headers})
            assert staff_member.status < 500, (asked, path)
            assert stranger.body == staff_member.body == b"" or asked == "OPTIONS", path
            for answer in (stranger, staff_member):
                assert "Access-Control-Allow-Origin" not in answer.headers
        if method == "GET" and path.startswith(API) and "<" not in path:
            got = board.get(path, **bearer)
            assert board.ask("HEAD", path, None, bearer).status == got.status, path
    assert board.ask("TRACE", "/posts", None, owner.headers).status == 405
    assert len(board.acts()) == acts


def test_a_huge_query_is_refused_and_the_next_one_answered(sqlite_board: Board, owner: Browser) -> None:
    for query, status in (
        ("words=" + "x" * 40_000, 431),
        ("words=" + "x" * 20_000, 422),
        ("&".join(f"a{number}=1" for number in range(3000)), 422),
        ("cursor=" + "W1tb" * 5000, 422),
    ):
        assert owner.get(f"/posts?{query}").status == status
        assert owner.get("/posts").status == 200


def test_no_number_in_a_form_makes_the_board_fail(sqlite_board: Board, owner: Browser) -> None:
    sqlite_board.post("one")
    for number in (*NO_IDS, "", "x", "1.5", "\u00b2"):
        for path, fields in {
            "/posts/bulk": {"act": "hide", "ids": number},
            "/staff/2/role": {"role": "observer", "version": number},
            "/settings": {"board.window": "5", "version:board.window": f"{number} "},
            "/account/tokens": {"name": "t", "scopes": "posts:read", "expires_days": number},
            "/bans": {"kind": "user", "value": "x", "expires_in_s": number or "x"},
            "/mutes": {"user_id": number},
            "/speak/announce": {"text": "hello", "hours": number},
            "/mode": {"mode": "hold", "minutes": number or "x"},
        }.items():
            assert owner.post(path, **fields, **REASON).status in (303, 422), (path, number)
        assert owner.get(f"/bans/new?user_id={urllib.parse.quote(number[:99])}").status == 200
    assert [act["action"] for act in sqlite_board.acts()] == ["setting.change"]


def test_a_file_that_cannot_be_made_is_an_answer_and_no_half_of_one(sqlite_board: Board, owner: Browser) -> None:
    answer = owner.get("/export/users.csv?network=nowhere")
    assert (answer.status, answer.headers["Content-Type"]) == (422, "text/html; charset=utf-8")
    assert "Content-Disposition" not in answer.headers
    for name in ("posts%0d%0aX-Evil:%201.csv", "..%2f..%2fetc%2fpasswd.csv", "posts.%22.csv"):
        answer = owner.get(f"/export/{name}")
        assert answer.status == 404
        assert "X-Evil" not in answer.headers


def test_a_member_comes_in_by_any_spelling_of_their_name(sqlite_board: Board) -> None:
    sqlite_board.perform("staff.add", {"name": "José 王", "role": "owner", "password": "naïve pässword"})
    visitor = Browser(sqlite_board)
    assert visitor.sign_in(" Jose\u0301 王 ", "nai\u0308ve pa\u0308ssword").status == 303
    assert "José 王, owner" in visitor.get("/").text
