"""What the API does for programs: filters and orders, the same request sent twice, two people at once, and undoing."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from bbs_core import reports, search
from bbs_core.errors import Conflict, NotFound
from bbs_core.store.models import Post
from tests.console.api_cases import REASON, SPAM, user_id
from tests.console.support import Answer, Board
from tests.console.test_api import problem, walk
from tests.docs.fences import block

API = "/api/v1"


@pytest.fixture
def token(board: Board) -> str:
    """A token that may do everything."""
    return board.token()


def ids(board: Board, path: str, token: str) -> list[Any]:
    answer = board.api("GET", API + path, token)
    assert answer.status == 200, answer.text
    return [item["id"] for item in answer.json["items"]]


def send(board: Board, token: str, path: str, body: Any, key: str = "", method: str = "POST") -> Answer:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    headers |= {"Idempotency-Key": key} if key else {}
    return board.ask(method, API + path, json.dumps(body).encode(), headers)


def test_users_are_found_by_what_is_known_of_them(board: Board, token: str) -> None:
    board.visit("Ann", "192.0.2.1")
    board.visit("anton", "192.0.2.200", stay=True)
    board.visit("bob", "2001:db8::1")
    for query, found in {
        "search=an": [1, 2],
        "search=ANT": [2],
        "search=%00": [],
        "network=192.0.2.0/25": [1],
        "network=192.0.2.0/24": [1, 2],
        "network=2001:db8::/32": [3],
        "online=true": [2],
        "search=an&online=true": [2],
        "seen_since=2020-01-01T00:00:00Z": [3, 2, 1],
        "seen_since=2120-01-01T00:00:00": [],
        "sort=name": [1, 2, 3],
        "sort=last_visit": [3, 2, 1],
        "state=banned": [],
    }.items():
        assert sorted(ids(board, f"/users?{query}", token)) == sorted(found), query
    assert problem(board.api("GET", f"{API}/users?network=nowhere", token)) == (422, "invalid")
    send(board, token, "/bans", {**SPAM, "value": "bob"})
    assert ids(board, "/users?state=banned", token) == [3]
    assert board.api("GET", f"{API}/users/3", token).json["banned"] is True


@pytest.mark.parametrize("sort", ["id", "name", "last_visit"])
def test_users_are_walked_in_every_order(board: Board, token: str, sort: str) -> None:
    for number in range(9):
        board.visit(f"user {number % 3}{number}")
    pages = walk(board, f"{API}/users?sort={sort}", token, 2, "&")
    found = [item["id"] for page in pages for item in page]
    assert sorted(found) == sorted(set(found)) == list(range(1, 10))
    names = [item["name"] for page in pages for item in page]
    assert sort != "name" or names == sorted(names)


def test_a_cursor_of_another_order_is_refused(board: Board, token: str) -> None:
    for name in ("ann", "bob", "cy"):
        board.visit(name)
    cursor = board.api("GET", f"{API}/users?sort=name&limit=1", token).json["next"]
    assert problem(board.api("GET", f"{API}/users?cursor={cursor}", token)) == (422, "invalid")


def test_a_user_is_shown_with_those_who_came_from_the_same_address(board: Board, token: str) -> None:
    board.visit("ann", "192.0.2.1")
    board.visit("bob", "192.0.2.1")
    board.visit("cy", "192.0.2.2")
    ann = board.api("GET", f"{API}/users/1", token).json
    assert [(one["name"], one["address"]) for one in ann["neighbours"]] == [("bob", "192.0.2.1")]
    assert problem(board.api("GET", f"{API}/users/99", token)) == (404, "not_found")


def test_notes_are_kept_for_other_staff(board: Board, token: str) -> None:
    board.visit("ann")
    for text in ("first", "second"):
        assert send(board, token, "/users/1/notes", {"text": text}).status == 200
    items = board.api("GET", f"{API}/users/1/notes", token).json["items"]
    assert [(item["author"], item["text"]) for item in items] == [("olga", "second"), ("olga", "first")]
    assert problem(send(board, token, "/users/9/notes", {"text": "who?"})) == (404, "not_found")


def test_posts_are_found_by_their_words_once_they_are_indexed(board: Board, token: str) -> None:
    board.post("The quick brown fox", "a lazy dog", "quick quick")
    assert ids(board, "/posts?words=quick", token) == []
    assert board.run(search.index_more) == 3
    for words, found in {
        "quick": [3, 1],
        "QUICK%20fox": [1],
        "qui": [],
        "qui*": [3, 1],
        "bro*%20qui*": [1],
        "lazy%20fox": [],
        "%27%22*()": [],
        "AND": [],
        "dog%20OR": [],
    }.items():
        assert ids(board, f"/posts?words={words}", token) == found, words
    send(board, token, "/posts/1/purge", REASON)
    assert ids(board, "/posts?words=fox", token) == []


def test_posts_are_found_by_state_author_and_time(board: Board, token: str) -> None:
    board.post("one", "two", name="ann")
    board.post("three", name="bob")
    board.run(lambda c: c.execute(sa.update(Post).values(at_ms=Post.id * 86_400_000)))
    send(board, token, "/posts/2/hide", REASON)
    for query, found in {
        "state=hidden": [2],
        "state=visible": [3, 1],
        f"user_id={user_id(board, 'ann')}": [2, 1],
        "since=1970-01-03": [3, 2],
        "until=1970-01-03T00:00:00Z": [1],
        "since=1970-01-02&until=1970-01-04": [2, 1],
        "since=2100-01-01": [],
    }.items():
        assert ids(board, f"/posts?{query}", token) == found, query


def test_the_operators_post_stands_under_the_operators_name(board: Board, token: str) -> None:
    send(board, token, "/settings", {"values": {"board.operator_name": "teacher"}, **REASON}, method="PATCH")
    posted = send(board, token, "/posts", {"text": "Welcome"}).json
    assert (posted["username"], posted["text"], posted["state"]) == ("teacher", "Welcome", "visible")
    for text in ("", " ", "x" * 9001, "\ud800"):
        assert problem(send(board, token, "/posts", {"text": text})) == (422, "invalid")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/posts", {"text": "once"}),
        ("/bans", SPAM),
        ("/mutes", SPAM),
        ("/announcements", {"text": "once"}),
    ],
)
def test_the_same_request_sent_again_is_done_once(board: Board, token: str, path: str, body: dict[str, Any]) -> None:
    first, again = (send(board, token, path, body, "key-1") for _ in range(2))
    assert (first.status, again.status) == (200, 200)
    assert first.body == again.body
    assert (first.headers["Idempotency-Replayed"], again.headers["Idempotency-Replayed"]) == (None, "true")
    assert len(board.acts()) == 2  # the token's, and this one
    another = {**body, "text": "twice"} if "text" in body else {**body, "value": "eve"}
    assert problem(send(board, token, path, another, "key-1")) == (409, "conflict")
    assert send(board, token, path, another, "key-2").status == 200
    other = board.token(staff="otto")
    assert send(board, other, path, {**another, "value": "x"} if "value" in body else body, "key-1").status == 200


def test_a_refused_request_may_be_sent_again_with_its_key(board: Board, token: str) -> None:
    assert send(board, token, "/posts", {"text": " "}, "key").status == 422
    assert send(board, token, "/posts", {"text": "better"}, "key").status == 200
    assert problem(send(board, token, "/posts", {"text": "x"}, "k" * 201)) == (422, "invalid")


def test_a_dry_run_tells_whom_a_ban_hits_and_changes_nothing(board: Board, token: str) -> None:
    board.post("spam", name="mallory")
    answer = send(board, token, "/bans", {**SPAM, "posts": "hide", "dry_run": True}).json
    assert answer["hits"] | {"warnings": []} == {
        "users": 1,
        "names": ["mallory"],
        "sessions": 0,
        "posts": 1,
        "warnings": [],
    }
    assert (answer["sanction"], answer["act_id"]) == (None, None)
    assert ids(board, "/bans", token) == []
    done = send(board, token, "/bans", {**SPAM, "posts": "hide"}).json
    assert done["sanction"]["in_force"] is True
    assert ids(board, "/posts?state=hidden", token) == [1]
    assert ids(board, "/mutes", token) == []
    assert problem(board.api("GET", f"{API}/mutes/{done['sanction']['id']}", token)) == (404, "not_found")


def test_a_ban_that_hits_whoever_asks_needs_force(board: Board, token: str) -> None:
    own = {"kind": "ip", "value": "127.0.0.1", "reason": "oops"}
    refused = send(board, token, "/bans", own)
    assert problem(refused) == (409, "conflict")
    assert "force" in refused.json["detail"]
    assert len(send(board, token, "/bans", {**own, "dry_run": True}).json["hits"]["warnings"]) == 2
    assert send(board, token, "/bans", {**own, "force": True}).status == 200


def test_a_lifted_ban_is_in_force_no_more(board: Board, token: str) -> None:
    number = send(board, token, "/bans", SPAM).json["sanction"]["id"]
    lifted = send(board, token, f"/bans/{number}/lift", REASON).json
    assert lifted["in_force"] is False
    assert lifted["lifted_at"]
    assert problem(send(board, token, f"/bans/{number}/lift", REASON)) == (409, "conflict")
    assert (ids(board, "/bans?in_force=true", token), ids(board, "/bans?in_force=false", token)) == ([], [number])


def test_an_act_is_undone_once_by_who_has_its_right(board: Board, token: str) -> None:
    board.post("one")
    act_id = send(board, token, "/posts/1/hide", REASON).json["act_id"]
    reader = board.token("acts:read")
    assert problem(send(board, reader, f"/acts/{act_id}/undo", REASON)) == (403, "forbidden")
    undone_by = send(board, token, f"/acts/{act_id}/undo", REASON).json["act_id"]
    shown = board.api("GET", f"{API}/acts/{act_id}", token).json
    assert (shown["undone_by"], shown["undoable"], shown["actor"], shown["reason"]) == (
        undone_by,
        False,
        "olga",
        "because",
    )
    assert problem(send(board, token, f"/acts/{act_id}/undo", REASON)) == (409, "conflict")
    assert problem(send(board, token, "/acts/1/undo", REASON)) == (422, "invalid")


def test_acts_are_found_by_who_did_what_to_whom_and_when(board: Board, token: str) -> None:
    board.post("one")
    send(board, token, "/posts/1/hide", REASON)
    for query, found in {
        "action=post.hide": [2],
        "actor=olga": [2],
        "actor=nobody": [],
        "target_kind=post&target_id=1": [2],
        "until=2020-01-01": [],
        "since=2020-01-01": [2, 1],
        "action=%00": [],
    }.items():
        assert ids(board, f"/acts?{query}", token) == found, query


def test_of_two_who_change_a_setting_the_second_hears_who_was_first(board: Board, token: str) -> None:
    change = {"values": {"board.window": 7}, "versions": {"board.window": 0}, **REASON}
    assert send(board, token, "/settings", change, method="PATCH").status == 200
    refused = send(
        board, board.token(staff="otto"), "/settings", {**change, "values": {"board.window": 9}}, method="PATCH"
    )
    assert problem(refused) == (409, "conflict")
    assert "olga was first" in refused.json["detail"]
    [window] = [one for one in board.api("GET", f"{API}/settings", token).json["items"] if one["key"] == "board.window"]
    assert (window["value"], window["changed"], window["version"]) == (7, True, 1)


def test_what_the_page_shows_changes_a_setting_that_was_changed_three_times(board: Board, token: str) -> None:
    for version in range(3):
        change = {"values": {"board.window": version + 1}, "versions": {"board.window": version}, **REASON}
        assert send(board, token, "/settings", change, method="PATCH").status == 200
    shown = json.loads(block("docs/rest.md", "board.window"))
    assert send(board, token, "/settings", shown, method="PATCH").status == 200


def test_of_two_who_change_a_role_the_second_looks_again(board: Board, token: str) -> None:
    number = board.staff("otto", "moderator")
    change = {"role": "observer", "version": 1, **REASON}
    assert send(board, token, f"/staff/{number}", change, method="PATCH").json["version"] == 2
    assert problem(send(board, token, f"/staff/{number}", change, method="PATCH")) == (409, "conflict")


def test_nobody_rises_through_the_api(board: Board) -> None:
    owner = board.staff("olga")
    admin = board.token(staff="ada", role="admin")
    number = board.staff("otto", "moderator")
    for path, body in (
        (f"/staff/{number}", {"role": "owner", "version": 1, **REASON}),
        (f"/staff/{number}", {"role": "admin", "version": 1, **REASON}),
        (f"/staff/{owner}", {"role": "observer", "version": 1, **REASON}),
    ):
        assert problem(send(board, admin, path, body, method="PATCH")) == (403, "forbidden"), body
    assert problem(send(board, admin, f"/staff/{owner}/disable", REASON)) == (403, "forbidden")
    new = {"name": "eve", "role": "owner", "password": "correct horse battery"}
    assert problem(send(board, admin, "/staff", new)) == (403, "forbidden")
    assert len([act for act in board.acts() if act["actor_kind"] == "staff"]) == 0


def test_the_last_owner_stays(board: Board, token: str) -> None:
    assert problem(send(board, token, "/staff/1/disable", REASON)) == (409, "conflict")
    own_role = send(board, token, "/staff/1", {"role": "observer", "version": 1, **REASON}, method="PATCH")
    assert problem(own_role) == (403, "forbidden")


def test_a_token_makes_none_with_more_rights_than_its_own(board: Board) -> None:
    weak = board.token("staff:write", "posts:read")
    for scopes in (["all"], ["posts:moderate"], ["posts:read", "export"]):
        assert problem(send(board, weak, "/tokens", {"name": "t", "scopes": scopes})) == (403, "forbidden")
    made = send(board, weak, "/tokens", {"name": "t", "scopes": ["posts:read"]}).json["token"]
    assert board.api("GET", f"{API}/posts", made).status == 200
    assert problem(board.api("GET", f"{API}/users", made)) == (403, "forbidden")


def test_a_secret_is_shown_once_and_never_again(board: Board, token: str) -> None:
    assert token not in board.api("GET", f"{API}/tokens", token).text
    number = board.token_ids()[0]
    assert send(board, token, f"/tokens/{number}/revoke", {}).status == 200
    assert problem(board.api("GET", f"{API}/tokens", token)) == (401, "unauthorized")


def test_many_reports_of_one_post_are_one_item_that_is_closed_at_once(board: Board, token: str) -> None:
    board.post("rude", name="mallory")
    for name in ("ann", "bob"):
        board.visit(name)
        board.run(lambda c, name=name: reports.report(c, "post", 1, user_id(board, name), "rude"))  # type: ignore[misc]
    with pytest.raises(Conflict):
        board.run(lambda c: reports.report(c, "post", 1, user_id(board, "ann"), "again"))
    [item] = board.api("GET", f"{API}/reports", token).json["items"]
    assert (item["kind"], item["target_id"], item["count"], item["claimed_by"]) == ("post", 1, 2, None)
    detail = board.api("GET", f"{API}/reports/post/1", token).json
    assert [one["username"] for one in detail["reporters"]] == ["ann", "bob"]
    assert [post["text"] for post in detail["posts"]] == ["rude"]
    closing = {"outcome": "acted", "reason": "it is hidden now"}
    assert send(board, token, "/reports/post/1/close", closing).status == 200
    assert ids(board, "/reports", token) == []
    assert len(ids(board, "/reports?state=closed", token)) == 2
    assert problem(send(board, token, "/reports/post/1/close", closing)) == (404, "not_found")
    told = board.access.read(lambda c: c.exec_driver_sql("SELECT text FROM notices").scalars().all())
    assert told == ["The staff has looked at what you reported: it is hidden now"] * 2


def test_of_two_moderators_one_has_the_item(board: Board, token: str) -> None:
    board.post("rude")
    board.visit("ann")
    board.run(lambda c: reports.report(c, "post", 1, user_id(board, "ann"), "rude"))
    other = board.token(staff="otto")
    assert send(board, token, "/reports/post/1/claim", {}).status == 200
    for verb, body in (("claim", {}), ("release", {}), ("close", {"outcome": "acted", **REASON})):
        refused = send(board, other, f"/reports/post/1/{verb}", body)
        assert problem(refused) == (409, "conflict")
        assert "olga" in refused.json["detail"]
    assert board.api("GET", f"{API}/reports", other).json["items"][0]["claimed_by"] == "olga"
    assert send(board, token, "/reports/post/1/release", {}).status == 200
    assert send(board, other, "/reports/post/1/claim", {}).status == 200


def test_only_a_reported_message_is_shown_with_a_few_rows_around_it(board: Board, token: str) -> None:
    board.visit("ann")
    board.visit("bob")
    board.messages(*[("ann", "bob", f"row {number}") for number in range(1, 11)], ("ann", "cy", "for cy alone"))
    assert problem(board.api("GET", f"{API}/reports/message/5", token)) == (404, "not_found")
    board.run(lambda c: reports.report(c, "message", 5, user_id(board, "bob"), "row 5"))
    shown = board.api("GET", f"{API}/reports/message/5", token).json["messages"]
    assert [row["text"] for row in shown] == [f"row {number}" for number in range(2, 9)]
    assert {(row["sender"], row["recipient"]) for row in shown} == {("ann", "bob")}
    with pytest.raises(NotFound):
        board.access.read(lambda c: reports.messages_around(c, 11))


def test_what_was_written_is_counted_by_the_hour(board: Board, token: str) -> None:
    board.visit("ann", stay=True)
    board.post("one", "two")
    stats = board.api("GET", f"{API}/stats?hours=3", token).json
    assert (stats["posts"], stats["visits"], stats["online"], stats["open_reports"]) == (2, 1, 1, 0)
    assert [hour["posts"] for hour in stats["hours"]] == [0, 0, 2]


def test_announcements_end(board: Board, token: str) -> None:
    number = send(board, token, "/announcements", {"text": "hello", "expires_in_s": 60}).json["id"]
    assert send(board, token, f"/announcements/{number}/end", REASON).status == 200
    assert problem(send(board, token, f"/announcements/{number}/end", REASON)) == (404, "not_found")


def test_a_bulk_act_passes_over_what_cannot_be_changed(board: Board, token: str) -> None:
    board.post("one", "two", "three")
    hide = {"act": "hide", "ids": [1, 3, 99], **REASON}
    assert send(board, token, "/posts/bulk", hide).json["ids"] == [1, 3]
    assert problem(send(board, token, "/posts/bulk", hide)) == (409, "conflict")
    act_id = board.acts()[1]["id"]
    assert send(board, token, f"/acts/{act_id}/undo", REASON).status == 200
    assert ids(board, "/posts?state=hidden", token) == []


def test_clearing_the_board_can_be_undone(board: Board, token: str) -> None:
    board.post("one", "two")
    act_id = send(board, token, "/posts/clear", REASON).json["act_id"]
    assert problem(send(board, token, "/posts/clear", REASON)) == (409, "conflict")
    values = {one["key"]: one["value"] for one in board.api("GET", f"{API}/settings", token).json["items"]}
    assert values["board.archived_through"] == 2
    assert send(board, token, f"/acts/{act_id}/undo", REASON).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/posts/1/nowhere", 404, "not_found"),
        ("DELETE", "/posts", 405, "method_not_allowed"),
        ("GET", "/posts/1/hide", 405, "method_not_allowed"),
        ("PUT", "/settings", 405, "method_not_allowed"),
    ],
)
def test_what_is_not_there_is_a_problem_too(
    board: Board, token: str, method: str, path: str, status: int, code: str
) -> None:
    answer = board.ask(method, API + path, None, {"Authorization": f"Bearer {token}"})
    assert problem(answer) == (status, code)
    assert (answer.headers["Allow"] is not None) is (status == 405)


def test_the_reference_is_a_page_without_a_script(sqlite_board: Board) -> None:
    page = sqlite_board.get("/api/docs")
    assert page.status == 200
    assert "<script" not in page.text
    paths = sqlite_board.get(f"{API}/openapi.json").json["paths"]
    assert page.text.count('class="operation') == sum(map(len, paths.values()))
    for path in paths:
        assert f">{path}</code>" in page.text
