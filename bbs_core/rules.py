"""What users may do at the moment: bans, mutes and the board's mode, held in memory for the sessions."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple, TypeVar

from bbs_core.clock import now_ms
from bbs_core.settings import BoardSettings

Network = IPv4Network | IPv6Network
BAN, MUTE = "ban", "mute"
USER = "user"
# Of a name that was erased: the digest of it is what is known.
ERASED = "erased"
RESERVED = "The name {name} belongs to the board itself: please come again under another one."
# What a user is told who may not write, by the board's mode.
CLOSED = {
    "read_only": "the board can only be read at the moment.",
    "staff_only": "only the staff writes on the board at the moment.",
}
Key = TypeVar("Key")


def name_digest(name: str) -> str:
    """Return what a ban knows of a name that was erased."""
    return hashlib.sha256(name.encode()).hexdigest()


class Ruling(NamedTuple):
    """A ban or a mute in force."""

    id: int
    measure: str
    kind: str
    value: str
    reason: str
    expires_at_ms: int | None

    def holds(self) -> bool:
        """Whether it has not expired."""
        return self.expires_at_ms is None or self.expires_at_ms > now_ms()

    def sentence(self) -> str:
        """Say it to the user whom it concerns."""
        if not self.id:
            return self.reason
        what = "You are banned" if self.measure == BAN else "You may read, and not write"
        until = f" until {_minute(self.expires_at_ms)}" if self.expires_at_ms else ""
        return f"{what}{until}: {self.reason}"


class Rules:
    """The rules in force; read and changed in the loop's thread alone. `version` grows with each change."""

    def __init__(self, settings: BoardSettings) -> None:
        self.version = 0
        self._rulings: dict[int, Ruling] = {}
        self._names: dict[str, set[int]] = {}
        self._digests: dict[str, set[int]] = {}
        self._by_value = {USER: self._names, ERASED: self._digests}
        self._networks: dict[Network, set[int]] = {}
        self._prefixes: Counter[tuple[int, int]] = Counter()
        self.set_mode(settings)

    def set_mode(self, settings: BoardSettings) -> None:
        """Take over the board's mode and the name that belongs to the staff."""
        self.version += 1
        self._mode, self._mode_ends_at_ms = settings.mode, settings.mode_ends_at_ms
        self.operator_name = settings.operator_name

    def replace(self, ids: Iterable[int], rulings: Iterable[Ruling]) -> None:
        """Forget the rulings of these ids, and take over those that are in force."""
        self.version += 1
        for ruling_id in ids:
            self._drop(ruling_id)
        for ruling in rulings:
            self._add(ruling)

    @property
    def mode(self) -> str:
        """The board's mode; one with an end is over by itself."""
        ends = self._mode_ends_at_ms
        return self._mode if not ends or ends > now_ms() else "open"

    def ban(self, name: str, address: str) -> Ruling | None:
        """Return the ban that concerns a user, the longest one where there are several."""
        if name == self.operator_name:
            return Ruling(0, BAN, USER, name, RESERVED.format(name=name), None)
        return self._longest(BAN, self._of_name(name) | self._of_address(address))

    def mute(self, name: str, address: str) -> Ruling | None:
        """Return the mute that concerns a user, as `ban` does."""
        return self._longest(MUTE, self._of_name(name) | self._of_address(address))

    def writing_refused(self, kind: str, mute: Ruling | None) -> str:
        """Return why a "post" or "message" of a user is not kept who has this mute, or none; nothing where it is."""
        if mute is not None and mute.holds():
            return f"Your {kind} was not kept. {mute.sentence()}"
        mode = self.mode
        return f"Your {kind} was not kept: {CLOSED[mode]}" if mode in CLOSED else ""

    def address_ban(self, address: str) -> Ruling | None:
        """Return the ban of an address, whoever comes from it."""
        return self._longest(BAN, self._of_address(address))

    def _longest(self, measure: str, ids: Iterable[int]) -> Ruling | None:
        found = [self._rulings[ruling_id] for ruling_id in ids]
        holding = [ruling for ruling in found if ruling.measure == measure and ruling.holds()]
        return max(holding, key=lambda ruling: ruling.expires_at_ms or 1 << 62, default=None)

    def _of_name(self, name: str) -> set[int]:
        found = self._names.get(name, set())
        return found | self._digests.get(name_digest(name), set()) if self._digests else found

    def _of_address(self, address: str) -> set[int]:
        if not self._prefixes:
            return set()
        try:
            known = ip_address(address.partition("%")[0])
        except ValueError:
            return set()
        ids: set[int] = set()
        for version, length in self._prefixes:
            if version == known.version:
                ids |= self._networks.get(ip_network((known, length), strict=False), set())
        return ids

    def _add(self, ruling: Ruling) -> None:
        self._drop(ruling.id)
        self._rulings[ruling.id] = ruling
        if ruling.kind in self._by_value:
            self._by_value[ruling.kind].setdefault(ruling.value, set()).add(ruling.id)
        else:
            network = ip_network(ruling.value)
            self._networks.setdefault(network, set()).add(ruling.id)
            self._prefixes[network.version, network.prefixlen] += 1

    def _drop(self, ruling_id: int) -> None:
        ruling = self._rulings.pop(ruling_id, None)
        if ruling is None:
            return
        if ruling.kind in self._by_value:
            _discard(self._by_value[ruling.kind], ruling.value, ruling_id)
            return
        network = ip_network(ruling.value)
        _discard(self._networks, network, ruling_id)
        self._prefixes[network.version, network.prefixlen] -= 1
        self._prefixes += Counter()  # those of which none is left


def _discard(index: dict[Key, set[int]], key: Key, ruling_id: int) -> None:
    index[key].discard(ruling_id)
    if not index[key]:
        del index[key]


def _minute(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at_ms / 1000))
