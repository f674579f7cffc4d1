"""`bbs user`, `ban`, `mute`, `plugin` and `audit`: the console for people without a browser."""

from __future__ import annotations

import sys
from typing import Any

import click

from bbs_core.cli_board import day, look, perform_on_a_board
from bbs_core.cli_options import board_options, say
from bbs_core.config import Loaded

LIMIT = click.IntRange(1, 200)
HOUR_S = 3600
FAULTY_EXIT_CODE = 1
reason_option = click.option("--reason", required=True, help="Why; it stands in the ledger, and the user reads it.")
why_option = click.option("--reason", required=True, help="Why; it stands in the ledger.")
limit_option = click.option("--limit", type=LIMIT, default=50, show_default=True, help="How many at most.")


@click.group()
def user() -> None:
    """See who visits the board, and end their sessions."""


@user.command("list")
@board_options
@limit_option
def list_users(loaded: Loaded, limit: int) -> None:
    """Show the users, the first comers first."""
    from bbs_core import accounts

    for row in look(loaded, lambda connection: accounts.list_users(connection, limit=limit)):
        seen = f"{row['visits']} visits, the last on {day(row['last_visit_at_ms'])}"
        say(f"{row['id']}: {row['name']}, {row['posts']} posts, {seen}")


@user.command("online")
@board_options
@limit_option
def online(loaded: Loaded, limit: int) -> None:
    """Show who is on line."""
    from bbs_core import presence

    for row in look(loaded, lambda connection: presence.list_sessions(connection, limit=limit)):
        say(f"{row['id']}: {row['name']} from {row['address']}")


@user.command("kick")
@board_options
@click.argument("name")
@reason_option
def kick(loaded: Loaded, name: str, reason: str) -> None:
    """End all sessions of the user NAME."""
    perform_on_a_board(loaded, "user.kick", {"name": name, "reason": reason})
    say(f"The sessions of {name} are ended.")


@user.command("export")
@board_options
@click.argument("name")
def export(loaded: Loaded, name: str) -> None:
    """Print all that is kept of the user NAME as JSON, but for the texts of direct messages."""
    from bbs_core.personal_data import Reply, as_json, export_user

    asked = perform_on_a_board(loaded, "user.export", {"name": name})
    replies = [Reply(**reply) for reply in asked["plugins"]]

    def write(connection: Any) -> None:
        sections = export_user(lambda read: read(connection), asked["user_id"], replies)
        sys.stdout.writelines(as_json(sections))

    look(loaded, write)


@user.command("erase")
@board_options
@click.argument("name")
@click.option("--reason", required=True, help="Why; it stands in the ledger. Leave the name out.")
@click.option("--force", is_flag=True, help="Do it though a plugin fails, or no server runs that could ask them.")
@click.pass_context
def erase(context: click.Context, loaded: Loaded, name: str, reason: str, force: bool) -> None:
    """Erase the user NAME for good; exit code 1 where a plugin failed and nothing was erased."""
    done = perform_on_a_board(loaded, "user.erase", {"name": name, "reason": reason, "force": force})
    for reply in done["plugins"]:
        say(": ".join(filter(None, (reply["plugin"], reply["outcome"], reply["sentence"]))))
    say(f"{name} is erased." if done["erased"] else "Nothing was erased: ask again, or use --force.")
    if not done["erased"]:
        context.exit(FAULTY_EXIT_CODE)


def _sanctions(measure: str, does: str) -> click.Group:
    @click.group(measure, help=does)
    def group() -> None:
        pass

    @group.command("list", help="Show those in force.")
    @board_options
    @limit_option
    def list_(loaded: Loaded, limit: int) -> None:
        from bbs_core import sanctions

        rows = look(loaded, lambda c: sanctions.list_sanctions(c, measure, in_force=True, limit=limit))
        for row in rows:
            end = f"until {day(row['expires_at_ms'])}" if row["expires_at_ms"] else "without an end"
            say(f"{row['id']}: {row['kind']} {row['value']}, {end}: {row['reason']}")

    @group.command("add", help="KIND is user, ip or cidr; VALUE is a name, an address or a network.")
    @board_options
    @click.argument("kind")
    @click.argument("value")
    @reason_option
    @click.option("--note", default="", help="For the staff alone.")
    @click.option("--hours", type=click.IntRange(1), help="How long; without an end if not said.")
    @click.option("--hide-posts", is_flag=True, help="Hide what was posted, too.")
    @click.option("--force", is_flag=True, help="Do it though it hits staff, this machine or a wide network.")
    def add(loaded: Loaded, hours: int | None, **arguments: Any) -> None:
        ends = {"expires_in_s": hours * HOUR_S} if hours else {}
        done = perform_on_a_board(loaded, "sanction.add", {"measure": measure, **arguments, **ends})
        say(f"This is the {measure} {done['id']}.")

    @group.command("lift", help="End the one of this NUMBER.")
    @board_options
    @click.argument("number", type=int)
    @reason_option
    def lift(loaded: Loaded, number: int, reason: str) -> None:
        perform_on_a_board(loaded, "sanction.lift", {"measure": measure, "id": number, "reason": reason})
        say(f"The {measure} {number} is lifted.")

    return group


ban = _sanctions("ban", "Keep a name, an address or a network out.")
mute = _sanctions("mute", "Let a name, an address or a network read, and not write.")


@click.group()
def plugin() -> None:
    """See the plugins of the running servers, and switch them on and off."""


@plugin.command("list")
@board_options
def list_plugins(loaded: Loaded) -> None:
    """Show the plugins, with what they answer to."""
    from bbs_core import plugin_switches

    rows = look(loaded, plugin_switches.list_plugins)
    if not rows:
        say("No server of this board runs, and servers alone know their plugins.", err=True)
    for row in rows:
        why = f" ({row['reason']})" if row["reason"] else ""
        say(f"{row['name']}: {row['state']}{why}, {row['origin']}, {', '.join(row['commands']) or 'no commands'}")


@plugin.command("enable")
@board_options
@click.argument("name")
@why_option
def enable(loaded: Loaded, name: str, reason: str) -> None:
    """Switch the plugin NAME on, or let it out of quarantine."""
    perform_on_a_board(loaded, "plugin.enable", {"name": name, "reason": reason})
    say(f"{name} is on.")


@plugin.command("disable")
@board_options
@click.argument("name")
@why_option
def disable(loaded: Loaded, name: str, reason: str) -> None:
    """Switch the plugin NAME off."""
    perform_on_a_board(loaded, "plugin.disable", {"name": name, "reason": reason})
    say(f"{name} is off.")


@click.group()
def audit() -> None:
    """Read the ledger of all that staff did, check it, and take acts back."""


@audit.command("verify")
@board_options
@click.pass_context
def verify(context: click.Context, loaded: Loaded) -> None:
    """Check that no act was changed, deleted or cut off; exit code 1 where one was."""
    from bbs_core import ledger
    from bbs_core.cli_options import data_folder

    chain = ledger.open_ledger(data_folder(loaded))
    faults = look(loaded, chain.verify)
    for fault in faults:
        say(fault)
    if faults:
        context.exit(FAULTY_EXIT_CODE)
    say(f"The ledger holds: {look(loaded, ledger.last_act_id)} acts.")


@audit.command("list")
@board_options
@click.option("--actor", help="Who acted.")
@click.option("--action", help="What was done, as in post.hide.")
@click.option("--target", metavar="KIND[:ID]", help="On what, as in post or post:7.")
@limit_option
def list_acts(loaded: Loaded, actor: str | None, action: str | None, target: str | None, limit: int) -> None:
    """Show acts, the newest first."""
    from bbs_core.audit import ActQuery, list_acts

    kind, _, target_id = (target or "").partition(":")
    query = ActQuery(actor, action, kind or None, target_id or None)
    for act in look(loaded, lambda connection: list_acts(connection, query, limit=limit)):
        undone = f" (undone by act {act['undone_by']})" if act["undone_by"] else ""
        target = f"{act['target_kind']} {act['target_id']}".strip()
        why = f": {act['reason_text']}" if act["reason_text"] else ""
        say(f"{act['id']}: {day(act['at_ms'])} {act['actor_name']}, {act['action']}, {target}{why}{undone}")


@audit.command("undo")
@board_options
@click.argument("number", type=int)
@why_option
def undo(loaded: Loaded, number: int, reason: str) -> None:
    """Take the act of this NUMBER back."""
    done = perform_on_a_board(loaded, "act.undo", {"id": number, "reason": reason})
    say(f"Act {number} is undone, by act {done['act_id']}.")
