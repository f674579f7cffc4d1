"""Staff: who may enter the console, and what each role may do."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Unpack

import sqlalchemy as sa

from bbs_core.clock import now_ms
from bbs_core.errors import Conflict, Forbidden, InvalidAct, NotFound
from bbs_core.ledger import Actor, Entry, Ledger, Links
from bbs_core.logins import end_logins
from bbs_core.store.staff_models import Staff

NAME_LIMIT = 60


class Scope(StrEnum):
    """What a request may do; a token carries some, a role grants some."""

    USERS_READ = "users:read"
    USERS_MODERATE = "users:moderate"
    USERS_ERASE = "users:erase"
    POSTS_READ = "posts:read"
    POSTS_WRITE = "posts:write"
    POSTS_MODERATE = "posts:moderate"
    POSTS_PURGE = "posts:purge"
    REPORTS_MODERATE = "reports:moderate"
    ACTS_READ = "acts:read"
    STATS_READ = "stats:read"
    EXPORT = "export"
    PLUGINS_WRITE = "plugins:write"
    SETTINGS_WRITE = "settings:write"
    STAFF_WRITE = "staff:write"


@dataclass(frozen=True)
class Role:
    """A set of permissions; nobody may act on staff of an equal or higher rank."""

    rank: int
    scopes: frozenset[Scope]


OWNER = "owner"
OBSERVING = frozenset({Scope.USERS_READ, Scope.POSTS_READ, Scope.ACTS_READ, Scope.STATS_READ})
MODERATING = OBSERVING | {Scope.USERS_MODERATE, Scope.POSTS_WRITE, Scope.POSTS_MODERATE, Scope.REPORTS_MODERATE}
ROLES: Mapping[str, Role] = {
    OWNER: Role(40, frozenset(Scope)),
    "admin": Role(30, frozenset(Scope)),
    "moderator": Role(20, MODERATING),
    "observer": Role(10, OBSERVING),
}


@dataclass(frozen=True)
class Member:
    """Someone on the staff who is not disabled."""

    id: int
    name: str
    role: str
    password_hash: str = field(repr=False)
    totp_secret: str | None = field(repr=False)
    version: int

    @property
    def scopes(self) -> frozenset[Scope]:
        """What the role grants; nothing where a later version's role is not known here."""
        return ROLES[self.role].scopes if self.role in ROLES else frozenset()


def checked_new(connection: sa.Connection, name: str, role: str) -> str:
    """Return the name of someone who may be added, in its one spelling. Raises Conflict, InvalidAct."""
    name = checked_name(name, "A staff name")
    _check_role(role)
    if connection.execute(sa.select(Staff.id).where(Staff.name == name)).scalar() is not None:
        raise Conflict(f"{name} is on the staff already.")
    return name


def add_staff(connection: sa.Connection, ledger: Ledger, actor: Actor, name: str, role: str, password_hash: str) -> int:
    """Let someone enter the console; returns the act's id. Raises Conflict, InvalidAct."""
    name = checked_new(connection, name, role)
    check_grants(connection, actor, role)
    values = {"name": name, "role": role, "password_hash": password_hash, "created_at_ms": now_ms()}
    staff_id = connection.execute(sa.insert(Staff).values(values).returning(Staff.id)).scalar_one()
    return ledger.write(connection, Entry(actor, "staff.add", "staff", str(staff_id), after={"role": role}))


def has_staff(connection: sa.Connection) -> bool:
    """Whether anyone was ever on the staff."""
    return connection.execute(sa.select(Staff.id).limit(1)).scalar() is not None


def add_first(connection: sa.Connection, ledger: Ledger, name: str, password_hash: str) -> Member:
    """Make the first owner, in whose name the act is; raises Conflict where there is staff already, InvalidAct."""
    if has_staff(connection):
        raise Conflict("The board has an owner already: sign in, or ask them.")
    add_staff(connection, ledger, Actor("operator", "setup link", "console"), name, OWNER, password_hash)
    member = find_staff(connection, name)
    assert member is not None
    return member


def list_staff(connection: sa.Connection) -> list[sa.RowMapping]:
    """Return all who are, or were, on the staff, the oldest first."""
    columns = (Staff.id, Staff.name, Staff.role, Staff.created_at_ms, Staff.disabled_at_ms, Staff.version)
    query = sa.select(*columns, Staff.totp_secret.is_not(None).label("second_factor")).order_by(Staff.id)
    return list(connection.execute(query).mappings())


def disable_staff(
    connection: sa.Connection, ledger: Ledger, actor: Actor, staff_id: int, reason: str = "", **links: Unpack[Links]
) -> int:
    """Let someone, and their tokens, enter no more; returns the act's id.

    Everyone may disable themselves. Raises NotFound, Conflict for the last owner, Forbidden where the actor does not
    outrank them.
    """
    member = present(connection, staff_id)
    if actor.staff_id != staff_id:
        check_outranks(connection, actor, member)
    _keep_an_owner(connection, member)
    _update(connection, member.id, disabled_at_ms=now_ms())
    end_logins(connection, member.id)
    return ledger.write(connection, Entry(actor, "staff.disable", "staff", str(member.id), reason, **links))


def enable_staff(
    connection: sa.Connection, ledger: Ledger, actor: Actor, staff_id: int, reason: str = "", **links: Unpack[Links]
) -> int:
    """Let someone in again who was disabled; returns the act's id. Raises NotFound, Conflict, Forbidden."""
    row = connection.execute(_columns().where(Staff.id == staff_id, Staff.disabled_at_ms.is_not(None))).one_or_none()
    if row is None:
        present(connection, staff_id)
        raise Conflict(f"Member {staff_id} may enter already.")
    member = Member(*row)
    check_outranks(connection, actor, member)
    check_grants(connection, actor, member.role)
    _update(connection, staff_id, disabled_at_ms=None)
    return ledger.write(connection, Entry(actor, "staff.enable", "staff", str(staff_id), reason, **links))


def change_role(
    connection: sa.Connection,
    ledger: Ledger,
    actor: Actor,
    staff_id: int,
    role: str,
    reason: str,
    version: int | None = None,
) -> int:
    """Give someone another role; returns the act's id.

    Nobody edits their own role, grants more than they have, or takes the last owner away. Raises NotFound, Conflict
    where it was changed since `version`, Forbidden, InvalidAct.
    """
    member = present(connection, staff_id)
    _check_role(role)
    if actor.staff_id == staff_id:
        raise Forbidden("Nobody changes their own role: ask somebody of a higher rank, or the operator.")
    check_outranks(connection, actor, member)
    check_grants(connection, actor, role)
    if version not in (None, member.version):
        raise Conflict(f"{member.name} was changed meanwhile: look again.")
    if role != OWNER:
        _keep_an_owner(connection, member)
    _update(connection, staff_id, role=role)
    end_logins(connection, staff_id)
    entry = Entry(actor, "staff.role", "staff", str(staff_id), reason, {"role": member.role}, {"role": role})
    return ledger.write(connection, entry)


def change_password(connection: sa.Connection, ledger: Ledger, actor: Actor, staff_id: int, password_hash: str) -> int:
    """Set another password, which ends every login; returns the act's id. Raises NotFound, Forbidden."""
    member = present(connection, staff_id)
    if actor.staff_id != staff_id:
        check_outranks(connection, actor, member)
    _update(connection, staff_id, password_hash=password_hash)
    end_logins(connection, staff_id)
    return ledger.write(connection, Entry(actor, "staff.password", "staff", str(staff_id)))


def check_outranks(connection: sa.Connection, actor: Actor, member: Member) -> None:
    """Raise Forbidden unless an actor may act on a member: only on a lower rank; the operator on everyone."""
    own = _role_of(connection, actor)
    if own is None or ROLES[own].rank > ROLES[member.role].rank:
        return
    if own == OWNER:
        raise Forbidden(f"{member.name} is an owner too: this takes the operator, at the command line.")
    raise Forbidden(f"{member.name} has the role {member.role}: that takes a higher one than {own}.")


def check_grants(connection: sa.Connection, actor: Actor, role: str) -> None:
    """Raise Forbidden where a role is not below the actor's own, or has rights that the actor's token lacks.

    An owner may make owners.
    """
    if actor.scopes is not None and not ROLES[role].scopes <= actor.scopes:
        raise Forbidden(f"The role {role} has rights that this token lacks.")
    own = _role_of(connection, actor)
    if own is not None and own != OWNER and ROLES[role].rank >= ROLES[own].rank:
        raise Forbidden(f"The role {role} takes a higher one than {own} to give.")


def _role_of(connection: sa.Connection, actor: Actor) -> str | None:
    """Return the role of whoever acts; None is the operator, who may do everything."""
    if actor.kind == "operator":
        return None
    member = get_staff(connection, actor.staff_id or 0)
    if member is None or member.role not in ROLES:
        raise Forbidden("You are not on the staff.")
    return member.role


def present(connection: sa.Connection, staff_id: int) -> Member:
    """Return a member who is not disabled. Raises NotFound."""
    member = get_staff(connection, staff_id)
    if member is None:
        raise NotFound(f"There is no member {staff_id} on the staff.")
    return member


def _keep_an_owner(connection: sa.Connection, member: Member) -> None:
    if member.role == OWNER and _owners(connection) == 1:
        raise Conflict(f"{member.name} is the last owner: add another one first.")


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise InvalidAct(f"There is no role {role[:NAME_LIMIT]!r}; there are {', '.join(ROLES)}.")


def _update(connection: sa.Connection, staff_id: int, **values: Any) -> None:
    changed = sa.update(Staff).where(Staff.id == staff_id)
    connection.execute(changed.values(version=Staff.version + 1, **values))


def _owners(connection: sa.Connection) -> int:
    query = sa.select(sa.func.count()).where(Staff.role == OWNER, Staff.disabled_at_ms.is_(None))
    return connection.execute(query).scalar_one()


def find_staff(connection: sa.Connection, name: str) -> Member | None:
    """Return the member of this name, typed by anyone, or None."""
    name = spelling(name)
    return _member(connection, Staff.name == name) if name.isprintable() else None


def id_of(connection: sa.Connection, name: str) -> int:
    """Return the id of a member, disabled or not, by the name that somebody typed. Raises NotFound."""
    spelt = spelling(name)
    found = connection.execute(sa.select(Staff.id).where(Staff.name == spelt)).scalar() if spelt.isprintable() else None
    if found is None:
        raise NotFound(f"There is no {name[:NAME_LIMIT]!r} on the staff.")
    return found


def get_staff(connection: sa.Connection, staff_id: int) -> Member | None:
    """Return the member of this id, or None."""
    return _member(connection, Staff.id == staff_id)


def _member(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> Member | None:
    row = connection.execute(_columns().where(condition, Staff.disabled_at_ms.is_(None))).one_or_none()
    return Member(*row) if row else None


def _columns() -> Any:
    return sa.select(Staff.id, Staff.name, Staff.role, Staff.password_hash, Staff.totp_secret, Staff.version)


def spelling(name: str) -> str:
    """Return the one spelling of a name, however it was typed."""
    return unicodedata.normalize("NFC", name).strip()


def checked_name(name: str, what: str) -> str:
    """Return a name in its one spelling. Raises InvalidAct when nobody could read or tell it."""
    name = spelling(name)
    if not name or len(name) > NAME_LIMIT:
        raise InvalidAct(f"{what} has 1 to {NAME_LIMIT} characters.")
    if not name.isprintable():
        raise InvalidAct(f"{what} has no control characters and no line breaks.")
    return name
