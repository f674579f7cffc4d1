"""The pages: signing in and out, hiding and restoring, and texts that try to be more than texts."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from admin import create_app, door
from admin.app import SIGNED_IN
from bbs_core.clock import now_ms
from bbs_core.errors import StoreUnavailable
from bbs_core.store.models import Post
from bbs_core.store.staff_models import Staff, Token
from bbs_core.tokens import end_login, has_ended
from tests.console.support import PASSWORD, Board, Browser

PAYLOAD = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>{{7*7}}"


def states(board: Board) -> list[int]:
    return list(board.access.read(lambda c: c.execute(sa.select(Post.state).order_by(Post.id)).scalars().all()))


def said(page: str) -> list[str]:
    """Return what the page says of the last act."""
    return re.findall(r'role="(?:status|alert)">([^<]*)<', page)


def test_a_fresh_board_says_what_will_be_here(board: Board, browser: Browser) -> None:
    page = browser.get("/").text
    assert "Nobody has posted yet." in page
    assert "Nobody has visited yet." in page


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


def test_the_cookie_is_for_this_site_and_out_of_reach_of_scripts(browser: Browser) -> None:
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
    "values", [{"password_hash": "another"}, {"role": "moderator"}, {"disabled_at_ms": now_ms()}, {"id": 99}]
)
def test_a_session_ends_with_the_password_the_role_and_the_member(
    board: Board, browser: Browser, values: dict[str, object]
) -> None:
    assert browser.get("/").status == 200
    board.run(lambda c: c.execute(sa.update(Staff).values(values)))
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
    later = now_ms() + int(SIGNED_IN.total_seconds() * 1000)
    monkeypatch.setattr(door, "now_ms", lambda: later)
    assert browser.get("/").status == 303


def test_logins_that_were_ended_are_forgotten_when_they_would_have_ended(board: Board) -> None:
    board.staff()
    board.run(lambda c: end_login(c, 1, "old", now_ms() - 1))
    for _ in range(2):
        board.run(lambda c: end_login(c, 1, "new", now_ms() + 60_000))
    logins = ("old", "new", "other")
    assert board.access.read(lambda c: [has_ended(c, login) for login in logins]) == [False, True, False]
    assert board.access.read(lambda c: c.execute(sa.select(sa.func.count(Token.id))).scalar()) == 1


def test_an_ended_login_is_no_token(board: Board) -> None:
    board.staff()
    board.run(lambda c: end_login(c, 1, "login", now_ms() + 60_000))
    assert board.api("GET", "/api/v1/posts", "login").status == 401


def test_signing_out_while_the_board_cannot_write_forgets_it_here_and_says_so(
    board: Board, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_function: object) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(board.access, "write", refuse)
    assert browser.post("/logout").status == 503
    assert browser.get("/").status == 303


def test_a_post_is_hidden_and_restored_with_a_reason_and_one_act_each(board: Board, browser: Browser) -> None:
    board.post("one", "two")
    answer = browser.post("/posts/1/hide", reason="off topic")
    assert (answer.status, answer.headers["Location"]) == (303, "/#post-1")
    assert said(browser.get("/").text) == ["Post 1 is hidden."]
    assert states(board) == [1, 0]
    browser.post("/posts/1/restore", reason="a mistake")
    assert said(browser.get("/").text) == ["Post 1 is shown again."]
    assert states(board) == [0, 0]
    assert [(act["action"], act["via"]) for act in board.acts()] == [
        ("post.hide", "console"),
        ("post.restore", "console"),
    ]


@pytest.mark.parametrize(
    ("path", "reason", "sentence"),
    [
        ("/posts/1/hide", " ", "Say why, in a few words: the reason stands in the ledger."),
        ("/posts/1/restore", "x", "Post 1 is visible already."),
        ("/posts/7/hide", "x", "There is no post 7."),
        (f"/posts/{2**63 - 1}/hide", "x", f"There is no post {2**63 - 1}."),
        ("/posts/1/hide", "x" * 501, "A reason has at most 500 characters."),
    ],
)
def test_what_cannot_be_done_is_said_on_the_page(
    board: Board, browser: Browser, path: str, reason: str, sentence: str
) -> None:
    board.post("one")
    assert browser.post(path, reason=reason).status == 303
    assert said(browser.get("/").text) == [sentence]
    assert not board.acts()
    assert states(board) == [0]


def test_an_act_leads_back_to_the_page_it_was_done_on(board: Board, browser: Browser) -> None:
    board.post(*map(str, range(60)))
    older = re.search(r'href="(/\?posts=[^"]+)"', browser.get("/").text)
    assert older
    form = re.search(r'action="(/posts/9/hide\?[^"]+)"', browser.get(older[1]).text)
    assert form
    assert browser.post(form[1].replace("&amp;", "&"), reason="x").headers["Location"] == f"{older[1]}#post-9"


def test_the_pages_go_all_the_way_back(board: Board, browser: Browser) -> None:
    board.post(*(f"text number {number}" for number in range(120)))
    for number in range(60):
        board.visit(f"user {number}")
    path: str | None = "/"
    texts, names = [], []
    while path:
        page = browser.get(path).text
        texts += re.findall(r"text number (\d+)<", page)
        found = re.search(r'href="([^"]+)">Older posts', page)
        path = found[1].replace("&amp;", "&") if found else None
    assert texts == [str(number) for number in range(119, -1, -1)]
    path = "/"
    while path:
        page = browser.get(path).text
        names += re.findall(r">user (\d+)<", page)
        found = re.search(r'href="([^"#]+)#users">More users', page)
        path = found[1].replace("&amp;", "&") if found else None
    assert names == [str(number) for number in range(60)]


def test_a_made_up_page_is_a_sentence(browser: Browser) -> None:
    answer = browser.get("/?posts=nonsense")
    assert answer.status == 422
    assert "This cursor is none that a page of this list gave." in answer.text


def test_what_users_write_stays_text(board: Board, browser: Browser) -> None:
    board.visit(PAYLOAD, address=PAYLOAD, stay=True)
    board.post(PAYLOAD, name=PAYLOAD, address=PAYLOAD)
    page = browser.get("/").text
    assert "<script" not in page
    assert "<img" not in page
    assert "49" not in re.sub(r"csrf_token[^>]*>", "", page)
    assert page.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") >= 4
    assert not re.search(r"\son\w+=|javascript:|\sstyle=", re.sub(r"&lt;.*?&gt;", "", page))


def test_what_steers_a_terminal_or_turns_a_line_is_made_visible(board: Board, browser: Browser) -> None:
    board.post("red \x1b[31m, bell \x07, c1 \x9b, turned \u202e, end\r\n", name="a\x1bb")
    page = browser.get("/").text
    assert "red \u241b[31m, bell \u2407, c1 &lt;9B&gt;, turned &lt;202E&gt;, end\u240d\u240a" in page
    assert "a\u241bb" in page
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)


def test_a_staff_name_stays_text(board: Board) -> None:
    board.staff("<b>olga</b>")
    visitor = Browser(board)
    visitor.sign_in("<b>olga</b>")
    assert "&lt;b&gt;olga&lt;/b&gt;" in visitor.get("/").text


def test_every_style_and_picture_comes_from_here(board: Board, browser: Browser) -> None:
    for page in (browser.get("/").text, Browser(board).get("/login").text):
        links = re.findall(r'(?:href|src)="([^"]+)"', page)
        assert links
        assert all(link.startswith(("/", "#")) for link in links)
        for link in links:
            if "static" in link:
                assert board.get(link).status == 200, link


def test_what_is_not_there_is_a_page_for_people(browser: Browser) -> None:
    answer = browser.get("/nothing")
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "There is nothing at this address." in answer.text


def test_health_tells_its_status_and_no_more(sqlite_board: Board) -> None:
    assert (sqlite_board.get("/healthz").status, sqlite_board.get("/healthz").json) == (200, {"status": "ok"})
    sqlite_board.health = {"status": "failing", "writer": "disk full on /dev/sda"}
    assert (sqlite_board.get("/healthz").status, sqlite_board.get("/healthz").json) == (503, {"status": "failing"})
