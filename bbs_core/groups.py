"""Groups of users: names that they claim, and addresses that they come from."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from bbs_core.words import WORD

Address = IPv4Address | IPv6Address

EVERYONE, NOBODY, KNOWN = "everyone", "nobody", "known"
BUILT_IN = (EVERYONE, NOBODY, KNOWN)
# A night lies between: whoever was thrown out cannot come back at once under a name that may do as much.
KNOWN_AFTER_MS = 86_400_000


class Group:
    """The members of a group; names count with their case, as everywhere on the board.

    A member is a name, an address or a network. Raises ValueError for what begins as an address and is none.
    """

    def __init__(self, members: Iterable[str]) -> None:
        places = {one: ip_network(_unmapped(one)) for one in members if address_of(one.partition("/")[0])}
        self._names = frozenset(members).difference(places)
        self._networks = places

    def member(self, name: str, address: str) -> str:
        """Return the member that a user is: the name, the address or the network; nothing for others."""
        if name in self._names:
            return name
        known = address_of(address) if self._networks else None
        return next((text for text, network in self._networks.items() if known in network), "") if known else ""


def check_name(name: str) -> str:
    """Return the name of a group. Raises ValueError for what is none."""
    if not isinstance(name, str) or not WORD.fullmatch(name) or name.startswith("/"):
        raise ValueError(f"{str(name)[:60]!r} is no group: use small letters, digits, - and _, as in teachers")
    return name


def address_of(text: str) -> Address | None:
    """Return the address that a text is, v4-mapped ones as v4; None for any other text."""
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _unmapped(member: str) -> str:
    address, slash, bits = member.partition("/")
    known = address_of(address)
    mapped = ":" in address and isinstance(known, IPv4Address)
    return f"{known}{slash}{int(bits) - 96 if mapped and bits.isdigit() else bits}"
