"""Pages of plugins in consoles that run, also in one of its own: they come and go with their plugin, and no restart."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.console.support import PASSWORD, Answer, Browser
from tests.console.test_own_process import bbs, line_with
from tests.console.test_own_process import process as own_process
from tests.platform.outside import put
from tests.support import BoardProcess, fresh_postgres_database

WAIT_S = 15

FIRST = """
    from bbs_core.plugin import Content, Form, Server, User, action, card, page

    @page("Who is here")
    async def here(server: Server) -> Content:
        return [f"first: {', '.join(sorted(server.online)) or 'nobody'}", Form(tell)]

    @card("A card")
    def shown():
        return "the first card"

    @action("Tell")
    async def tell(user: User, server: Server) -> str:
        await server.notify(user.name, "Staff say hello.")
        return f"{user.name} is told."
"""


class Console(Browser):
    """A browser at the console of another process, whose acts on plugins take a moment to be followed."""

    def until(self, path: str, says: str, status: int = 200) -> Answer:
        """Load a page until it says something."""
        end = time.monotonic() + WAIT_S
        while not ((answer := self.get(path)).status == status and says in answer.text):
            assert time.monotonic() < end, (answer.status, answer.text)
        return answer


@pytest.fixture(scope="module", params=["the board's", "its own"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[BoardProcess, Console]]:
    """A running board, and a browser at its console: in its process on SQLite, in one of its own on PostgreSQL."""
    data = tmp_path_factory.mktemp("served") / "data"
    put(data, "first.py", FIRST)
    if request.param == "the board's":
        with BoardProcess(data) as process:
            yield process, signed_in(process, process.admin_port)
        return
    postgres = request.getfixturevalue("postgres_url")
    with (
        fresh_postgres_database(postgres) as url,
        BoardProcess(data, url, admin_enabled=False) as process,
        own_process(process, "-m", "bbs_core.cli", "admin", "--admin-port", "0") as console,
    ):
        yield process, signed_in(process, int(line_with(console, r"http://127\.0\.0\.1:(\d+)/")[1]))


def signed_in(process: BoardProcess, port: int) -> Console:
    bbs(process, "staff", "add", "olga", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    console = Console(At(port))  # type: ignore[arg-type]
    assert console.sign_in().status == 303
    return console


class At:
    """Where a browser finds a console."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, None, headers)

    def ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=WAIT_S)) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())


def wait_for(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not seen():
        assert time.monotonic() < end


def test_a_running_board_shows_runs_disables_and_reloads_them(served: tuple[BoardProcess, Console]) -> None:
    process, console = served
    page = "/plugins/first/pages/here"
    with process.client("ann") as ann:
        ann.post("hello")
        assert "first: ann" in console.until(page, "first: ann").text
        unknown = console.post("/plugins/first/actions/tell", page="here", **{"option:user": "bob"})
        assert (unknown.status, "There is no user bob." in unknown.text) == (422, True)
        told = console.post("/plugins/first/actions/tell", page="here", **{"option:user": "ann"})
        assert "ann is told." in console.follow(told)
        wait_for(lambda: "* Staff say hello." in ann.list())
    assert "the first card" in console.get("/").text
    assert console.post("/plugins/first/disable", reason="enough").status == 303
    console.until(page, "", 404)
    dashboard = console.get("/").text
    assert ("the first card" in dashboard, page in dashboard) == (False, False)
    console.until("/plugins", ">disabled<")
    assert console.post("/plugins/first/enable", reason="again").status == 303
    console.until(page, "first: ")
    put(process.data, "first.py", FIRST.replace("first", "second"))
    assert console.post("/plugins/first/reload", reason="newer").status == 303
    console.until(page, "second: ")
    assert "the second card" in console.get("/").text
    assert [line for line in bbs(process, "audit", "verify").splitlines() if "Act" in line] == []
