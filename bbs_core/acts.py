"""Acts by name, for whoever cannot call the domain: the control socket, and the command line while no server runs."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bbs_core import staff, tokens
from bbs_core.errors import InvalidAct
from bbs_core.ledger import Actor, Ledger
from bbs_core.rows import visible
from bbs_core.store.access import Access
from bbs_core.tokens import EXPIRES_DAYS


class Arguments(BaseModel):
    """What all acts' arguments share: nothing is converted, nothing unknown passed over, no value repeated."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class StaffAdd(Arguments):
    """Let someone enter the console."""

    name: str
    role: str
    password: str = Field(repr=False)


class TokenCreate(Arguments):
    """Make a bearer token for the REST API."""

    staff: str
    name: str
    scopes: list[str]
    expires_days: int = EXPIRES_DAYS


class StaffDisable(Arguments):
    """Let someone enter the console no more."""

    name: str


class TokenRevoke(Arguments):
    """Refuse a token from now on."""

    id: int = Field(ge=1, lt=2**63)


@dataclass(frozen=True)
class _Act:
    arguments: type[Arguments]
    run: Callable[[Access, Ledger, Actor, Any], dict[str, Any]]


def perform(access: Access, ledger: Ledger, actor: Actor, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Do the act of this name and return its outcome; call it from any thread but the loop's.

    Raises InvalidAct, and whatever ActError or StoreUnavailable the act itself raises.
    """
    act = _ACTS.get(name)
    if act is None:
        raise InvalidAct(f"There is no act {name[:40]!r}; there are {', '.join(_ACTS)}.")
    try:
        checked = act.arguments.model_validate(arguments)
    except ValidationError as error:
        raise InvalidAct(_sentence(name, error)) from None
    return act.run(access, ledger, actor, checked)


def operator() -> Actor:
    """Return the actor of the command line: the account that this process runs as."""
    user_id = os.getuid()
    try:
        name = pwd.getpwuid(user_id).pw_name
    except KeyError:
        name = f"uid {user_id}"
    return Actor("operator", name, "cli")


def _staff_add(access: Access, ledger: Ledger, actor: Actor, new: StaffAdd) -> dict[str, Any]:
    # Hashed before the writer is asked: it has no tenth of a second to give.
    password_hash = staff.hash_password(new.password)
    act_id = access.write(lambda c: staff.add_staff(c, ledger, actor, new.name, new.role, password_hash))
    return {"act_id": act_id}


def _token_create(access: Access, ledger: Ledger, actor: Actor, new: TokenCreate) -> dict[str, Any]:
    token = access.write(
        lambda connection: tokens.create_token(
            connection,
            ledger,
            actor,
            staff_name=new.staff,
            label=new.name,
            scopes=new.scopes,
            expires_days=new.expires_days,
        )
    )
    return {"token": token}


def _staff_disable(access: Access, ledger: Ledger, actor: Actor, old: StaffDisable) -> dict[str, Any]:
    return {"act_id": access.write(lambda c: staff.disable_staff(c, ledger, actor, old.name))}


def _token_revoke(access: Access, ledger: Ledger, actor: Actor, old: TokenRevoke) -> dict[str, Any]:
    return {"act_id": access.write(lambda c: tokens.revoke_token(c, ledger, actor, old.id))}


def _sentence(name: str, error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(map(str, first["loc"])) or "the arguments"
    return f"{name}, {visible(place[:60])}: {first['msg'][:1].lower()}{first['msg'][1:]}."


_ACTS: Mapping[str, _Act] = {
    "staff.add": _Act(StaffAdd, _staff_add),
    "staff.disable": _Act(StaffDisable, _staff_disable),
    "token.create": _Act(TokenCreate, _token_create),
    "token.revoke": _Act(TokenRevoke, _token_revoke),
}
