"""`bbs staff` and `bbs token`: who may enter the console; they work whether or not a server runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import click

from bbs_core.cli_options import board_options, data_folder
from bbs_core.config import Loaded
from bbs_core.errors import BoardInUse, InvalidAct, StoreError

PASSWORD_LIMIT_BYTES = 8192  # more than the longest password of the longest characters; the act has the exact limit
# A server that has just started holds the lock a moment before it listens, and another verb holds it only briefly.
BUSY_TIMEOUT_S = 5.0
BUSY_PAUSE_S = 0.1


@click.group()
def staff() -> None:
    """Say who may enter the console."""


@click.group()
def token() -> None:
    """Make tokens for programs that use the REST API."""


@staff.command("add")
@board_options
@click.argument("name")
@click.option("--role", required=True, metavar="ROLE", help="What the person may do: owner, moderator or observer.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
def add(loaded: Loaded, name: str, role: str, password_stdin: bool) -> None:
    """Let NAME enter the console."""
    from bbs_core.staff import checked_new

    _look(loaded, lambda connection: checked_new(connection, name, role))
    password = _password_from_stdin() if password_stdin else _password_from_terminal()
    _perform(loaded, "staff.add", {"name": name, "role": role, "password": password})
    click.echo(f"{name} may now enter the console as {role}.")


@token.command("create")
@board_options
@click.option("--staff", "staff_name", required=True, metavar="NAME", help="In whose place the token acts.")
@click.option("--name", required=True, metavar="LABEL", help="What the token is for.")
@click.option("--scopes", required=True, help="all, or some of its owner's, as in users:read,posts:read.")
@click.option("--expires-days", type=int, help="How long it is good for; a year if not said.")
def create(loaded: Loaded, staff_name: str, name: str, scopes: str, expires_days: int | None) -> None:
    """Print a new token, which is shown only this once."""
    arguments: dict[str, Any] = {"staff": staff_name, "name": name, "scopes": scopes.replace(",", " ").split()}
    if expires_days is not None:
        arguments["expires_days"] = expires_days
    _look(loaded, lambda _connection: None)
    click.echo(_perform(loaded, "token.create", arguments)["token"])


def _password_from_stdin() -> str:
    line = sys.stdin.buffer.readline(PASSWORD_LIMIT_BYTES)
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise InvalidAct("The password is not UTF-8 text.") from None


def _password_from_terminal() -> str:
    if not sys.stdin.isatty():
        raise InvalidAct("There is no terminal to ask for a password: use --password-stdin.")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt="The same again"))


def _look(loaded: Loaded, look: Callable[[Any], object]) -> None:
    """Read the board, whether or not a server runs, before an act. Raises StoreError where there is none."""
    from bbs_core.store.engine import database_url, no_board, present_schema, reading_engine, refuse_absent
    from bbs_core.store.readers import Readers

    url = database_url(loaded.settings.server.database, data_folder(loaded))
    refuse_absent(url)
    readers = Readers(reading_engine(url, 1), 1)
    try:
        if readers.read_now(present_schema) is None:
            raise StoreError(no_board(url))
        readers.read_now(look)
    finally:
        readers.close()


def _perform(loaded: Loaded, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Do an act here, or hand it to whoever holds the data folder."""
    from bbs_core import control

    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            return _perform_here(loaded, name, arguments)
        except BoardInUse:
            pass
        try:
            return control.send(data_folder(loaded), name, arguments)
        except BoardInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(BUSY_PAUSE_S)


def _perform_here(loaded: Loaded, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from bbs_core import acts, ledger
    from bbs_core.store.access import DirectAccess
    from bbs_core.store.engine import data_lock, database_url, migrate, writing_engine

    data = data_folder(loaded)
    with data_lock(data, loaded.settings.server.database):
        engine = writing_engine(database_url(loaded.settings.server.database, data))
        try:
            migrate(engine, data)
            chain = ledger.Ledger(ledger.open_key(data))
            return acts.perform(DirectAccess(engine), chain, acts.operator(), name, arguments)
        finally:
            engine.dispose()
