"""Acts by name, for whoever cannot call the domain: the control socket, and the command line while no server runs."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from bbs_core import passwords, plugin_options, plugin_switches, presence, sanctions, second_factor, staff, tokens, undo
from bbs_core.accounts import find_user
from bbs_core.act_arguments import (
    Arguments,
    Named,
    Numbered,
    PluginExplain,
    PluginNamed,
    PluginRun,
    PluginSettings,
    SanctionAdd,
    SanctionLift,
    StaffAdd,
    StaffMember,
    StaffPassword,
    StaffRole,
    TokenCreate,
    TokenRevoke,
    UserErase,
    UserNamed,
)
from bbs_core.erasure import ERASE, erase
from bbs_core.errors import InvalidAct
from bbs_core.ledger import Actor, Ledger
from bbs_core.personal_data import Ask, asked_about, nobody
from bbs_core.plugin_options import Models
from bbs_core.proposals import Proposal
from bbs_core.public.fields import read_all
from bbs_core.rows import visible
from bbs_core.settings import Settings
from bbs_core.store.access import Access

RUN_VERB = "plugin.run"
EXPLAIN = "plugin.explain"
RELOAD = "plugin.reload"
PLUGIN_VIEW = "plugin.view"
USER_EXPORT = "user.export"
_Arguments = TypeVar("_Arguments", bound=Arguments)


@dataclass(frozen=True)
class Desk:
    """What acts need: the database, the ledger, and the settings that this process was started with."""

    access: Access
    ledger: Ledger
    start: Settings
    # A running server knows its plugins.
    models: Models = lambda _plugin: None
    export: Ask = nobody
    forget: Ask = nobody


@dataclass(frozen=True)
class _Act:
    arguments: type[Arguments]
    run: Callable[[Desk, Actor, Any], dict[str, Any]]


def perform(desk: Desk, actor: Actor, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Do the act of this name and return its outcome; call it from any thread but the loop's.

    Raises InvalidAct, and whatever ActError or StoreUnavailable the act itself raises.
    """
    act = _ACTS.get(name)
    if act is None:
        raise InvalidAct(f"There is no act {name[:40]!r}; there are {', '.join(_ACTS)}.")
    return act.run(desk, actor, _checked(name, act.arguments, arguments))


def checked_verb(arguments: Mapping[str, Any]) -> PluginRun:
    """Return what `RUN_VERB` is to run, which only a running server can. Raises InvalidAct."""
    return _checked(RUN_VERB, PluginRun, arguments)


def checked_question(arguments: Mapping[str, Any]) -> PluginExplain:
    """Return what `EXPLAIN` is to explain, which only a running server can. Raises InvalidAct."""
    return _checked(EXPLAIN, PluginExplain, arguments)


def operator() -> Actor:
    """Return the actor of the command line: the account that this process runs as."""
    user_id = os.getuid()
    try:
        name = pwd.getpwuid(user_id).pw_name
    except KeyError:
        name = f"uid {user_id}"
    return Actor("operator", name, "cli")


def _act_id(desk: Desk, actor: Actor, act: Callable[..., int], *arguments: Any) -> dict[str, Any]:
    return {"act_id": desk.access.write(lambda connection: act(connection, desk.ledger, actor, *arguments))}


def _staff_id(desk: Desk, name: str) -> int:
    return desk.access.read(lambda connection: staff.id_of(connection, name))


def _staff_add(desk: Desk, actor: Actor, new: StaffAdd) -> dict[str, Any]:
    # Hashed before the writer is asked: it has no tenth of a second to give.
    password_hash = passwords.hash_password(new.password)
    return _act_id(desk, actor, staff.add_staff, new.name, new.role, password_hash)


def _staff_password(desk: Desk, actor: Actor, new: StaffPassword) -> dict[str, Any]:
    password_hash = passwords.hash_password(new.password)
    return _act_id(desk, actor, staff.change_password, _staff_id(desk, new.name), password_hash)


def _staff_role(desk: Desk, actor: Actor, new: StaffRole) -> dict[str, Any]:
    return _act_id(desk, actor, staff.change_role, _staff_id(desk, new.name), new.role, new.reason)


def _staff_disable(desk: Desk, actor: Actor, old: StaffMember) -> dict[str, Any]:
    return _act_id(desk, actor, staff.disable_staff, _staff_id(desk, old.name), old.reason)


def _staff_enable(desk: Desk, actor: Actor, old: StaffMember) -> dict[str, Any]:
    return _act_id(desk, actor, staff.enable_staff, _staff_id(desk, old.name), old.reason)


def _staff_factor_remove(desk: Desk, actor: Actor, old: StaffMember) -> dict[str, Any]:
    return _act_id(desk, actor, second_factor.remove_factor, _staff_id(desk, old.name), old.reason)


def _token_create(desk: Desk, actor: Actor, new: TokenCreate) -> dict[str, Any]:
    token = desk.access.write(
        lambda connection: tokens.create_token(
            connection,
            desk.ledger,
            actor,
            staff_name=new.staff,
            label=new.name,
            scopes=new.scopes,
            expires_days=new.expires_days,
        )
    )
    return {"token": token}


def _token_revoke(desk: Desk, actor: Actor, old: TokenRevoke) -> dict[str, Any]:
    return _act_id(desk, actor, tokens.revoke_token, old.id)


def _sanction_add(desk: Desk, actor: Actor, new: SanctionAdd) -> dict[str, Any]:
    proposal = Proposal(**new.model_dump())
    found = desk.access.write(lambda connection: sanctions.add(connection, desk.ledger, actor, proposal))
    return {"id": found[0], "act_id": found[1]}


def _sanction_lift(desk: Desk, actor: Actor, old: SanctionLift) -> dict[str, Any]:
    return _act_id(desk, actor, sanctions.lift, old.id, old.reason, old.measure)


def _plugin_enable(desk: Desk, actor: Actor, old: Named) -> dict[str, Any]:
    return _act_id(desk, actor, plugin_switches.enable_plugin, desk.start, old.name, old.reason)


def _plugin_disable(desk: Desk, actor: Actor, old: Named) -> dict[str, Any]:
    return _act_id(desk, actor, plugin_switches.disable_plugin, desk.start, old.name, old.reason)


def _plugin_reload(desk: Desk, actor: Actor, old: Named) -> dict[str, Any]:
    return _act_id(desk, actor, plugin_switches.reload_plugin, old.name, old.reason)


def _plugin_forget(desk: Desk, actor: Actor, old: Named) -> dict[str, Any]:
    act_id, gone = desk.access.write(
        lambda connection: plugin_switches.forget_plugin(connection, desk.ledger, actor, old.name, old.reason)
    )
    return {"act_id": act_id, **gone}


def _plugin_view(desk: Desk, _actor: Actor, asked: PluginNamed) -> dict[str, Any]:
    view = _view(desk, asked.name)
    described = view.options.schema["properties"]
    helps = {name: described[name].get("description", "") for name in view.values}
    return {"values": view.values, "changed": view.changed, "helps": helps, "problem": str(view.problem or "")}


def _plugin_settings(desk: Desk, actor: Actor, new: PluginSettings) -> dict[str, Any]:
    values = read_all(_view(desk, new.name).fields, new.values, ",")
    arguments = (desk.access, desk.ledger, actor, desk.start, desk.models, new.name, values, new.reason)
    return {"act_id": plugin_options.change(*arguments)}


def _view(desk: Desk, plugin: str) -> plugin_options.View:
    view = plugin_options.view(desk.access, desk.start, desk.models, plugin)
    if view is None:
        raise plugin_options.no_settings(plugin)
    return view


def _user_kick(desk: Desk, actor: Actor, old: Named) -> dict[str, Any]:
    user_id = desk.access.read(lambda connection: find_user(connection, old.name))
    return _act_id(desk, actor, presence.kick_user, user_id, old.reason)


def _user_export(desk: Desk, _actor: Actor, asked: UserNamed) -> dict[str, Any]:
    user_id = desk.access.read(lambda connection: find_user(connection, asked.name))
    user = desk.access.read(lambda connection: asked_about(connection, user_id))
    return {"user_id": user_id, "plugins": list(map(asdict, desk.export(user)))}


def _user_erase(desk: Desk, actor: Actor, old: UserErase) -> dict[str, Any]:
    user_id = desk.access.read(lambda connection: find_user(connection, old.name))
    return asdict(erase(desk.access, desk.ledger, actor, desk.forget, user_id, old.reason, force=old.force))


def _act_undo(desk: Desk, actor: Actor, old: Numbered) -> dict[str, Any]:
    return _act_id(desk, actor, undo.undo, desk.start, old.id, old.reason)


def _checked(name: str, model: type[_Arguments], arguments: Mapping[str, Any]) -> _Arguments:
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        raise InvalidAct(_sentence(name, error)) from None


def _sentence(name: str, error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(map(str, first["loc"])) or "the arguments"
    return f"{name}, {visible(place[:60])}: {first['msg'][:1].lower()}{first['msg'][1:]}."


_ACTS: Mapping[str, _Act] = {
    "staff.add": _Act(StaffAdd, _staff_add),
    "staff.role": _Act(StaffRole, _staff_role),
    "staff.password": _Act(StaffPassword, _staff_password),
    "staff.disable": _Act(StaffMember, _staff_disable),
    "staff.enable": _Act(StaffMember, _staff_enable),
    "staff.factor_remove": _Act(StaffMember, _staff_factor_remove),
    "token.create": _Act(TokenCreate, _token_create),
    "token.revoke": _Act(TokenRevoke, _token_revoke),
    "sanction.add": _Act(SanctionAdd, _sanction_add),
    "sanction.lift": _Act(SanctionLift, _sanction_lift),
    "plugin.enable": _Act(Named, _plugin_enable),
    "plugin.disable": _Act(Named, _plugin_disable),
    RELOAD: _Act(Named, _plugin_reload),
    "plugin.forget": _Act(Named, _plugin_forget),
    PLUGIN_VIEW: _Act(PluginNamed, _plugin_view),
    plugin_options.SETTINGS: _Act(PluginSettings, _plugin_settings),
    "user.kick": _Act(Named, _user_kick),
    USER_EXPORT: _Act(UserNamed, _user_export),
    ERASE: _Act(UserErase, _user_erase),
    "act.undo": _Act(Numbered, _act_undo),
}
