"""The command `bbs`: each verb parses, calls one function and prints; every error is one sentence and exit code 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bbs_core.errors import BBSError

ERROR_EXIT_CODE = 2


class Sentences(click.Group):
    """A group whose commands end in one sentence where they fail in a way that we foresaw."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a BBSError becomes a line on the error stream and the exit code."""
        try:
            return super().invoke(ctx)
        except BBSError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(ERROR_EXIT_CODE)


@click.group(cls=Sentences, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="classroom-bbs", prog_name="bbs")
def main() -> None:
    """A bulletin board for the stock 1.2 client."""


@main.command()
@click.option("--config", type=click.Path(path_type=Path), help="The settings' file; config/bbs.toml where it exists.")
@click.option("--data", help="The folder that holds all the board keeps.")
@click.option("--database", help="A database URL; without one, SQLite in the data folder.")
@click.option("--host", help="The address to listen on; all by default.")
@click.option("--port", type=int, help="The port that clients dial; 0 picks a free one.")
@click.option("--admin-host", help="The console's address.")
@click.option("--admin-port", type=int, help="The console's port; 0 picks a free one.")
@click.option("--no-admin", is_flag=True, help="Start no console.")
def serve(config: Path | None, no_admin: bool, **options: object) -> None:
    """Start the board."""
    from bbs_core.app import run
    from bbs_core.config import load

    keys = {"data": "server.data", "database": "server.database", "host": "server.host", "port": "server.port"}
    keys |= {"admin_host": "admin.host", "admin_port": "admin.port"}
    overrides = {keys[name]: value for name, value in options.items() if value is not None}
    if no_admin:
        overrides["admin.enabled"] = False
    run(load(config, overrides=overrides).settings, click.echo)


@main.command()
@click.argument("host")
@click.option("--port", type=click.IntRange(1, 65535), default=10333, show_default=True, help="The board's port.")
@click.option("--name", help="Your name on the board; asked for if it is missing.")
def connect(host: str, port: int, name: str | None) -> None:
    """Visit a board from this terminal."""
    from bbs_core.client import run

    run(host, port, name)


if __name__ == "__main__":
    main()
