"""A console over real HTTP on a real store, without the wire; and a browser's habits without a browser."""

from __future__ import annotations

import dataclasses
import functools
import http.client
import json
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

import argon2
import sqlalchemy as sa
from flask.sessions import SecureCookieSessionInterface
from flask_openapi3.openapi import OpenAPI

from admin import ConsoleContext, create_app
from admin.context import EXTENSION
from admin.serving import ConsoleServer
from bbs_core import acts, ledger
from bbs_core.clock import now_ms
from bbs_core.host import FOLDER, PluginSet
from bbs_core.ledger import Ledger
from bbs_core.logins import open_login
from bbs_core.metrics import Counts, Gauges, new_registry, render
from bbs_core.platform.calls import Calls, loop_in_thread
from bbs_core.platform.discovery import files
from bbs_core.platform.following import settle
from bbs_core.plugin_settings import PluginSettings
from bbs_core.presence import beat
from bbs_core.settings import AdminSettings, Settings
from bbs_core.store.access import LiveAccess
from bbs_core.store.engine import database_url, reading_engine, writing_engine
from bbs_core.store.items import Departure, NewMessage, NewPost, Visit
from bbs_core.store.readers import Readers
from bbs_core.store.schema import migrate
from bbs_core.store.staff_models import Act, Staff, Token
from bbs_core.store.writer import Writer
from tests.console.configurable import DICE
from tests.platform.outside import put
from tests.ready import make_ready

T = TypeVar("T")
PASSWORD = "correct horse battery"
SETUP_KEY = "the-key-that-the-start-line-shows"
TIMEOUT_S = 10
SECRET_KEY = secrets.token_bytes(32)
# An application takes a tenth of a second to make, and all that it knows of a board is its context.
IDLE: list[OpenAPI] = []
# Hashing is slow on purpose, and no test of the pages is about it.
# As cheap as can be: those of the product take a tenth of a second, and hundreds of tests sign in.
PASSWORD_HASH = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
# Plugins of all boards of a test run are called here.
loop = functools.cache(functools.partial(loop_in_thread, "plugins"))


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Board:
    """A store with its one writer, and the console that shows it."""

    def __init__(self, data: Path, database: str) -> None:
        data.mkdir(exist_ok=True)
        if not database:
            make_ready(data)
        self.data = data
        self.url = database_url(database, data)
        self.engine = writing_engine(self.url)
        migrate(self.engine, data)
        self.reading = reading_engine(self.url, 2)
        self.readers = Readers(self.reading, 2)
        self.writer = Writer(self.engine, 1000, settle)
        self.writer.start()
        self.access = LiveAccess(self.readers, self.writer)
        self.ledger = Ledger(ledger.open_key(data))
        self.health = {"status": "ok", "writer": "well"}
        self.run(lambda connection: beat(connection, "", json.dumps({"plugins": [], "writer": "ok"}), alone=True))
        self.counts = Counts()
        context = self._context()
        self.app = IDLE.pop() if IDLE else create_app(context)
        self.app.extensions[EXTENSION] = context
        self.console = ConsoleServer(self.app, AdminSettings(port=0))
        self.console.start()

    @functools.cached_property
    def plugins(self) -> PluginSet:
        """The plugins that the console knows: dice, which has settings of every kind."""
        put(self.data, "dice.py", DICE)
        return PluginSet(PluginSettings(), files(self.data / FOLDER))

    def break_ledger(self, broken: Ledger) -> None:
        """Let the console write to another ledger from now on."""
        context = self.app.extensions["bbs"]
        self.app.extensions["bbs"] = dataclasses.replace(context, ledger=broken)

    def _context(self) -> ConsoleContext:
        gauges = Gauges(
            lambda: 3,
            lambda: 4,
            lambda: 5,
            lambda: 6,
            lambda: self.writer.commits,
            lambda: False,
            lambda: {"dice": 1},
            lambda: {("dice", "rolls"): 3.0},
        )
        registry = new_registry(self.counts, gauges)
        return ConsoleContext(
            access=self.access,
            ledger=self.ledger,
            start=Settings(),
            calls=Calls(lambda: self.plugins, loop),
            health=lambda: self.health,
            metrics=lambda: render(registry),
            secret_key=SECRET_KEY,
            setup_key=SETUP_KEY,
        )

    def close(self) -> None:
        """Stop the console and the writer."""
        self.console.stop()
        self.writer.stop(TIMEOUT_S)
        self.readers.close()
        self.engine.dispose()
        IDLE.append(self.app)

    def visit(self, name: str, address: str = "192.0.2.7", stay: bool = False, at_ms: int | None = None) -> int:
        """Let a user come by, and leave if they do not stay; returns the number of their session."""
        visit = Visit(name, address, at_ms or now_ms())
        self.writer.put(visit)
        if not stay:
            self.writer.put(Departure(visit.session_id))
        self.run(lambda _connection: None)
        return visit.session_id

    def post(self, *texts: str, name: str = "ann", address: str = "192.0.2.7") -> None:
        """Let a user post."""
        for text in texts:
            self.writer.put(NewPost(_Author(), name, address, text, now_ms()))
        self.run(lambda _connection: None)

    def messages(self, *rows: tuple[str, str, str]) -> None:
        """Let users write to each other: who, to whom, what."""
        for name, to, text in rows:
            self.writer.put(NewMessage(_Author(), name, "192.0.2.7", to, text, now_ms()))
        self.run(lambda _connection: None)

    def run(self, function: Callable[[sa.Connection], T]) -> T:
        """Run a function in the writer, after all that was handed in before."""
        return self.access.write(function)

    def staff(self, name: str = "olga", role: str = "owner") -> int:
        """Put someone on the staff, with PASSWORD; returns their number."""
        values = {"name": name, "role": role, "password_hash": PASSWORD_HASH, "created_at_ms": now_ms()}
        insert = sa.insert(Staff).values(values).returning(Staff.id)
        return int(self.run(lambda connection: connection.execute(insert).scalar_one()))

    def token_ids(self) -> list[int]:
        """Return the numbers of the tokens, the oldest first."""
        return list(self.access.read(lambda c: c.execute(sa.select(Token.id).order_by(Token.id)).scalars()))

    def token(self, *scopes: str, staff: str = "olga", role: str = "owner", **more: Any) -> str:
        """Make a token, and its owner where there is none of that name."""
        if self.access.read(lambda c: c.execute(sa.select(Staff.id).where(Staff.name == staff)).scalar()) is None:
            self.staff(staff, role)
        arguments = {"staff": staff, "name": "test", "scopes": list(scopes or ["all"]), **more}
        token: str = self.perform("token.create", arguments)["token"]
        return token

    def perform(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Do an act as the command line does."""
        return acts.perform(acts.Desk(self.access, self.ledger, Settings()), acts.operator(), name, arguments)

    def acts(self) -> list[sa.RowMapping]:
        """Return the whole ledger."""
        return list(self.access.read(lambda c: c.execute(sa.select(Act.__table__).order_by(Act.id)).mappings().all()))

    def faults(self) -> list[str]:
        """Return what is wrong with the ledger."""
        return self.access.read(self.ledger.verify)

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for a path."""
        return self.ask("GET", path, None, headers)

    def api(self, method: str, path: str, token: str, body: Any = None) -> Answer:
        """Ask the API, with a token and JSON."""
        headers = {"Authorization": f"Bearer {token}"}
        if method == "GET":
            return self.ask(method, path, None, headers)
        return self.ask(method, path, json.dumps(body).encode(), {**headers, "Content-Type": "application/json"})

    def ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.console.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()


class Browser:
    """Keeps cookies, and sends forms with the token that the page has."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.cookies: SimpleCookie = SimpleCookie()

    def get(self, path: str) -> Answer:
        """Load a page."""
        return self._kept(self._board.get(path, **self.headers))

    def post(self, path: str, **fields: Any) -> Answer:
        """Send a form as a page would that is there for this browser."""
        return self.post_bare(path, csrf_token=self._csrf_token(), **fields)

    def _csrf_token(self) -> str:
        for page in ("/proof", "/login"):
            found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page).text)
            if found:
                return found[1]
        return ""

    def follow(self, answer: Answer) -> str:
        """Return the page that an answer leads to."""
        return self.get(answer.headers["Location"]).text

    def post_bare(self, path: str, **fields: Any) -> Answer:
        """Send a form with these fields alone."""
        headers = {**self.headers, "Content-Type": "application/x-www-form-urlencoded"}
        return self._kept(self._board.ask("POST", path, urlencode(fields, doseq=True).encode(), headers))

    def enter(self, name: str = "olga") -> None:
        """Be signed in, without the tenth of a second that a password takes."""
        board = self._board
        number = board.access.read(lambda c: c.execute(sa.select(Staff.id).where(Staff.name == name)).scalar_one())
        key = board.run(lambda connection: open_login(connection, number, "127.0.0.1", ""))
        signer = SecureCookieSessionInterface().get_signing_serializer(board.app)
        assert signer is not None
        self.cookies["bbs_console"] = str(signer.dumps({"_user_id": key, "_permanent": True}))

    def sign_in(self, name: str = "olga", password: str = PASSWORD) -> Answer:
        """Use the login page."""
        return self.post("/login", name=name, password=password)

    @property
    def headers(self) -> dict[str, str]:
        """The cookies, as they are sent."""
        return {"Cookie": "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())}

    def _kept(self, answer: Answer) -> Answer:
        for header in answer.headers.get_all("Set-Cookie", []):
            self.cookies.load(header)
        return answer


def plugin_status(name: str, state: str = "loaded") -> str:
    """Return what a server says of itself that has one plugin."""
    plugin = {"name": name, "version": "1.0", "origin": "folder", "builtin": False, "state": state, "reason": ""}
    plugin |= {
        "optional": False,
        "commands": ["/" + name],
        "usages": [
            {
                "word": "/" + name,
                "usage": f"/{name} [sides]",
                "summary": "Roll.",
                "help": "Roll.",
                "schema": {},
                "examples": [{"typed": f"/{name} 6", "like": "[1-6]"}],
                "may": "teachers",
                "rate": "5 times a minute",
            }
        ],
        "failures": 0,
        "calls": 2,
        "mean_ms": 1.5,
        "slowest_ms": 2.0,
    }
    return json.dumps({"plugins": [plugin], "writer": "ok"})


class _Author:
    def refused(self, kind: str, text: str, error: Exception) -> None:
        raise AssertionError(f"A {kind} was not kept.") from error


@contextmanager
def open_board(data: Path, database: str) -> Iterator[Board]:
    """Yield a board with its console."""
    board = Board(data, database)
    try:
        yield board
    finally:
        board.close()
