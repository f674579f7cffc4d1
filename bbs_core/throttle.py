"""How often a wrong password may be typed: counted for each address and each account, in the database.

So that no stranger can lock an owner out by typing wrong passwords, an account's count concerns only addresses from
which it has never been entered, which have one each; and a browser in which it was entered has a count of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network

import sqlalchemy as sa

from bbs_core.clock import now_ms
from bbs_core.errors import Throttled
from bbs_core.staff import spelling
from bbs_core.store.staff_models import Login, Throttle

FAILURES_LIMIT = 10
# One failure is forgiven in so long.
FORGIVEN_MS = 60_000
# A household or a server has a network of its own in version 6.
HOST_BITS = 64


def refuse_throttled(
    connection: sa.Connection, address: str, staff_id: int | None, name: str, browser: str = ""
) -> None:
    """Raise Throttled where too many were wrong of late, from an address or for an account.

    `browser` tells one apart in which this member has been signed in; it is empty for any other.
    """
    keys = _keys(connection, address, staff_id, name, browser)
    rows = connection.execute(sa.select(Throttle.failures, Throttle.at_ms).where(Throttle.key.in_(keys)))
    waits = [_wait_ms(row.failures, row.at_ms) for row in rows]
    if any(waits):
        raise Throttled(-(-max(waits) // 1000))


def count_failure(connection: sa.Connection, address: str, staff_id: int | None, name: str, browser: str = "") -> None:
    """Count a wrong password or code; those that are forgiven are forgotten."""
    at_ms = now_ms()
    connection.execute(sa.delete(Throttle).where(Throttle.at_ms < at_ms - 2 * FAILURES_LIMIT * FORGIVEN_MS))
    for key in _keys(connection, address, staff_id, name, browser):
        row = connection.execute(sa.select(Throttle.failures, Throttle.at_ms).where(Throttle.key == key)).one_or_none()
        left = _left(row.failures, row.at_ms) if row else 0
        connection.execute(sa.delete(Throttle).where(Throttle.key == key))
        connection.execute(sa.insert(Throttle).values(key=key, failures=left + 1, at_ms=at_ms))


def forgive(connection: sa.Connection, address: str) -> None:
    """Forget the failures of an address from which someone has come in; those that an account has there stay."""
    connection.execute(sa.delete(Throttle).where(Throttle.key == _key("address", _network(address))))


def _keys(connection: sa.Connection, address: str, staff_id: int | None, name: str, browser: str) -> list[bytes]:
    if browser:
        return [_key("browser", browser)]
    network = _network(address)
    # One who knows their own password could have the address forgiven, and go on to guess a colleague's.
    place = network if _is_known(connection, address, staff_id) else ""
    return [_key("address", network), _key("account", spelling(name), place)]


def _is_known(connection: sa.Connection, address: str, staff_id: int | None) -> bool:
    query = sa.select(Login.id).where(Login.staff_id == staff_id, Login.address == address).limit(1)
    return staff_id is not None and connection.execute(query).scalar() is not None


def _left(failures: int, at_ms: int) -> int:
    return max(0, failures - (now_ms() - at_ms) // FORGIVEN_MS)


def _wait_ms(failures: int, at_ms: int) -> int:
    """Return how long it takes until one more may be wrong."""
    over = failures - FAILURES_LIMIT + 1
    return max(0, over * FORGIVEN_MS - (now_ms() - at_ms)) if over > 0 else 0


def _network(address: str) -> str:
    try:
        known = ip_address(address)
    except ValueError:
        return address
    known = getattr(known, "ipv4_mapped", None) or known
    return str(ip_network((known, HOST_BITS), strict=False)) if isinstance(known, IPv6Address) else str(known)


def _key(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(_encodable(parts)).encode()).digest()


def _encodable(parts: Iterable[str]) -> list[str]:
    return [part.encode(errors="replace").decode() for part in parts]
