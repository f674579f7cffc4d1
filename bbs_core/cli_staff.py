"""`bbs staff` and `bbs token`: who may enter the console; they work whether or not a server runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import click

from bbs_core.cli_options import board_options, data_folder
from bbs_core.config import Loaded
from bbs_core.errors import BoardInUse, InvalidAct, StoreError

T = TypeVar("T")

PASSWORD_LIMIT_BYTES = 8192  # more than the longest password of the longest characters; the act has the exact limit
# A server that has just started holds the lock a moment before it listens, and another verb holds it only briefly.
BUSY_TIMEOUT_S = 5.0
BUSY_PAUSE_S = 0.1


@click.group()
def staff() -> None:
    """Say who may enter the console."""


@click.group()
def token() -> None:
    """Make tokens for programs that use the REST API, and end them."""


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


@staff.command("disable")
@board_options
@click.argument("name")
def disable(loaded: Loaded, name: str) -> None:
    """Let NAME enter no more; what they did stays in the ledger."""
    _perform_on_a_board(loaded, "staff.disable", {"name": name})
    click.echo(f"{name} may enter the console no more, and their tokens are good for nothing.")


@staff.command("list")
@board_options
def list_(loaded: Loaded) -> None:
    """Show who is on the staff."""
    from bbs_core.staff import list_staff

    for row in _look(loaded, list_staff):
        ended = f", until {_day(row['disabled_at_ms'])}" if row["disabled_at_ms"] else ""
        click.echo(f"{row['name']}: {row['role']}, since {_day(row['created_at_ms'])}{ended}")


@token.command("list")
@board_options
def list_tokens(loaded: Loaded) -> None:
    """Show all tokens, each with its number; what a token is, is kept nowhere."""
    from bbs_core import tokens

    for row in _look(loaded, tokens.list_tokens):
        revoked, expires = row["revoked_at_ms"], row["expires_at_ms"]
        end = f"revoked on {_day(revoked)}" if revoked else f"until {_day(expires)}"
        click.echo(f"{row['id']}: {row['name']} of {row['staff']}, {row['scopes'].replace(' ', ',')}, {end}")


@token.command("revoke")
@board_options
@click.argument("number", type=int)
def revoke(loaded: Loaded, number: int) -> None:
    """Refuse the token of this NUMBER from now on."""
    _perform_on_a_board(loaded, "token.revoke", {"id": number})
    click.echo(f"Token {number} is good for nothing from now on.")


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
    click.echo(_perform_on_a_board(loaded, "token.create", arguments)["token"])


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


def _day(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at_ms / 1000))


def _perform_on_a_board(loaded: Loaded, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Do an act where there is a board; it would be made otherwise. Raises StoreError where there is none."""
    _look(loaded, lambda _connection: None)
    return _perform(loaded, name, arguments)


def _look(loaded: Loaded, look: Callable[[Any], T]) -> T:
    """Read the board, whether or not a server runs. Raises StoreError where there is none."""
    from bbs_core.store.engine import database_url, no_board, present_schema, reading_engine, refuse_absent
    from bbs_core.store.readers import Readers

    url = database_url(loaded.settings.server.database, data_folder(loaded))
    refuse_absent(url)
    readers = Readers(reading_engine(url, 1), 1)
    try:
        if readers.read_now(present_schema) is None:
            raise StoreError(no_board(url))
        return readers.read_now(look)
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
