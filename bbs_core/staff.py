"""Staff: who may enter the console, and what each role may do."""

from __future__ import annotations

import hashlib
import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import argon2
import sqlalchemy as sa

from bbs_core.clock import now_ms
from bbs_core.errors import Conflict, InvalidAct, NotFound
from bbs_core.ledger import Actor, Entry, Ledger
from bbs_core.store.staff_models import Staff

NAME_LIMIT = 60
PASSWORD_MINIMUM = 10
PASSWORD_LIMIT = 1000
# A hash takes 64 MiB and a tenth of a second of every core: two at a time is what a small machine bears.
HASHES_AT_ONCE = 2


class Scope(StrEnum):
    """What a request may do; a token carries some, a role grants some."""

    USERS_READ = "users:read"
    USERS_MODERATE = "users:moderate"
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
    password_hash: str

    @property
    def scopes(self) -> frozenset[Scope]:
        """What the role grants; nothing where a later version's role is not known here."""
        return ROLES[self.role].scopes if self.role in ROLES else frozenset()

    @property
    def seal(self) -> str:
        """A sign that differs after any change of password or role, and tells nothing of either."""
        return hashlib.sha256(f"{self.role} {self.password_hash}".encode()).hexdigest()[:32]


def checked_new(connection: sa.Connection, name: str, role: str) -> str:
    """Return the name of someone who may be added, in its one spelling. Raises Conflict, InvalidAct."""
    name = checked_name(name, "A staff name")
    if role not in ROLES:
        raise InvalidAct(f"There is no role {role[:NAME_LIMIT]!r}; there are {', '.join(ROLES)}.")
    if connection.execute(sa.select(Staff.id).where(Staff.name == name)).scalar() is not None:
        raise Conflict(f"{name} is on the staff already.")
    return name


def add_staff(connection: sa.Connection, ledger: Ledger, actor: Actor, name: str, role: str, password_hash: str) -> int:
    """Let someone enter the console; returns the act's id. Raises Conflict, InvalidAct."""
    name = checked_new(connection, name, role)
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
    query = sa.select(Staff.id, Staff.name, Staff.role, Staff.created_at_ms, Staff.disabled_at_ms).order_by(Staff.id)
    return list(connection.execute(query).mappings())


def disable_staff(connection: sa.Connection, ledger: Ledger, actor: Actor, name: str) -> int:
    """Let someone, and their tokens, enter no more; returns the act's id. Raises NotFound, Conflict: the last owner."""
    member = find_staff(connection, name)
    if member is None:
        raise NotFound(f"There is no {name[:NAME_LIMIT]!r} on the staff.")
    if member.role == OWNER and _owners(connection) == 1:
        raise Conflict(f"{member.name} is the last owner: add another one first.")
    connection.execute(sa.update(Staff).where(Staff.id == member.id).values(disabled_at_ms=now_ms()))
    return ledger.write(connection, Entry(actor, "staff.disable", "staff", str(member.id)))


def _owners(connection: sa.Connection) -> int:
    query = sa.select(sa.func.count()).where(Staff.role == OWNER, Staff.disabled_at_ms.is_(None))
    return connection.execute(query).scalar_one()


def find_staff(connection: sa.Connection, name: str) -> Member | None:
    """Return the member of this name, typed by anyone, or None."""
    name = unicodedata.normalize("NFC", name).strip()
    return _member(connection, Staff.name == name) if name.isprintable() else None


def get_staff(connection: sa.Connection, staff_id: int) -> Member | None:
    """Return the member of this id, or None."""
    return _member(connection, Staff.id == staff_id)


def _member(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> Member | None:
    query = sa.select(Staff.id, Staff.name, Staff.role, Staff.password_hash)
    row = connection.execute(query.where(condition, Staff.disabled_at_ms.is_(None))).one_or_none()
    return Member(*row) if row else None


def checked_name(name: str, what: str) -> str:
    """Return a name in its one spelling. Raises InvalidAct when nobody could read or tell it."""
    name = unicodedata.normalize("NFC", name).strip()
    if not name or len(name) > NAME_LIMIT:
        raise InvalidAct(f"{what} has 1 to {NAME_LIMIT} characters.")
    if not name.isprintable():
        raise InvalidAct(f"{what} has no control characters and no line breaks.")
    return name


_hasher = argon2.PasswordHasher()
_room = threading.BoundedSemaphore(HASHES_AT_ONCE)
# The hash of a password that was thrown away, made with the parameters of `_hasher`.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$URZqCOat/nDUgDLsBOTbpw$ev3c7LQ9MDeJ2BIO+vdmCYOrgYqMhd+1mATYxZ0cf2c"


def hash_password(password: str) -> str:
    """Return the argon2id hash; takes a tenth of a second, so never on the loop. Raises InvalidAct."""
    if len(password) < PASSWORD_MINIMUM:
        raise InvalidAct(f"A password has at least {PASSWORD_MINIMUM} characters.")
    if len(password) > PASSWORD_LIMIT:
        raise InvalidAct(f"A password has at most {PASSWORD_LIMIT} characters.")
    with _room:
        try:
            return _hasher.hash(unicodedata.normalize("NFC", password))
        except UnicodeEncodeError:
            raise InvalidAct("A password has whole characters only.") from None


def verify_password(member: Member | None, password: str) -> bool:
    """Whether the password is the member's; for None as slow, so that nobody learns which names exist."""
    with _room:
        try:
            _hasher.verify(member.password_hash if member else _NOBODY, unicodedata.normalize("NFC", password))
        except argon2.exceptions.VerificationError:
            return False
    return member is not None
