"""`bbs staff add` and `bbs token create`, with a server and without one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import click
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from bbs_core import cli_board
from bbs_core.cli_options import board_options, setting_option
from bbs_core.cli_staff import staff, token
from bbs_core.config import Loaded
from bbs_core.control import SOCKET_FILE, ControlServer
from bbs_core.errors import BBSError, BoardInUse, ConfigError, Conflict, InvalidAct, NotFound, StoreError
from bbs_core.store.engine import SQLITE_FILE, data_lock, writing_engine
from bbs_core.store.engine import database_url as url_of
from bbs_core.store.schema import migrate
from tests.console.support import PASSWORD, Board, Browser, open_board
from tests.support import fresh_postgres_database

ADD = ("add", "olga", "--role", "owner", "--password-stdin")
CREATE = ("create", "--staff", "olga", "--name", "cron", "--scopes", "all")


class Shell:
    """Runs verbs on one data folder."""

    def __init__(self, data: Path, database: str) -> None:
        self._options = ("--data", str(data), "--database", database)

    def __call__(self, group: click.Group, *words: str, stdin: str | bytes = "") -> Result:
        return CliRunner().invoke(group, [*words, *self._options], input=stdin)

    def refusal(self, group: click.Group, *words: str, stdin: str | bytes = "") -> BBSError:
        """Return the error that a verb ended in."""
        result = self(group, *words, stdin=stdin)
        assert isinstance(result.exception, BBSError), result
        assert not result.stdout
        return result.exception


def on_a_board(data: Path, database: str = "") -> Shell:
    """Make a board, as a server does at its first start."""
    data.mkdir(exist_ok=True)
    engine = writing_engine(url_of(database, data))
    migrate(engine, data)
    engine.dispose()
    return Shell(data, database)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """A `server.database` setting for a database in which there is no board, once of each kind."""
    if request.param == "sqlite":
        yield ""
        return
    with fresh_postgres_database(request.getfixturevalue("postgres_url")) as url:
        yield url


@pytest.fixture
def shell(tmp_path: Path, database_url: str) -> Shell:
    return on_a_board(tmp_path / "data", database_url)


@contextmanager
def serving(data: Path, perform: Callable[[str, dict[str, Any]], dict[str, Any]]) -> Iterator[None]:
    """Hold the data folder and listen to commands, as a server does."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    control = ControlServer(data / SOCKET_FILE, perform)
    with data_lock(data):
        asyncio.run_coroutine_threadsafe(control.start(), loop).result(10)
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(control.close(), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


def test_they_work_while_no_server_runs(shell: Shell, tmp_path: Path, database_url: str) -> None:
    added = shell(staff, *ADD, stdin=PASSWORD + "\n")
    assert (added.exit_code, added.stdout) == (0, "olga may now enter the console as owner.\n")
    created = shell(token, *CREATE)
    assert created.exit_code == 0
    with open_board(tmp_path / "data", database_url) as board:
        assert board.api("GET", "/api/v1/users", created.stdout.strip()).status == 200
        assert Browser(board).sign_in("olga", PASSWORD).status == 303
        assert [act["action"] for act in board.acts()] == ["staff.add", "token.create"]
        assert not board.faults()


def test_they_work_while_a_server_runs(board: Board, shell: Shell, tmp_path: Path) -> None:
    def perform(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return board.perform(name, arguments)

    with serving(tmp_path / "data", perform):
        assert shell(staff, *ADD, stdin=PASSWORD + "\r\n").exit_code == 0
        plain = shell(token, *CREATE).stdout.strip()
        assert isinstance(shell.refusal(staff, *ADD, stdin=PASSWORD), Conflict)
    assert board.api("GET", "/api/v1/users", plain).status == 200
    assert Browser(board).sign_in("olga", PASSWORD).status == 303


def test_the_token_stands_alone_on_the_output(shell: Shell) -> None:
    shell(staff, *ADD, stdin=PASSWORD)
    created = shell(token, *CREATE, "--expires-days", "7")
    assert created.stdout.count("\n") == 1
    assert created.stdout.startswith("bbs_")
    assert not created.stderr


def test_some_scopes_may_be_listed(shell: Shell, tmp_path: Path, database_url: str) -> None:
    shell(staff, *ADD, stdin=PASSWORD)
    plain = shell(token, *CREATE[:-1], "users:read, posts:read").stdout.strip()
    with open_board(tmp_path / "data", database_url) as board:
        assert board.api("GET", "/api/v1/users", plain).status == 200
        assert board.api("POST", "/api/v1/posts/1/hide", plain, {"reason": "x"}).status == 403


@pytest.mark.parametrize(
    ("group", "words", "stdin", "error", "sentence"),
    [
        (staff, ADD, "short\n", InvalidAct, "A password has at least 10 characters."),
        (staff, ADD, b"\xff" * 20, InvalidAct, "The password is not UTF-8 text."),
        (staff, ADD, "", InvalidAct, "A password has at least 10 characters."),
        (staff, ADD[:-1], PASSWORD, InvalidAct, "There is no terminal to ask for a password: use --password-stdin."),
        (staff, ("add", "a\nb", *ADD[2:]), PASSWORD, InvalidAct, "A staff name has no control characters"),
        (staff, ("add", "olga", "--role", "king", "--password-stdin"), PASSWORD, InvalidAct, "There is no role 'king'"),
        (token, CREATE, "", NotFound, "There is no 'olga' on the staff."),
        (token, (*CREATE, "--expires-days", "0"), "", InvalidAct, "A token is good for 1 to 3650 days."),
        (token, (*CREATE, "--expires-days", str(2**64)), "", InvalidAct, "A token is good for 1 to 3650 days."),
        (token, (*CREATE, "--expires-days=-1"), "", InvalidAct, "A token is good for 1 to 3650 days."),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    tmp_path: Path, group: click.Group, words: tuple[str, ...], stdin: str | bytes, error: type[BBSError], sentence: str
) -> None:
    refusal = on_a_board(tmp_path / "data").refusal(group, *words, stdin=stdin)
    assert type(refusal) is error
    assert str(refusal).startswith(sentence)


@pytest.mark.parametrize(("group", "words"), [(staff, ADD), (token, CREATE)])
def test_where_there_is_no_board_none_is_made(
    tmp_path: Path, empty_database: str, group: click.Group, words: tuple[str, ...]
) -> None:
    refusal = Shell(tmp_path / "nowhere", empty_database).refusal(group, *words, stdin=PASSWORD)
    assert type(refusal) is StoreError
    where = "this database" if empty_database else tmp_path / "nowhere"
    assert str(refusal).startswith(f"There is no board in {where}: say where it is with --data or --database, or")
    assert not (tmp_path / "nowhere").exists()
    if empty_database:
        engine = sa.create_engine(url_of(empty_database, tmp_path))
        assert sa.inspect(engine).get_table_names() == []
        engine.dispose()


def test_a_file_without_a_board_in_it_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / SQLITE_FILE
    file.touch()
    assert str(Shell(tmp_path, "").refusal(staff, *ADD, stdin=PASSWORD)).startswith("There is no board in")
    assert file.stat().st_size == 0


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize(
    ("name", "role", "error", "sentence"),
    [
        ("olga", "owner", Conflict, "olga is on the staff already."),
        (" olga ", "owner", Conflict, "olga is on the staff already."),
        ("otto", "king", InvalidAct, "There is no role 'king'"),
        ("a\nb", "owner", InvalidAct, "A staff name has no control characters"),
        ("x" * 61, "owner", InvalidAct, "A staff name has 1 to 60 characters."),
    ],
)
def test_nobody_types_a_password_in_vain(
    board: Board,
    shell: Shell,
    tmp_path: Path,
    running: bool,
    name: str,
    role: str,
    error: type[BBSError],
    sentence: str,
) -> None:
    board.staff("olga")
    with data_lock(tmp_path / "data") if running else nullcontext():
        # There is no terminal here: the password would be the next thing to go wrong.
        refusal = shell.refusal(staff, "add", name, "--role", role)
    assert type(refusal) is error
    assert str(refusal).startswith(sentence)


def test_a_board_that_is_served_from_another_folder_is_one_sentence(tmp_path: Path) -> None:
    on_a_board(tmp_path / "one")
    file = tmp_path / "one" / SQLITE_FILE
    with data_lock(tmp_path / "one"):
        refusal = Shell(tmp_path / "two", f"sqlite:///{file}").refusal(token, *CREATE)
    assert str(refusal).startswith(f"Another process, with another data folder, serves the database {file.resolve()}")


def test_a_folder_that_is_held_by_someone_who_does_not_listen_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_board, "BUSY_TIMEOUT_S", 0)
    shell = on_a_board(tmp_path / "data")
    with data_lock(tmp_path / "data"):
        refusal = shell.refusal(token, *CREATE)
    assert isinstance(refusal, BoardInUse)
    assert "does not listen to commands" in str(refusal)


def test_a_verb_waits_a_moment_for_another_one_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell, folder = on_a_board(tmp_path / "data"), data_lock(tmp_path / "data")
    folder.__enter__()
    monkeypatch.setattr("time.sleep", lambda _s: folder.__exit__(None, None, None))
    assert isinstance(shell.refusal(token, *CREATE), NotFound)


@click.command()
@setting_option("server.port", type=int)
@board_options
@setting_option("admin.enabled", "--admin/--no-admin")
def show(loaded: Loaded) -> None:
    """Print what the options came to."""
    settings = loaded.settings
    click.echo(
        f"{settings.server.port} {settings.admin.enabled} {settings.server.data} {loaded.origins['server.port']}"
    )


def test_options_are_settings_and_stand_above_the_file(tmp_path: Path) -> None:
    file = tmp_path / "bbs.toml"
    file.write_text("[server]\nport = 4000\ndata = 'there'\n[admin]\nenabled = true\n")
    given = CliRunner().invoke(show, ["--config", str(file), "--port", "5000", "--no-admin"])
    assert given.stdout == "5000 False there command line\n"
    assert CliRunner().invoke(show, ["--config", str(file)]).stdout == f"4000 True there {file}:2\n"


def test_an_option_out_of_bounds_is_one_sentence() -> None:
    error = CliRunner().invoke(show, ["--port", "70000"]).exception
    assert isinstance(error, ConfigError)
    assert str(error) == "command line: server.port must be a whole number from 0 to 65535, not 70000."


@pytest.fixture
def served(board: Board, shell: Shell, tmp_path: Path) -> Iterator[tuple[Board, Shell]]:
    """A board with its console, and a shell that has to ask it for every act."""

    def perform(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return board.perform(name, arguments)

    with serving(tmp_path / "data", perform):
        yield board, shell


def test_a_token_ends_and_its_number_is_in_the_list(served: tuple[Board, Shell]) -> None:
    board, shell = served
    shell(staff, *ADD, stdin=PASSWORD)
    plain = [shell(token, *CREATE).stdout.strip() for _ in range(2)]
    first, second = shell(token, "list").stdout.splitlines()
    assert first.startswith("1: cron of olga, all, until 20")
    assert second.startswith("2: cron of olga, all, until 20")
    assert shell(token, "revoke", "1").stdout == "Token 1 is good for nothing from now on.\n"
    assert [board.api("GET", "/api/v1/users", one).status for one in plain] == [401, 200]
    assert "revoked on 20" in shell(token, "list").stdout
    assert isinstance(shell.refusal(token, "revoke", "1"), Conflict)
    assert isinstance(shell.refusal(token, "revoke", "77"), NotFound)
    assert isinstance(shell.refusal(token, "revoke", str(2**63)), InvalidAct)
    assert [act["action"] for act in board.acts()][-1] == "token.revoke"


def test_who_is_disabled_enters_no_more_and_the_last_owner_stays(served: tuple[Board, Shell]) -> None:
    board, shell = served
    shell(staff, *ADD, stdin=PASSWORD)
    assert "is the last owner" in str(shell.refusal(staff, "disable", "olga"))
    shell(staff, "add", "otto", "--role", "owner", "--password-stdin", stdin=PASSWORD)
    plain = shell(token, *CREATE).stdout.strip()
    browser = Browser(board)
    assert browser.sign_in("olga").status == 303
    shell(staff, "disable", "olga")
    assert browser.get("/").status == 303
    assert Browser(board).sign_in("olga").status == 403
    assert board.api("GET", "/api/v1/users", plain).status == 401
    first, second = shell(staff, "list").stdout.splitlines()
    assert first.startswith("olga: owner, since 20")
    assert ", until 20" in first
    assert "until" not in second
    assert isinstance(shell.refusal(staff, "disable", "nobody"), NotFound)
    assert board.faults() == []
