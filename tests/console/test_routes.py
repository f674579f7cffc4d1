"""Every route of the application, taken from its own map: a new one cannot escape these tests."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from admin import create_app
from admin.app import HEADERS
from bbs_core.clock import now_ms
from bbs_core.staff import Scope
from bbs_core.store.models import Post
from bbs_core.store.staff_models import Staff, Token
from tests.console.support import Answer, Board, Browser

API = "/api/v1"
# Numbers that no row has, and ways to write a number that are not ours; the last is 1 in Arabic digits.
NO_IDS = [str(2**63), str(2**64), "9" * 5000, "-1", "0", "\u0661"]
# What anyone may ask for, and why.
OPEN = {
    "static": "the console's own style",
    "bootstrap.static": "Bootstrap's style",
    "door.login": "the way in",
    "door.sign_in": "the way in",
    "setup_link.ask": "for who has the key that the start line shows, while there is no staff",
    "setup_link.make_owner": "the same",
    "watch.healthz": "for the supervisor; says ok or failing",
    "watch.metrics": "for Prometheus; numbers alone",
    "document.openapi": "the API's description, the same on every board",
    "reference.browse": "the same as a page",
}


def routes(board: Board, post_id: str = "1") -> Iterator[tuple[str, str, str]]:
    """Yield method, path and endpoint of every route, with a post where a path asks for one."""
    for rule in board.app.url_map.iter_rules():
        path = rule.rule.replace("<kind>", "post").replace("<name>", "dice")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            yield method, re.sub(r"<[^>]+>", post_id, path), rule.endpoint


def closed(board: Board, api: bool) -> list[tuple[str, str, str]]:
    """Return the routes of the API, or of the pages, that ask who is calling."""
    found = [route for route in routes(board) if route[2] not in OPEN and route[1].startswith(API) is api]
    assert found
    return found


def assert_nothing_happened(board: Board, acts: int = 0) -> None:
    assert len(board.acts()) == acts
    assert board.access.read(lambda c: c.execute(sa.select(Post.state)).scalars().all()) == [0]


def ask_api(board: Board, method: str, path: str, headers: dict[str, str]) -> Answer:
    body = None if method == "GET" else b'{"reason": "because"}'
    return board.ask(method, path, body, {**headers, "Content-Type": "application/json"} if body else headers)


def code(answer: Answer) -> str:
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == answer.status
    found: str = answer.json["code"]
    return found


def test_what_is_open_is_there(sqlite_board: Board) -> None:
    assert OPEN.keys() <= {endpoint for _, _, endpoint in routes(sqlite_board)}


def test_every_route_refuses_the_anonymous(board: Board) -> None:
    board.post("one")
    for method, path, _ in closed(board, api=True):
        answer = ask_api(board, method, path, {})
        assert (answer.status, code(answer)) == (401, "unauthorized"), path
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    stranger = Browser(board)
    stranger.get("/login")
    for method, path, _ in closed(board, api=False):
        answer = stranger.get(path) if method == "GET" else stranger.post(path, reason="because")
        assert (answer.status, answer.headers["Location"]) == (303, "/login"), path
    assert_nothing_happened(board)


def test_the_api_refuses_cookies_and_other_schemes(board: Board, browser: Browser) -> None:
    board.post("one")
    assert browser.get("/").status == 200
    for method, path, _ in closed(board, api=True):
        for headers in (browser.headers, {"Authorization": "Basic b2xnYTpvbGdh"}, {"Authorization": "Bearer "}):
            assert ask_api(board, method, path, headers).status == 401, (path, headers)
    assert_nothing_happened(board)


def test_the_pages_refuse_tokens(board: Board) -> None:
    board.post("one")
    bearer = {"Authorization": f"Bearer {board.token()}"}
    for method, path, _ in closed(board, api=False):
        answer = board.ask(method, path, b"reason=because" if method == "POST" else None, bearer)
        assert answer.status == (303 if method == "GET" else 400), path
    assert_nothing_happened(board, acts=1)


def test_every_api_route_refuses_a_token_without_its_scope(board: Board) -> None:
    board.post("one")
    document = board.get(f"{API}/openapi.json").json
    asked = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            needed = {scope for scheme in operation.get("security", []) for scope in scheme["bearer"]}
            for scope in needed:
                token = board.token(*({*map(str, Scope)} - {scope}))
                path = path.format(id="1", kind="post", name="dice", incident="1f2e3d4c")
                answer = ask_api(board, method.upper(), path, {"Authorization": f"Bearer {token}"})
                assert (answer.status, code(answer)) == (403, "forbidden"), path
                asked += 1
    assert asked == len(closed(board, api=True))
    assert_nothing_happened(board, acts=asked)


@pytest.mark.parametrize("ending", ["expired", "revoked", "owner disabled", "unknown"])
def test_every_api_route_refuses_a_token_that_has_ended(board: Board, ending: str) -> None:
    board.post("one")
    token = board.token()
    change: dict[str, sa.Update] = {
        "expired": sa.update(Token).values(expires_at_ms=now_ms()),
        "revoked": sa.update(Token).values(revoked_at_ms=now_ms()),
        "owner disabled": sa.update(Staff).values(disabled_at_ms=now_ms()),
        "unknown": sa.update(Token).values(digest=b"another"),
    }
    board.run(lambda c: c.execute(change[ending]))
    for method, path, _ in closed(board, api=True):
        answer = ask_api(board, method, path, {"Authorization": f"Bearer {token}"})
        assert (answer.status, code(answer)) == (401, "unauthorized"), path
    assert_nothing_happened(board, acts=1)


@pytest.mark.parametrize("number", NO_IDS, ids=["2**63", "2**64", "long", "negative", "zero", "arabic"])
def test_every_path_refuses_what_is_no_id(board: Board, browser: Browser, number: str) -> None:
    board.post("one")
    bearer = {"Authorization": f"Bearer {board.token()}"}
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/").text)
    assert token
    asked = 0
    for method, path, _ in routes(board, quote(number)):
        if quote(number) not in path.split("/"):
            continue
        if path.startswith(API):
            assert ask_api(board, method, path, bearer).status in (404, 422), path
        elif method == "GET":
            assert browser.get(path).status == 404, path
        else:
            assert browser.post_bare(path, csrf_token=token[1], reason="because").status == 404, path
        asked += 1
    assert asked >= 20
    assert_nothing_happened(board, acts=1)


@pytest.mark.parametrize("number", NO_IDS, ids=["2**63", "2**64", "long", "negative", "zero", "arabic"])
def test_every_query_refuses_what_is_no_number_of_ours(board: Board, browser: Browser, number: str) -> None:
    bearer = {"Authorization": f"Bearer {board.token()}"}
    inside = base64.urlsafe_b64encode(number.encode()).decode().rstrip("=")
    for value in (quote(number), inside):
        for name in ("posts", "users"):
            for field in ("limit", "cursor"):
                assert browser.get(f"/{name}?{field}={value}").status == 422, value
            assert board.get(f"{API}/{name}?limit={value}", **bearer).status == 422, value
            assert board.get(f"{API}/{name}?cursor={value}", **bearer).status == 422, value


def test_every_form_needs_its_token(board: Board, browser: Browser) -> None:
    board.post("one")
    posts = [path for method, path, _ in routes(board) if method == "POST" and not path.startswith(API)]
    assert len(posts) >= 4
    for path in posts:
        for fields in ({}, {"csrf_token": "made up"}):
            answer = browser.post_bare(path, reason="because", **fields)
            assert answer.status == 400, path
            assert "This form has expired" in answer.text
    assert_nothing_happened(board)
    assert browser.get("/").status == 200


def test_staff_do_no_more_than_their_role_grants(board: Board) -> None:
    board.post("one")
    board.staff("otto", "observer")
    observer = Browser(board)
    assert observer.sign_in("otto").status == 303
    page = observer.get("/")
    assert page.status == 200
    assert "/posts/1/hide" not in page.text
    assert observer.post("/posts/1/hide", reason="because").status == 403
    assert_nothing_happened(board)


def test_every_answer_has_the_seven_headers(board: Board, browser: Browser) -> None:
    assert len(HEADERS) == 7
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    for method, path, endpoint in routes(board):
        answer = browser.get(path) if method == "GET" else browser.post_bare(path)
        assert {name: answer.headers[name] for name in HEADERS} == dict(HEADERS), path
        assert (answer.headers["Cache-Control"] == "no-store") is not endpoint.endswith("static")
        assert "Server" not in answer.headers


def test_the_document_lists_every_route_of_the_api_and_no_other(sqlite_board: Board) -> None:
    document = sqlite_board.get(f"{API}/openapi.json").json
    assert document["openapi"].startswith("3.1")
    described = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    mapped = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in sqlite_board.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(API)
    }
    assert described == mapped


def test_the_document_describes_every_problem_as_one(sqlite_board: Board) -> None:
    document = sqlite_board.get(f"{API}/openapi.json").json
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                kind = "application/json" if status == "200" else "application/problem+json"
                assert list(response["content"]) == [kind], (path, status)
    assert "Problem" in document["components"]["schemas"]
    assert set(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', str(document).replace("'", '"'))) <= set(
        document["components"]["schemas"]
    )


def test_two_consoles_in_one_process_do_not_mix(sqlite_board: Board) -> None:
    another = create_app(sqlite_board.app.extensions["bbs"])
    assert another.api_doc == sqlite_board.app.api_doc
