"""The options of every verb that concerns a board, and how they become settings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from bbs_core import logs
from bbs_core.config import Loaded, load
from bbs_core.rows import visible
from bbs_core.settings import FIELDS

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
_OVERRIDES = f"{__name__}.overrides"


def setting_option(key: str, *names: str, **attributes: Any) -> Decorator:
    """Return an option that sets one setting, as in `setting_option("server.port", "--port", type=int)`.

    The verb is not passed its value, as `board_options` has it in the settings.
    """

    def remember(context: click.Context, _parameter: click.Parameter, value: object) -> None:
        context.meta.setdefault(_OVERRIDES, {})[key] = value

    attributes = {"help": FIELDS[key].description, "default": None, **attributes}
    return click.option(
        *(names or (f"--{key.partition('.')[2]}",)), callback=remember, expose_value=False, **attributes
    )


config_option: Decorator = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The settings, as TOML; config/bbs.toml when there is one.",
)


def board_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb --config, --data and --database, and pass it the settings in force as its first argument.

    Every `setting_option` of the verb is heeded, on whichever side of this decorator it stands, and the log lines go
    where the settings say.
    """

    @config_option
    @setting_option("server.data", metavar="DIR")
    @setting_option("server.database", metavar="URL")
    @wraps(verb)
    def with_settings(config: Path | None, **options: Any) -> Any:
        loaded = load(config, overrides=click.get_current_context().meta[_OVERRIDES])
        logs.configure(loaded.settings.log.level, loaded.settings.log.format, sys.stderr)
        return verb(loaded, **options)

    return with_settings


def data_folder(loaded: Loaded) -> Path:
    """Return the folder that holds all the board keeps."""
    return Path(loaded.settings.server.data)


def say(line: str, err: bool = False) -> None:
    """Print one line; what people wrote can neither break it nor steer the terminal."""
    click.echo(visible(line), err=err)
