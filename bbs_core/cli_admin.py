"""`bbs admin`: the console as a process of its own."""

from __future__ import annotations

import importlib
import signal
import threading
from typing import Any

import click

from bbs_core.cli_options import board_options, setting_option
from bbs_core.config import Loaded


@click.command("admin")
@board_options
@setting_option("admin.host", "--admin-host", metavar="H")
@setting_option("admin.port", "--admin-port", metavar="N", type=int)
@setting_option("admin.behind_proxy", "--behind-proxy", flag_value=True, type=bool)
def admin(loaded: Loaded) -> None:
    """Run the console alone, beside the servers of a board on PostgreSQL."""
    from bbs_core.process import console_lines

    package: Any = importlib.import_module("admin")
    own_process: Any = importlib.import_module("admin.own_process")
    serving: Any = importlib.import_module("admin.serving")
    context = own_process.context(loaded.settings)
    console = serving.ConsoleServer(package.create_app(context), loaded.settings.admin)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    console.start()
    for line in console_lines(loaded.settings.admin, console.port, context.setup_key):
        click.echo(line)
    stop.wait()
    console.stop()
    click.echo("Stopped.")
