"""The command `bbs`: each verb parses, calls one function and prints; every error is one sentence and exit code 2."""

from __future__ import annotations

from typing import Any

import click

from bbs_core.cli_admin import admin
from bbs_core.cli_archive import backup, restore
from bbs_core.cli_author import plugin
from bbs_core.cli_moderation import audit, ban, mute, user
from bbs_core.cli_options import board_options, say, setting_option
from bbs_core.cli_staff import staff, token
from bbs_core.config import Loaded, shown
from bbs_core.errors import BBSError
from bbs_core.settings import FIELDS

ERROR_EXIT_CODE = 2


class Sentences(click.Group):
    """A group whose commands end in one sentence where they fail in a way that we foresaw."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a BBSError becomes a line on the error stream and the exit code."""
        try:
            return super().invoke(ctx)
        except BBSError as error:
            say(f"Error: {error}", err=True)
            ctx.exit(ERROR_EXIT_CODE)


@click.group(cls=Sentences, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="classroom-bbs", prog_name="bbs")
def main() -> None:
    """A bulletin board for the stock 1.2 client."""


for verb in (admin, audit, backup, ban, mute, plugin, restore, staff, token, user):
    main.add_command(verb)


@main.command()
@board_options
@setting_option("server.host", metavar="H")
@setting_option("server.port", metavar="N", type=int)
@setting_option("admin.host", "--admin-host", metavar="H")
@setting_option("admin.port", "--admin-port", metavar="N", type=int)
@setting_option("admin.behind_proxy", "--behind-proxy", flag_value=True, type=bool)
@setting_option("admin.enabled", "--no-admin", flag_value=False, type=bool, help="Start no console.")
@setting_option("plugins.safe_mode", "--safe-mode", flag_value=True, type=bool)
@setting_option("plugins.strict", "--strict-plugins", flag_value=True, type=bool)
def serve(loaded: Loaded) -> None:
    """Start the board."""
    from bbs_core.process import run

    run(loaded.settings, click.echo)


@main.command()
@click.argument("host")
@click.option("--port", type=click.IntRange(1, 65535), default=10333, show_default=True, help="The board's port.")
@click.option("--name", help="Your name on the board; asked for if it is missing.")
def connect(host: str, port: int, name: str | None) -> None:
    """Visit the board at HOST from this terminal.

    It speaks the stock client's protocol. A server of the original's kind understands plain ASCII texts alone.
    """
    from bbs_core.client import run

    run(host, port, name)


@main.group()
def config() -> None:
    """Look at the settings."""


@config.command("show")
@board_options
def show(loaded: Loaded) -> None:
    """Print every setting in force, and where it came from."""
    lines = [(_line(loaded, key), loaded.origins[key]) for key in FIELDS]
    width = max(len(line) for line, _ in lines)
    for line, origin in lines:
        click.echo(f"{line:{width}}  # {origin}")


@config.command("check")
@board_options
def check(loaded: Loaded) -> None:
    """Say whether the settings are in order, without starting anything."""
    changed = sum(origin != "default" for origin in loaded.origins.values())
    click.echo(f"The settings are in order; {changed} of {len(loaded.origins)} are not the defaults.")


def _line(loaded: Loaded, key: str) -> str:
    section, _, name = key.partition(".")
    return f"{key} = {shown(key, getattr(getattr(loaded.settings, section), name))}"


if __name__ == "__main__":
    main()
