"""One request for each act of the API and the pages: what it needs, what it sends, and its rows in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bbs_core import moderation, noticeboard, reports, sanctions
from bbs_core.ledger import Actor
from bbs_core.logins import list_logins, open_login
from bbs_core.posts import State
from bbs_core.presence import beat
from bbs_core.proposals import Proposal
from bbs_core.store.models import Post, User
from bbs_core.store.staff_models import Staff
from tests.console.support import Board, plugin_status

ANYONE = Actor("operator", "root", "cli")
REASON = {"reason": "because"}
SPAM = {"kind": "user", "value": "mallory", "reason": "spam"}


@dataclass(frozen=True)
class Case:
    """`path` makes what the request needs, and returns where it goes; `actions` are those of its acts, in order."""

    path: Callable[[Board], str]
    body: dict[str, Any]
    actions: tuple[str, ...]


def at(path: str) -> Callable[[Board], str]:
    return lambda _board: path


def in_state(state: State, path: str) -> Callable[[Board], str]:
    def prepared(board: Board) -> str:
        board.run(lambda c: c.execute(sa.update(Post).where(Post.id == 1).values(state=state)))
        return path

    return prepared


def act(board: Board, function: Callable[..., Any], *arguments: Any) -> Any:
    return board.run(lambda connection: function(connection, board.ledger, ANYONE, *arguments))


def sanctioned(measure: str) -> Callable[[Board], str]:
    def prepared(board: Board) -> str:
        number = act(board, sanctions.add, Proposal(measure, "user", "ann", "spam"))[0]
        return f"/{measure}s/{number}/lift"

    return prepared


def session(board: Board) -> str:
    return f"/sessions/{board.visit('ann', stay=True)}/kick"


def user_on_line(board: Board) -> str:
    board.visit("ann", stay=True)
    return f"/users/{user_id(board, 'ann')}/kick"


def reported(verb: str) -> Callable[[Board], str]:
    def prepared(board: Board) -> str:
        reporter = user_id(board, "ann")
        board.run(lambda connection: reports.report(connection, "post", 1, reporter, "rude"))
        return f"/reports/post/1/{verb}"

    return prepared


def user_id(board: Board, name: str) -> int:
    found = board.access.read(lambda c: c.execute(sa.select(User.id).where(User.name == name)).scalar_one())
    return int(found)


def hidden_act(board: Board) -> str:
    return f"/acts/{act(board, moderation.hide_post, 1, 'spam')}/undo"


def plugin(name: str, verb: str) -> Callable[[Board], str]:
    def prepared(board: Board) -> str:
        status = plugin_status(name, "quarantined" if verb == "enable" else "loaded")
        board.run(lambda connection: beat(connection, "", status, True))
        return f"/plugins/{name}/{verb}"

    return prepared


def member(verb: str) -> Callable[[Board], str]:
    def prepared(board: Board) -> str:
        number = board.staff("otto", "moderator")
        if verb == "/enable":
            board.perform("staff.disable", {"name": "otto"})
        return f"/staff/{number}{verb}"

    return prepared


def announcement(board: Board) -> str:
    return f"/announcements/{act(board, noticeboard.announce, 'hello')[0]}/end"


def token(board: Board) -> str:
    board.token()
    return f"/tokens/{board.token_ids()[-1]}/revoke"


def login(board: Board) -> str:
    number = board.access.read(lambda c: c.execute(sa.select(Staff.id).where(Staff.name == "olga")).scalar_one())
    board.run(lambda connection: open_login(connection, number, "::1", "another browser"))
    found = board.access.read(lambda connection: list_logins(connection, number))
    return f"/account/logins/{found[0]['id']}/end"


def own_token(board: Board) -> str:
    board.token()
    return f"/account/tokens/{board.token_ids()[-1]}/revoke"


def with_factor(path: Callable[[Board], str]) -> Callable[[Board], str]:
    def prepared(board: Board) -> str:
        where = path(board)
        board.run(lambda c: c.execute(sa.update(Staff).values(totp_secret="A" * 32)))
        return where

    return prepared


CASES: dict[str, Case] = {
    "users_kick": Case(user_on_line, REASON, ("session.kick", "session.kick")),
    "users_note": Case(at("/users/1/notes"), {"text": "a newcomer"}, ("user.note",)),
    "personal_data_erase_one": Case(at("/users/1/erase"), REASON, ("user.erase",)),
    "posts_add": Case(at("/posts"), {"text": "Welcome"}, ("post.add",)),
    "posts_bulk": Case(
        at("/posts/bulk"), {"act": "hide", "ids": [1, 2, 99], **REASON}, ("post.hide", "post.hide", "post.hide")
    ),
    "posts_clear": Case(at("/posts/clear"), REASON, ("setting.change",)),
    "posts_hide": Case(at("/posts/1/hide"), REASON, ("post.hide",)),
    "posts_restore": Case(in_state(State.HIDDEN, "/posts/1/restore"), REASON, ("post.restore",)),
    "posts_approve": Case(in_state(State.HELD, "/posts/1/approve"), REASON, ("post.approve",)),
    "posts_purge": Case(at("/posts/1/purge"), REASON, ("post.purge",)),
    "reports_claim": Case(reported("claim"), {}, ()),
    "reports_release": Case(reported("release"), {}, ()),
    "reports_close": Case(reported("close"), {"outcome": "acted", **REASON}, ("report.close",)),
    "sessions_kick_session": Case(session, REASON, ("session.kick",)),
    "sanctions_add_ban": Case(at("/bans"), SPAM, ("ban.add",)),
    "sanctions_lift_ban": Case(sanctioned("ban"), REASON, ("ban.lift",)),
    "sanctions_add_mute": Case(at("/mutes"), SPAM, ("mute.add",)),
    "sanctions_lift_mute": Case(sanctioned("mute"), REASON, ("mute.lift",)),
    "acts_undo": Case(hidden_act, REASON, ("post.restore",)),
    "plugins_enable": Case(plugin("dice", "enable"), REASON, ("plugin.enable",)),
    "plugins_disable": Case(plugin("dice", "disable"), REASON, ("plugin.disable",)),
    "plugins_configure": Case(
        plugin("dice", "settings"), {"values": {"sides": 8, "key": "geheim"}, **REASON}, ("plugin.settings",)
    ),
    "plugins_reload": Case(plugin("dice", "reload"), REASON, ("plugin.reload",)),
    "settings_change_settings": Case(
        at("/settings"), {"values": {"board.window": 5, "board.mode": "hold"}, **REASON}, ("setting.change",) * 3
    ),
    "staff_add": Case(
        at("/staff"), {"name": "otto", "role": "moderator", "password": "correct horse battery"}, ("staff.add",)
    ),
    "staff_change_role": Case(member(""), {"role": "observer", "version": 1, **REASON}, ("staff.role",)),
    "staff_disable_member": Case(member("/disable"), REASON, ("staff.disable",)),
    "staff_enable_member": Case(member("/enable"), REASON, ("staff.enable",)),
    "tokens_create": Case(at("/tokens"), {"name": "laptop", "scopes": ["posts:read"]}, ("token.create",)),
    "tokens_revoke": Case(token, {}, ("token.revoke",)),
    "announcements_announce_to_all": Case(at("/announcements"), {"text": "hello"}, ("announcement.add",)),
    "announcements_end": Case(announcement, REASON, ("announcement.end",)),
}

REVIEW = {"outcome": "acted", **REASON}
# The same for the forms of the pages.
FORMS: dict[str, Case] = {
    "change_mode": Case(at("/mode"), {"mode": "hold", "minutes": "5"}, ("setting.change",) * 3),
    "note_user": Case(at("/users/1/note"), {"text": "a newcomer"}, ("user.note",)),
    "erase": Case(at("/users/1/erase"), {"confirm": "1", **REASON}, ("user.erase",)),
    "kick_all": Case(user_on_line, REASON, ("session.kick", "session.kick")),
    "hide": Case(at("/posts/1/hide"), REASON, ("post.hide",)),
    "restore": Case(in_state(State.HIDDEN, "/posts/1/restore"), REASON, ("post.restore",)),
    "approve": Case(in_state(State.HELD, "/posts/1/approve"), REASON, ("post.approve",)),
    "purge": Case(at("/posts/1/purge"), REASON, ("post.purge",)),
    "bulk": Case(at("/posts/bulk"), {"act": "hide", "ids": [1, 2, 99], **REASON}, ("post.hide",) * 3),
    "clear": Case(at("/posts/clear"), REASON, ("setting.change",)),
    "post_as_board": Case(at("/speak/post"), {"text": "Welcome"}, ("post.add",)),
    "announce_to_all": Case(at("/speak/announce"), {"text": "hello", "hours": "2"}, ("announcement.add",)),
    "end": Case(lambda board: announcement(board).replace("/announcements", "/speak"), REASON, ("announcement.end",)),
    "claim": Case(lambda board: reported("claim")(board).replace("/reports", "/review"), {}, ()),
    "release": Case(lambda board: reported("release")(board).replace("/reports", "/review"), {}, ()),
    "close": Case(lambda board: reported("close")(board).replace("/reports", "/review"), REVIEW, ("report.close",)),
    "kick_session": Case(session, REASON, ("session.kick",)),
    "add_ban": Case(at("/bans"), SPAM, ("ban.add",)),
    "lift_ban": Case(sanctioned("ban"), REASON, ("ban.lift",)),
    "add_mute": Case(at("/mutes"), SPAM, ("mute.add",)),
    "lift_mute": Case(sanctioned("mute"), REASON, ("mute.lift",)),
    "undo": Case(hidden_act, REASON, ("post.restore",)),
    "enable": Case(plugin("dice", "enable"), REASON, ("plugin.enable",)),
    "disable": Case(plugin("dice", "disable"), REASON, ("plugin.disable",)),
    "configure": Case(
        plugin("dice", "settings"), {"option:sides": "8", "version": "0", **REASON}, ("plugin.settings",)
    ),
    "reload": Case(plugin("dice", "reload"), REASON, ("plugin.reload",)),
    "act_in_plugin": Case(at("/plugins/dice/actions/forget"), {"option:roll": "1", **REASON}, ("plugin.action",)),
    "preview_settings": Case(at("/settings/preview"), {"board.window": "5"}, ()),
    "change_settings": Case(at("/settings"), {"board.window": "5", **REASON}, ("setting.change",)),
    "add_member": Case(
        at("/staff"), {"name": "otto", "role": "moderator", "password": "correct horse battery"}, ("staff.add",)
    ),
    "change_role": Case(member("/role"), {"role": "observer", "version": "1", **REASON}, ("staff.role",)),
    "disable_member": Case(member("/disable"), REASON, ("staff.disable",)),
    "enable_member": Case(member("/enable"), REASON, ("staff.enable",)),
    "remove_factor_of": Case(with_factor(member("/factor/remove")), REASON, ("staff.factor_remove",)),
    "revoke": Case(token, {}, ("token.revoke",)),
    "logout": Case(at("/logout"), {}, ()),
    "set_password": Case(
        at("/account/password"),
        {"password": "correct horse battery", "new": "staple battery correct"},
        ("staff.password",),
    ),
    "add_factor": Case(at("/account/factor"), {"code": "000000"}, ()),
    "remove_factor": Case(with_factor(at("/account/factor/remove")), {}, ("staff.factor_remove",)),
    "end_login": Case(login, {}, ()),
    "add_token": Case(
        at("/account/tokens"), {"name": "t", "scopes": "posts:read", "expires_days": "9"}, ("token.create",)
    ),
    "revoke_own": Case(own_token, {}, ("token.revoke",)),
    "give_proof": Case(at("/proof"), {"password": "correct horse battery"}, ()),
}
