"""`bbs backup` and `bbs restore`: the whole board in one file."""

from __future__ import annotations

from pathlib import Path

import click

from bbs_core.cli_options import board_options, data_folder
from bbs_core.config import Loaded

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@board_options
@click.argument("file", type=FILE)
def backup(loaded: Loaded, file: Path) -> None:
    """Write all of the board to FILE, while it runs or not.

    FILE holds private messages and is readable for you alone. The ledger's key is not in it: keep a copy elsewhere.
    """
    from bbs_core.store import archive
    from bbs_core.store.engine import database_url, reading_engine, refuse_absent

    url = database_url(loaded.settings.server.database, data_folder(loaded))
    refuse_absent(url)
    engine = reading_engine(url, readers=1)
    try:
        click.echo(f"{_summary(archive.back_up(engine, loaded.file, file))} are in {file}.")
    finally:
        engine.dispose()


@click.command()
@board_options
@click.argument("file", type=FILE)
def restore(loaded: Loaded, file: Path) -> None:
    """Read FILE into an empty data folder or database; if that fails, nothing is changed."""
    from bbs_core.store import archive
    from bbs_core.store.engine import data_lock, database_url, writing_engine

    data = data_folder(loaded)
    with data_lock(data, loaded.settings.server.database):
        engine = writing_engine(database_url(loaded.settings.server.database, data))
        try:
            click.echo(f"{_summary(archive.restore(engine, data, file))} are back.")
            if (data / archive.SETTINGS).exists():
                click.echo(f"Its settings are in {data / archive.SETTINGS}: start it with --config and that file.")
            click.echo(f"Put ledger.key and the folder plugins back into {data} before you start it.")
        finally:
            engine.dispose()


def _summary(counts: dict[str, int]) -> str:
    return f"{counts['users']} users, {counts['posts']} posts, {counts['messages']} messages and {counts['acts']} acts"
