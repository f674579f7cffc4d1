"""The second factor: codes of an authenticator app (RFC 6238), and recovery codes for who has lost theirs."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

import pyotp
import sqlalchemy as sa

from bbs_core.clock import now_ms
from bbs_core.errors import Conflict, InvalidAct
from bbs_core.ledger import Actor, Entry, Ledger
from bbs_core.staff import check_outranks, present
from bbs_core.store.staff_models import RecoveryCode, Staff

STEP_S = 30
# Clocks go wrong, and people type slowly.
STEPS_AROUND = 1
RECOVERY_CODES = 10
RECOVERY_BYTES = 5
CODE_LIMIT = 40
ISSUER = "Board console"


def new_secret() -> str:
    """Return a secret for an authenticator app; it counts once a code of it was shown."""
    return pyotp.random_base32()


def link_for(name: str, secret: str) -> str:
    """Return the address that an authenticator app takes, as a picture of squares."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)


def add_factor(connection: sa.Connection, ledger: Ledger, actor: Actor, secret: str, code: str) -> list[str]:
    """Ask for a code at every login from now on; returns the recovery codes, which are kept nowhere.

    Raises InvalidAct for a wrong code, Conflict where there is a second factor already.
    """
    member = present(connection, actor.staff_id or 0)
    if member.totp_secret is not None:
        raise Conflict("You have a second factor already: remove it first.")
    step = _step_of(secret, code, None) if secret else None
    if step is None:
        raise InvalidAct("This code is not the one that your app shows now.")
    _store(connection, member.id, secret, step)
    ledger.write(connection, Entry(actor, "staff.factor_add", "staff", str(member.id)))
    return _new_recovery_codes(connection, member.id)


def remove_factor(connection: sa.Connection, ledger: Ledger, actor: Actor, staff_id: int, reason: str = "") -> int:
    """Ask for no code any more; returns the act's id. Raises NotFound, Forbidden, Conflict."""
    member = present(connection, staff_id)
    if actor.staff_id != staff_id:
        check_outranks(connection, actor, member)
    if member.totp_secret is None:
        raise Conflict(f"{member.name} has no second factor.")
    _store(connection, staff_id, None, None)
    connection.execute(sa.delete(RecoveryCode).where(RecoveryCode.staff_id == staff_id))
    return ledger.write(connection, Entry(actor, "staff.factor_remove", "staff", str(staff_id), reason))


def use_code(connection: sa.Connection, staff_id: int, code: str) -> bool:
    """Whether a code of the app, or a recovery code, is good; it is good once."""
    row = connection.execute(sa.select(Staff.totp_secret, Staff.totp_step).where(Staff.id == staff_id)).one()
    step = _step_of(row.totp_secret, code, row.totp_step) if row.totp_secret else None
    if step is not None:
        connection.execute(sa.update(Staff).where(Staff.id == staff_id).values(totp_step=step))
        return True
    unused = (RecoveryCode.digest == _digest(staff_id, code), RecoveryCode.used_at_ms.is_(None))
    return bool(connection.execute(sa.update(RecoveryCode).where(*unused).values(used_at_ms=now_ms())).rowcount)


def recovery_codes_left(connection: sa.Connection, staff_id: int) -> int:
    """Return how many recovery codes a member has not used."""
    query = sa.select(sa.func.count()).where(RecoveryCode.staff_id == staff_id, RecoveryCode.used_at_ms.is_(None))
    return connection.execute(query).scalar_one()


def _step_of(secret: str, code: str, last_step: int | None) -> int | None:
    """Return the step whose code this is, if it is about now and later than the last that was used."""
    code, now = code.replace(" ", "")[:CODE_LIMIT], int(time.time()) // STEP_S
    for step in range(now - STEPS_AROUND, now + STEPS_AROUND + 1):
        fits = hmac.compare_digest(pyotp.TOTP(secret).at(step * STEP_S).encode(), code.encode(errors="replace"))
        if fits and (last_step is None or step > last_step):
            return step
    return None


def _new_recovery_codes(connection: sa.Connection, staff_id: int) -> list[str]:
    codes = [secrets.token_hex(RECOVERY_BYTES) for _ in range(RECOVERY_CODES)]
    rows = [{"digest": _digest(staff_id, code), "staff_id": staff_id} for code in codes]
    connection.execute(sa.insert(RecoveryCode), rows)
    return codes


def _store(connection: sa.Connection, staff_id: int, secret: str | None, step: int | None) -> None:
    values = {"totp_secret": secret, "totp_step": step, "version": Staff.version + 1}
    connection.execute(sa.update(Staff).where(Staff.id == staff_id).values(values))


def _digest(staff_id: int, code: str) -> bytes:
    spelt = code.replace(" ", "").replace("-", "").lower()[:CODE_LIMIT]
    return hashlib.sha256(f"{staff_id} {spelt}".encode(errors="replace")).digest()
