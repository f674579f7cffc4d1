"""`bbs staff` and `bbs token`: who may enter the console; they work whether or not a server runs."""

from __future__ import annotations

import sys
from typing import Any

import click

from bbs_core.cli_board import day, look, perform, perform_on_a_board
from bbs_core.cli_options import board_options, say
from bbs_core.config import Loaded
from bbs_core.errors import InvalidAct

PASSWORD_LIMIT_BYTES = 8192  # more than the longest password of the longest characters; the act has the exact limit


@click.group()
def staff() -> None:
    """Say who may enter the console."""


@click.group()
def token() -> None:
    """Make tokens for programs that use the REST API, and end them."""


@staff.command("add")
@board_options
@click.argument("name")
@click.option("--role", required=True, metavar="ROLE", help="Owner, admin, moderator or observer.")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
def add(loaded: Loaded, name: str, role: str, password_stdin: bool) -> None:
    """Let NAME enter the console."""
    from bbs_core.staff import checked_new

    look(loaded, lambda connection: checked_new(connection, name, role))
    password = _password_from_stdin() if password_stdin else _password_from_terminal()
    perform(loaded, "staff.add", {"name": name, "role": role, "password": password})
    say(f"{name} may now enter the console as {role}.")


@staff.command("disable")
@board_options
@click.argument("name")
def disable(loaded: Loaded, name: str) -> None:
    """Let NAME enter no more; what they did stays in the ledger."""
    perform_on_a_board(loaded, "staff.disable", {"name": name})
    say(f"{name} may enter the console no more, and their tokens are good for nothing.")


@staff.command("enable")
@board_options
@click.argument("name")
def enable(loaded: Loaded, name: str) -> None:
    """Let NAME enter again."""
    perform_on_a_board(loaded, "staff.enable", {"name": name})
    say(f"{name} may enter the console again.")


@staff.command("role")
@board_options
@click.argument("name")
@click.argument("role")
def role(loaded: Loaded, name: str, role: str) -> None:
    """Give NAME another ROLE."""
    perform_on_a_board(loaded, "staff.role", {"name": name, "role": role})
    say(f"{name} is {role} now.")


@staff.command("password")
@board_options
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
def password(loaded: Loaded, name: str, password_stdin: bool) -> None:
    """Set the password of NAME anew, which ends all their logins."""
    from bbs_core.staff import id_of

    look(loaded, lambda connection: id_of(connection, name))
    new = _password_from_stdin() if password_stdin else _password_from_terminal()
    perform(loaded, "staff.password", {"name": name, "password": new})
    say(f"{name} has another password now.")


@staff.command("remove-factor")
@board_options
@click.argument("name")
@click.option("--reason", default="", help="Why; it stands in the ledger.")
def remove_factor(loaded: Loaded, name: str, reason: str) -> None:
    """Let NAME in without a code, who has lost their second factor."""
    perform_on_a_board(loaded, "staff.factor_remove", {"name": name, "reason": reason})
    say(f"{name} may enter with the password alone.")


@staff.command("list")
@board_options
def list_(loaded: Loaded) -> None:
    """Show who is on the staff."""
    from bbs_core.staff import list_staff

    for row in look(loaded, list_staff):
        ended = f", until {day(row['disabled_at_ms'])}" if row["disabled_at_ms"] else ""
        say(f"{row['name']}: {row['role']}, since {day(row['created_at_ms'])}{ended}")


@token.command("list")
@board_options
def list_tokens(loaded: Loaded) -> None:
    """Show all tokens, each with its number; what a token is, is kept nowhere."""
    from bbs_core import tokens

    for row in look(loaded, tokens.list_tokens):
        revoked, expires = row["revoked_at_ms"], row["expires_at_ms"]
        end = f"revoked on {day(revoked)}" if revoked else f"until {day(expires)}"
        say(f"{row['id']}: {row['name']} of {row['staff']}, {row['scopes'].replace(' ', ',')}, {end}")


@token.command("revoke")
@board_options
@click.argument("number", type=int)
def revoke(loaded: Loaded, number: int) -> None:
    """Refuse the token of this NUMBER from now on."""
    perform_on_a_board(loaded, "token.revoke", {"id": number})
    say(f"Token {number} is good for nothing from now on.")


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
    say(perform_on_a_board(loaded, "token.create", arguments)["token"])


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
