"""The pages: finding, acting and taking back, and texts that try to be more than texts."""

from __future__ import annotations

import csv
import html
import io
import json
import re

import pytest
import sqlalchemy as sa

from bbs_core import reports, sanctions
from bbs_core.moderation import hide_post, hold_post
from bbs_core.presence import beat
from bbs_core.proposals import Proposal
from bbs_core.store.models import Post
from bbs_core.store.staff_models import Report
from tests.console.api_cases import ANYONE, user_id
from tests.console.support import Board, Browser, plugin_status

PAYLOAD = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>{{7919*7919}}"


def states(board: Board) -> list[int]:
    return list(board.access.read(lambda c: c.execute(sa.select(Post.state).order_by(Post.id)).scalars().all()))


def said(page: str) -> list[str]:
    """Return what the page says of the last act."""
    return re.findall(r'role="(?:status|alert)">([^<]*)<', page)


def test_a_fresh_board_says_what_will_be_here_and_that_nothing_is_wrong(board: Board, browser: Browser) -> None:
    assert "Nobody has posted yet." in browser.get("/posts").text
    assert "Nobody has visited yet." in browser.get("/users").text
    assert "Nobody is on line." in browser.get("/sessions").text
    assert "Nothing is reported." in browser.get("/review").text
    assert "wrong" not in browser.get("/").text


def test_what_is_wrong_is_a_red_card(board: Board, browser: Browser) -> None:
    board.health = {"status": "failing", "writer": "The disk is full."}
    board.run(lambda connection: beat(connection, "", plugin_status("dice", "quarantined"), True))
    board.post("rude")
    board.visit("bob")
    board.run(lambda c: reports.report(c, "post", 1, user_id(board, "bob"), "rude"))
    board.run(lambda c: c.execute(sa.update(Report).values(at_ms=0)))
    page = browser.get("/").text
    assert page.count('class="alert alert-danger wrong"') == 3
    for words in ("The disk is full.", "The plugin dice is quarantined", "A report waits since yesterday"):
        assert words in page


def test_a_post_is_hidden_and_restored_with_a_reason_and_one_act_each(board: Board, browser: Browser) -> None:
    board.post("one", "two")
    answer = browser.post("/posts/1/hide", reason="off topic", back="/posts#post-1")
    assert (answer.status, answer.headers["Location"]) == (303, "/posts#post-1")
    assert said(browser.get("/posts").text) == ["Post 1 is hidden."]
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
    older = link(browser.get("/posts").text, "Older")
    form = re.search(r'action="/posts/9/hide">.*?name="back" value="([^"]+)"', browser.get(older).text, re.DOTALL)
    assert form
    assert html.unescape(form[1]) == f"{older}#post-9"
    assert (
        browser.post("/posts/9/hide", reason="x", back=html.unescape(form[1])).headers["Location"] == f"{older}#post-9"
    )


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "x", "/a b", "/a\n"]
)
def test_no_act_leads_to_another_site(board: Board, browser: Browser, elsewhere: str) -> None:
    board.post("one")
    assert browser.post("/posts/1/hide", reason="x", back=elsewhere).headers["Location"] == "/posts"


def link(page: str, words: str) -> str:
    found = re.search(rf'href="([^"]+)">{words}<', page)
    return html.unescape(found[1]) if found else ""


def walk(browser: Browser, path: str, words: str, pattern: str) -> list[str]:
    """Return what a pattern finds on all pages of a list."""
    found = []
    while path:
        page = browser.get(path).text
        found += re.findall(pattern, page)
        path = link(page, words)
    return found


def test_the_pages_go_all_the_way_back(board: Board, browser: Browser) -> None:
    board.post(*(f"text number {number}" for number in range(120)))
    for number in range(60):
        board.visit(f"user {number:02}")
    newest_first = [str(number) for number in range(119, -1, -1)]
    assert walk(browser, "/posts", "Older", r"text number (\d+)<") == newest_first
    by_id = [f"{number:02}" for number in range(60)]
    assert walk(browser, "/users", "More", r">user (\d+)<") == by_id
    assert walk(browser, "/users?sort=last_visit&search=user", "More", r">user (\d+)<") == by_id
    for number in range(1, 61):
        browser.post(f"/posts/{number}/hide", reason="x")
    assert walk(browser, "/posts?state=hidden", "Older", r"text number (\d+)<") == newest_first[60:]
    assert len(walk(browser, "/audit?action=post.hide", "Older", r'id="act-(\d+)"')) == 60


def test_filters_that_are_left_empty_ask_for_nothing(board: Board, browser: Browser) -> None:
    board.post("one", name="ann")
    assert "one" in browser.get("/posts?words=&state=&since=&until=").text
    assert browser.get("/users?search=&network=&seen_since=&state=&sort=id").status == 200
    assert "No post fits these filters." in browser.get("/posts?words=nowhere").text


@pytest.mark.parametrize(
    "path", ["/posts?cursor=nonsense", "/users?network=nowhere", "/posts?shoe=9", "/audit?since=x", "/bans?in_force=x"]
)
def test_a_made_up_page_is_a_sentence(browser: Browser, path: str) -> None:
    answer = browser.get(path)
    assert answer.status == 422
    assert 'class="narrow container' in answer.text


def test_the_user_page_has_what_is_known_of_them(board: Board, browser: Browser) -> None:
    board.visit("ann", "192.0.2.1", stay=True)
    board.visit("bob", "192.0.2.1")
    board.post("hello there", name="ann")
    browser.post("/users/1/note", text="asks good questions")
    browser.post("/mutes", kind="user", value="ann", reason="too loud")
    page = browser.get("/users/1").text
    for words in ("192.0.2.1", "hello there", "asks good questions", "too loud", "on line", "muted", ">bob<"):
        assert words in page, words
    assert browser.get("/users/99").status == 404


def test_many_posts_are_hidden_at_once_and_come_back_by_one_undo(board: Board, browser: Browser) -> None:
    board.post("one", "two", "three")
    browser.post("/posts/bulk", act="hide", ids=["1", "3", "99", "x"], reason="spam")
    assert said(browser.get("/posts").text) == ["2 posts are hidden. 1 could not be."]
    assert states(board) == [1, 0, 1]
    bulk = board.acts()[0]["id"]
    browser.post(f"/acts/{bulk}/undo", reason="a mistake")
    assert states(board) == [0, 0, 0]
    browser.post(f"/acts/{bulk}/undo", reason="again")
    assert "was undone already" in said(browser.get("/audit").text)[-1]
    browser.post("/posts/bulk", act="hide", reason="none picked")
    assert said(browser.get("/posts").text) == ["Pick at least one post."]


def test_a_ban_is_previewed_and_what_was_typed_is_not_lost(board: Board, browser: Browser) -> None:
    board.post("spam", name="mallory", address="192.0.2.9")
    board.visit("mallory", "192.0.2.9", stay=True)
    page = browser.get("/bans/new?kind=ip&value=192.0.2.9&reason=spam&note=again").text
    assert "1 user, 1 session on line, 1 post shown." in page
    assert 'value="again"' in page
    assert board.acts() == []
    refused = browser.post("/bans", kind="ip", value="127.0.0.1", reason="oops", note="a note")
    assert refused.status == 422
    assert 'value="a note"' in refused.text
    assert 'name="force"' in refused.text
    browser.post("/bans", kind="ip", value="192.0.2.9", reason="spam", expires_in_s="3600", hide_posts="on")
    assert said(browser.get("/bans").text) == ["The ban is in force."]
    assert states(board) == [1]


def test_settings_are_previewed_before_they_are_saved(board: Board, browser: Browser) -> None:
    look = {"board.post_row": "{username} says {text}"}
    page = browser.post("/settings/preview", **look).text
    assert "alice says Good morning, everyone!" in page
    assert board.acts() == []
    assert browser.post("/settings", **look, reason="friendlier").status == 303
    assert "alice says" in browser.get("/settings").text
    wrong = browser.post("/settings", **{"board.window": "many", "reason": "x"})
    assert (wrong.status, said(wrong.text)) == (422, ["board.window must be a whole number from 0 to 1000000."])
    assert 'value="many"' in wrong.text
    late = browser.post("/settings", **{"board.post_row": "{text}", "version:board.post_row": "0", "reason": "x"})
    assert late.status == 422
    assert "olga was first" in said(late.text)[0]


def test_the_mode_is_one_click_and_may_have_an_end(board: Board, browser: Browser) -> None:
    browser.post("/mode", mode="read_only", minutes="5")
    page = browser.get("/").text
    assert "Now: <strong>Read only</strong>, until" in page
    browser.post("/mode", mode="open")
    assert "Now: <strong>Open</strong>." in browser.get("/").text
    for mode, minutes in (("nonsense", ""), ("hold", "0"), ("hold", "many"), ("hold", "-1"), ("hold", "9" * 20)):
        browser.post("/mode", mode=mode, minutes=minutes)
        assert len(said(browser.get("/").text)) == 1
    assert "Now: <strong>Open</strong>." in browser.get("/").text


def test_a_report_is_handled_and_who_reported_it_is_told(board: Board, browser: Browser) -> None:
    board.post("before", "rude words", "after", name="mallory")
    for name in ("ann", "bob"):
        board.visit(name)
        board.run(lambda c, name=name: reports.report(c, "post", 2, user_id(board, name), "rude"))  # type: ignore[misc]
    queue = browser.get("/review").text
    assert "2 reports" in queue
    page = browser.get("/review/post/2").text
    for words in ("before", "rude words", "after", ">ann<", ">bob<", ">mallory<", "3 posts"):
        assert words in page, words
    browser.post("/review/post/2/claim")
    board.staff("mo", "moderator")
    mo = Browser(board)
    mo.sign_in("mo")
    assert "olga looks at it" in mo.get("/review").text
    mo.post("/review/post/2/close", outcome="dismissed", reason="fine")
    assert said(mo.get("/review").text) == ["olga looks at this already."]
    browser.post("/posts/2/hide", reason="rude")
    assert "2 reports" in browser.get("/review").text
    browser.post("/review/post/2/close", outcome="acted", reason="it is hidden")
    assert "Nothing is reported." in browser.get("/review").text
    assert browser.get("/review/post/2").status == 404
    assert browser.get("/review/sofa/2").status == 404


def test_a_held_post_is_looked_at_in_its_place_with_its_authors_record(board: Board, browser: Browser) -> None:
    board.post("before", "waits", "hidden once", name="mallory")
    board.run(lambda c: hold_post(c, board.ledger, ANYONE, 2, "a link"))
    board.run(lambda c: hide_post(c, board.ledger, ANYONE, 3, "rude"))
    board.run(lambda c: sanctions.add(c, board.ledger, ANYONE, Proposal("mute", "user", "mallory", "too loud")))
    assert 'href="/review/held/2"' in browser.get("/review").text
    page = browser.get("/review/held/2").text
    for words in ("Held post 2", "before", "waits", "muted", "too loud", "1 hidden post"):
        assert words in page, words
    browser.post("/review/held/2/claim", back="/review/held/2")
    assert "olga looks at it" in browser.get("/review/held/2").text
    browser.post("/posts/2/approve", reason="fine")
    assert browser.get("/review/held/2").status == 404
    assert "No post waits." in browser.get("/review").text


def test_exports_are_whole_and_no_cell_is_a_formula(board: Board, browser: Browser) -> None:
    dangerous = ["=1+1", "+1", "-1", "@x", "\t=1", " =1", "plain", 'quo"te,d\n']
    board.post(*dangerous, *map(str, range(250)))
    answer = browser.get("/export/posts.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="posts.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert len(rows) == 258
    cells = {row["text"] for row in rows}
    assert {"'=1+1", "'+1", "'-1", "'@x", "'\t=1", "' =1", "plain", 'quo"te,d\n'} <= cells
    lines = [json.loads(line) for line in browser.get("/export/posts.jsonl?words=&state=visible").text.splitlines()]
    assert [line["id"] for line in lines] == list(range(258, 0, -1))
    assert {line["text"] for line in lines} >= set(dangerous)
    assert browser.get("/export/sofas.csv").status == 404
    assert browser.get("/export/posts.exe").status == 404
    for noun in ("users", "acts"):
        assert browser.get(f"/export/{noun}.csv").status == 200


def test_charts_are_pictures_without_a_script_or_a_host(board: Board, browser: Browser) -> None:
    board.post("one")
    for span in ("day", "week", "month", "nonsense"):
        for name in ("posts", "messages", "visits"):
            answer = browser.get(f"/charts/{name}.svg?span={span}")
            assert (answer.status, answer.headers["Content-Type"]) == (200, "image/svg+xml")
            assert "<script" not in answer.text
            assert not re.search(r"(?:href|src|url)\W+https?:", answer.text)
    assert browser.get("/charts/sofas.svg").status == 404


def test_what_users_write_stays_text(board: Board, browser: Browser) -> None:
    board.visit(PAYLOAD, address="192.0.2.1", stay=True)
    board.post(PAYLOAD, name=PAYLOAD)
    for path in ("/posts", "/users", "/users/1", "/sessions"):
        page = re.sub(r'<script src="/static/console.js" defer></script>', "", browser.get(path).text)
        assert "<script" not in page
        assert "<img" not in page
        assert "62710561" not in re.sub(r"csrf_token[^>]*>", "", page)
        assert page.count("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;") >= 1
        assert not re.search(r"\son\w+=|javascript:|\sstyle=", re.sub(r"&lt;.*?&gt;", "", page))


def test_what_steers_a_terminal_or_turns_a_line_is_made_visible(board: Board, browser: Browser) -> None:
    board.post("red \x1b[31m, bell \x07, c1 \x9b, turned \u202e, end\r\n", name="a\x1bb")
    page = browser.get("/posts").text
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
