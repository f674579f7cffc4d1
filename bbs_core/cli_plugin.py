"""The verbs that plugins bring along."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from bbs_core.cli_board import perform_on_a_board
from bbs_core.cli_moderation import plugin, why_option
from bbs_core.cli_options import board_options, data_folder, say
from bbs_core.config import Loaded
from bbs_core.errors import BoardInUse, PluginError, StoreError

__all__ = ["plugin"]

REFUSED_EXIT_CODE = 1


@plugin.command("run", context_settings={"ignore_unknown_options": True})
@board_options
@click.argument("name")
@click.argument("verb")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def run(loaded: Loaded, name: str, verb: str, words: tuple[str, ...]) -> None:
    """Have the plugin NAME do what its VERB does, in the running server."""
    text = " ".join(f'"{word}"' if " " in word or not word else word for word in words)
    for row in _asked(loaded, "plugin.run", {"plugin": name, "verb": verb, "text": text})["rows"]:
        say(row)


@plugin.command("explain")
@board_options
@click.argument("user")
@click.argument("command")
@click.option("--address", default="", help="Where the user comes from; else the address of their session.")
@click.pass_context
def explain(context: click.Context, loaded: Loaded, user: str, command: str, address: str) -> None:
    """Say which rule decides whether USER may use COMMAND, in the running server; exit code 1 where they may not.

    The rules are asked in this order, and the first that refuses decides.
    """
    told = _asked(loaded, "plugin.explain", {"user": user, "command": command, "address": address})
    say(f"{user}, {told['word']}, from {told['address'] or 'an address that is not known: try --address'}")
    for one in told["findings"]:
        say(f"{'>' if one['decides'] else ' '} {one['rule']:8}{one['verdict']:9}{one['says']}")
    if not told["allowed"]:
        context.exit(REFUSED_EXIT_CODE)


@plugin.command("settings")
@board_options
@click.argument("name")
def show_settings(loaded: Loaded, name: str) -> None:
    """Show the settings of the plugin NAME in the running server; secrets are masked."""
    view = _asked(loaded, "plugin.view", {"name": name})
    for key, value in view["values"].items():
        notes = [view["helps"][key], "Set by the staff." if key in view["changed"] else ""]
        about = " ".join(filter(None, notes))
        say(f"{key} = {json.dumps(value, ensure_ascii=False)}" + (f"  # {about}" if about else ""))
    if view["problem"]:
        say(view["problem"])


@plugin.command("set")
@board_options
@click.argument("name")
@click.argument("values", nargs=-1, metavar="KEY=VALUE...")
@click.option("--default", "defaults", multiple=True, metavar="KEY", help="Take back what the staff have set of it.")
@why_option
def change_settings(loaded: Loaded, name: str, values: tuple[str, ...], defaults: tuple[str, ...], reason: str) -> None:
    """Change settings of the plugin NAME in the running server.

    The values of a list are parted by commas. A KEY without a value is asked for, or is the next line of standard
    input, so that a secret stands in no history.
    """
    texts = {**dict(map(_typed, values)), **dict.fromkeys(defaults)}
    _asked(loaded, "plugin.settings", {"name": name, "values": texts, "reason": reason})
    say(f"The settings of {name} are in force.")


def _typed(word: str) -> tuple[str, str]:
    key, given, value = word.partition("=")
    return key, value if given else _asked_for(key)


def _asked_for(key: str) -> str:
    return str(click.prompt(key, hide_input=True)) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")


def _asked(loaded: Loaded, act: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Hand an act to the running server, which alone knows its plugins."""
    from bbs_core import control

    try:
        return control.send(data_folder(loaded), act, arguments)
    except BoardInUse:
        raise StoreError("No board that could do it is running in this data folder.") from None


@plugin.command("reload")
@board_options
@click.argument("name")
@why_option
def reload(loaded: Loaded, name: str, reason: str) -> None:
    """Import the plugin NAME afresh, or one that was put into the folder since the start."""
    done = perform_on_a_board(loaded, "plugin.reload", {"name": name, "reason": reason})
    if problem := done.get("problem"):
        raise PluginError(problem)
    none_here = "No server runs in this data folder; what serves this board elsewhere loads it afresh in a moment."
    say(f"{name} is loaded afresh." if "problem" in done else none_here)


@plugin.command("forget")
@board_options
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask for the name once more.")
@why_option
def forget(loaded: Loaded, name: str, yes: bool, reason: str) -> None:
    """Drop all that the plugin NAME has kept, its tables and values; it must not be at work."""
    if not yes and click.prompt(f"All that {name} has kept will be gone. Type its name") != name:
        raise click.Abort
    gone = perform_on_a_board(loaded, "plugin.forget", {"name": name, "reason": reason})
    say(f"{name} is forgotten: {len(gone['tables'])} tables and {gone['values']} values.")
