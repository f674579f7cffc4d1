"""The verbs that plugins bring along."""

from __future__ import annotations

import click

from bbs_core.acts import RUN_VERB
from bbs_core.cli_moderation import plugin
from bbs_core.cli_options import board_options, data_folder, say
from bbs_core.config import Loaded
from bbs_core.errors import BoardInUse, StoreError

__all__ = ["plugin"]


@plugin.command("run", context_settings={"ignore_unknown_options": True})
@board_options
@click.argument("name")
@click.argument("verb")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def run(loaded: Loaded, name: str, verb: str, words: tuple[str, ...]) -> None:
    """Have the plugin NAME do what its VERB does, in the running server."""
    from bbs_core import control

    text = " ".join(f'"{word}"' if " " in word or not word else word for word in words)
    try:
        outcome = control.send(data_folder(loaded), RUN_VERB, {"plugin": name, "verb": verb, "text": text})
    except BoardInUse:
        raise StoreError("No board that could do it is running in this data folder.") from None
    for row in outcome["rows"]:
        say(row)
