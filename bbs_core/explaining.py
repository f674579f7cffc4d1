"""Which rule decides whether a user may use a command, for `bbs plugin explain`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from bbs_core.dispatch import Dispatch
from bbs_core.errors import InvalidAct, NotFound
from bbs_core.groups import address_of
from bbs_core.platform.misnamed import suggestion
from bbs_core.platform.permit import Permit
from bbs_core.platform.permits import REFUSES, Case, Finding
from bbs_core.words import STOCK_WORDS, hook_name


class OnLine(Protocol):
    """What is known of a session."""

    @property
    def username(self) -> str: ...
    @property
    def address(self) -> str: ...


OTHER_SPELLINGS = {"listdms": "listdm"}


async def explain(
    dispatch: Dispatch, sessions: Iterable[OnLine], user: str, command: str, address: str
) -> dict[str, Any]:
    """Return what the rules find for a user and a command: `address`, `allowed`, and `findings`, one of which decides.

    Where no address is given it is that of a session of the user. Raises NotFound, InvalidAct and StoreUnavailable.
    """
    if address and address_of(address) is None:
        raise InvalidAct(f"{address[:60]} is no address.")
    addresses = [one.address for one in sessions if one.username == user]
    come_from = str(address_of(address)) if address else next(iter(addresses), "")
    permit = _permit(dispatch, command)
    case = Case(permit, hook_name(permit.word), user, come_from)
    found = await dispatch.permits.explain(case)
    refused = found[-1][1].verdict == REFUSES
    decisive = found[-1][0] if refused else "may" if permit.access is None else "access"
    findings = [_shown(rule, finding, rule == decisive) for rule, finding in found]
    return {"word": permit.word, "address": come_from, "allowed": not refused, "findings": findings}


def _permit(dispatch: Dispatch, command: str) -> Permit:
    known = {one.word: one for one in dispatch.plugins.permits.values()}
    # Those that are switched off have no permit, and are told of all the same.
    known = {word: Permit(word, word) for word in STOCK_WORDS} | known
    permit = known.get(OTHER_SPELLINGS.get(command, command)) or known.get(f"/{command}")
    if permit is None:
        near = suggestion(command, [*known])
        raise NotFound(f"There is no command {command[:60]} of a plugin that is on.{near}")
    return permit


def _shown(rule: str, finding: Finding, decides: bool) -> dict[str, Any]:
    says = f"{finding.says} {finding.note}".strip()
    return {"rule": rule, "verdict": finding.verdict, "says": says, "decides": decides}
