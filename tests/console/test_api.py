"""The REST API: lists by pages, acts with reasons, and every error a problem document."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.console.support import Answer, Board, Browser

PROBLEM = "application/problem+json"
POSTS, USERS, HIDE, RESTORE = "/api/v1/posts", "/api/v1/users", "/api/v1/posts/1/hide", "/api/v1/posts/1/restore"


@pytest.fixture
def token(board: Board) -> str:
    """A token that may do everything."""
    return board.token()


def problem(answer: Answer) -> tuple[int, str]:
    """Return the status and code of a problem document, whose form is checked."""
    assert answer.headers["Content-Type"] == PROBLEM
    assert set(answer.json) == {"type", "title", "status", "detail", "code"}
    assert answer.json["detail"].endswith(".")
    assert answer.json["status"] == answer.status
    return answer.status, answer.json["code"]


def walk(board: Board, path: str, token: str, limit: int, mark: str = "?") -> list[list[Any]]:
    """Return the pages of a list, following the links."""
    pages = []
    following: str | None = f"{path}{mark}limit={limit}"
    while following:
        answer = board.api("GET", following, token)
        assert answer.status == 200
        pages.append(answer.json["items"])
        link = answer.headers.get("Link")
        assert (link is None) is (answer.json["next"] is None)
        following = link.removeprefix("<").partition(">")[0] if link else None
    return pages


def recent(moment: str) -> bool:
    """Whether a time as RFC 3339 has it, in UTC, is about now."""
    assert moment.endswith("Z")
    return abs(datetime.now(UTC) - datetime.fromisoformat(moment)) < timedelta(minutes=1)


def test_posts_are_listed_newest_first_as_they_were_sent(board: Board, token: str) -> None:
    board.post("one", "", "esc\x1b[31m <b> 日本語", name="bob", address="2001:db8::1")
    items = board.api("GET", POSTS, token).json["items"]
    assert [(item["id"], item["text"]) for item in items] == [(3, "esc\x1b[31m <b> 日本語"), (2, ""), (1, "one")]
    assert {(item["username"], item["address"], item["state"]) for item in items} == {("bob", "2001:db8::1", "visible")}
    assert all(recent(item["at"]) for item in items)


def test_users_are_listed_with_their_visits_and_addresses(board: Board, token: str) -> None:
    board.visit("ann", "192.0.2.1")
    board.visit("ann", "192.0.2.2", stay=True)
    board.post("hi", name="ann")
    board.visit("")
    ann, empty = board.api("GET", USERS, token).json["items"]
    assert (ann["name"], ann["visits"], ann["posts"], ann["messages"], ann["online"]) == ("ann", 2, 1, 0, True)
    assert {address["address"]: address["visits"] for address in ann["addresses"]} == {"192.0.2.1": 1, "192.0.2.2": 1}
    assert recent(ann["first_visit_at"])
    assert recent(ann["last_visit_at"])
    assert all(recent(address["first"]) and recent(address["last"]) for address in ann["addresses"])
    assert (empty["name"], empty["online"]) == ("", False)


def test_times_are_of_one_length_so_that_they_sort_as_texts(board: Board, token: str) -> None:
    for at_ms in (1_700_000_000_000, 1_700_000_000_014):
        board.visit("ann", f"192.0.2.{at_ms % 1000}", at_ms=at_ms)
    (ann,) = board.api("GET", USERS, token).json["items"]
    assert [one["last"] for one in ann["addresses"]] == ["2023-11-14T22:13:20.014Z", "2023-11-14T22:13:20.000Z"]


def test_of_a_traveller_only_the_latest_addresses_are_listed(board: Board, token: str) -> None:
    for number in range(25):
        board.visit("ann", f"192.0.2.{number}")
    (ann,) = board.api("GET", USERS, token).json["items"]
    assert len(ann["addresses"]) == 20
    assert ann["addresses"] == sorted(ann["addresses"], key=lambda address: address["last"], reverse=True)


@pytest.mark.parametrize(("count", "sizes"), [(0, [0]), (4, [4]), (5, [4, 1]), (8, [4, 4]), (9, [4, 4, 1])])
def test_a_walk_through_the_pages_finds_each_item_once(board: Board, token: str, count: int, sizes: list[int]) -> None:
    board.post(*map(str, range(count)))
    for number in range(count):
        board.visit(f"user {number}")
    posts, users = walk(board, POSTS, token, 4), walk(board, USERS, token, 4)
    assert [len(page) for page in posts] == sizes
    assert [len(page) for page in users] == sizes
    assert [item["id"] for page in posts for item in page] == list(range(count, 0, -1))
    assert [item["name"] for page in users for item in page] == [f"user {number}" for number in range(count)]


def test_what_comes_meanwhile_does_not_shift_the_pages(board: Board, token: str) -> None:
    board.post(*map(str, range(6)))
    first = board.api("GET", f"{POSTS}?limit=3", token).json
    board.post("late", "later")
    second = board.api("GET", f"{POSTS}?limit=3&cursor={first['next']}", token).json
    assert [item["id"] for item in first["items"] + second["items"]] == [6, 5, 4, 3, 2, 1]


def test_the_largest_page_is_full_and_tells_of_the_next(board: Board, token: str) -> None:
    board.post(*map(str, range(201)))
    answer = board.api("GET", f"{POSTS}?limit=200", token).json
    assert len(answer["items"]) == 200
    assert answer["next"]


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=201", "limit=-1", "limit=ten", "limit=", "limit=99999999999999999999999"),
        *("cursor=", "cursor=MA", "cursor=LTE", "cursor=%00", "cursor=Mw==", "cursor=IDM", "cursor=" + "9" * 100),
        *("cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk", "offset=5", "limit=5&sort=shoe_size", "limit[]=5"),
    ],
)
def test_a_query_that_the_list_does_not_know_is_a_problem(sqlite_board: Board, query: str) -> None:
    token = sqlite_board.token()
    for path in (POSTS, USERS):
        assert problem(sqlite_board.api("GET", f"{path}?{query}", token)) == (422, "invalid")


def test_a_post_is_hidden_and_restored_with_one_act_each(board: Board, token: str) -> None:
    board.post("one")
    before = len(board.acts())
    hidden = board.api("POST", HIDE, token, {"reason": "off topic"})
    assert hidden.status == 200
    assert (hidden.json["id"], hidden.json["state"], hidden.json["act_id"]) == (1, "hidden", before + 1)
    assert board.api("GET", POSTS, token).json["items"][0]["state"] == "hidden"
    restored = board.api("POST", RESTORE, token, {"reason": "a mistake"})
    assert (restored.json["state"], restored.json["act_id"]) == ("visible", before + 2)
    acts = board.acts()[before:]
    assert [(act["action"], act["via"], act["target_id"]) for act in acts] == [
        ("post.hide", "token", "1"),
        ("post.restore", "token", "1"),
    ]
    assert not board.faults()


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/api/v1/posts/2/hide", {"reason": "x"}, (404, "not_found")),
        ("/api/v1/posts/9223372036854775807/hide", {"reason": "x"}, (404, "not_found")),
        ("/api/v1/posts/9223372036854775808/hide", {"reason": "x"}, (422, "invalid")),
        ("/api/v1/posts/0/hide", {"reason": "x"}, (422, "invalid")),
        ("/api/v1/posts/one/hide", {"reason": "x"}, (422, "invalid")),
        (RESTORE, {"reason": "x"}, (409, "conflict")),
        (HIDE, {"reason": "  "}, (422, "invalid")),
        (HIDE, {"reason": "x" * 501}, (422, "invalid")),
        (HIDE, {"reason": "\ud800"}, (422, "invalid")),
        (HIDE, {"reason": 5}, (422, "invalid")),
        (HIDE, {"reason": None}, (422, "invalid")),
        (HIDE, {}, (422, "invalid")),
        (HIDE, {"reason": "x", "force": True}, (422, "invalid")),
        (HIDE, [], (422, "invalid")),
        (HIDE, None, (422, "invalid")),
        (HIDE, '{"reason": "x"}', (422, "invalid")),
    ],
)
def test_an_act_that_cannot_be_done_is_a_problem_and_leaves_no_trace(
    board: Board, token: str, path: str, body: Any, expected: tuple[int, str]
) -> None:
    board.post("one")
    before = len(board.acts())
    assert problem(board.api("POST", path, token, body)) == expected
    assert len(board.acts()) == before
    assert board.api("GET", POSTS, token).json["items"][0]["state"] == "visible"


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b'{"reason": ', "application/json", (400, "bad_request")),
        (b"", "application/json", (400, "bad_request")),
        (b'{"reason": "\xff"}', "application/json", (400, "bad_request")),
        (b"[" * 60_000, "application/json", (400, "bad_request")),
        (b'{"reason": "x"}', "text/plain", (415, "not_json")),
        (b"reason=x", "application/x-www-form-urlencoded", (415, "not_json")),
        (b'{"reason": "' + b"x" * 70_000 + b'"}', "application/json", (413, "too_large")),
    ],
)
def test_a_body_that_is_no_json_is_a_problem(
    sqlite_board: Board, body: bytes, kind: str, expected: tuple[int, str]
) -> None:
    token = sqlite_board.token()
    sqlite_board.post("one")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    assert problem(sqlite_board.ask("POST", HIDE, body, headers)) == expected
    assert sqlite_board.api("GET", POSTS, token).json["items"][0]["state"] == "visible"


def test_what_does_not_exist_is_a_problem_too(sqlite_board: Board) -> None:
    token = sqlite_board.token()
    for path in ("/api/v1/nothing", "/api/v2/posts", "/api/", "/api/v1/posts/1"):
        assert problem(sqlite_board.api("GET", path, token)) == (404, "not_found")
    for method, path, allowed in (("DELETE", POSTS, "GET"), ("GET", HIDE, "POST"), ("PUT", HIDE, "POST")):
        answer = sqlite_board.api(method, path, token)
        assert problem(answer) == (405, "method_not_allowed")
        assert allowed in answer.headers["Allow"]


def test_nothing_changes_on_get(board: Board, token: str) -> None:
    board.post("one")
    before = board.writer.commits
    for path in (POSTS, USERS, HIDE, RESTORE, "/", "/login", "/posts/1/hide", "/logout", "/healthz", "/metrics"):
        board.api("GET", path, token)
    assert board.writer.commits == before


def test_a_database_that_is_away_is_a_problem_that_passes(sqlite_board: Board, tmp_path: Path) -> None:
    token, browser = sqlite_board.token(), Browser(sqlite_board)
    browser.sign_in()
    sqlite_board.readers._engine.dispose()
    (tmp_path / "data").rename(tmp_path / "away")
    answer = sqlite_board.api("GET", POSTS, token)
    assert problem(answer) == (503, "unavailable")
    assert "away" not in answer.text
    page = browser.get("/")
    assert page.status == 503
    assert "The board cannot do this at the moment: try again." in page.text
    (tmp_path / "away").rename(tmp_path / "data")
    assert sqlite_board.api("GET", POSTS, token).status == 200
    assert browser.get("/").status == 200


def test_a_failure_that_nobody_foresaw_tells_nothing(board: Board, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the secret plan")

    monkeypatch.setattr(board.ledger, "write", fail)
    board.post("one")
    answer = board.api("POST", HIDE, token, {"reason": "x"})
    assert problem(answer) == (500, "failed")
    assert "secret" not in answer.text


def test_the_reasons_of_a_problem_repeat_nothing_that_was_sent(sqlite_board: Board) -> None:
    token = sqlite_board.token()
    answer = sqlite_board.api("POST", HIDE, token, {"reason": ["hunter2hunter2"]})
    assert problem(answer) == (422, "invalid")
    assert answer.json["detail"] == "reason: input should be a valid string."
