"""Who may use a command and how often: one list of rules, which asking and explaining go through alike."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import NamedTuple

from bbs_core.clock import now_ms
from bbs_core.groups import EVERYONE, KNOWN, KNOWN_AFTER_MS, NOBODY, Group
from bbs_core.host import PluginSet
from bbs_core.platform.buckets import BUCKETS, Buckets
from bbs_core.platform.permit import Permit
from bbs_core.public.rates import spoken
from bbs_core.rules import Rules
from bbs_core.words import STOCK_WORDS

PASSES, REFUSES, SILENT = "passes", "refuses", "silent"
# What stock words write is asked before they are called; what other commands write, when they do.
WRITERS = {"bbs_command_post": "post", "bbs_command_dm": "message"}
# Of whom nothing is told but that the group is empty.
EMPTY = "nobody has said who that is: name them in plugins.groups"


class Case(NamedTuple):
    """Someone who would use a command."""

    permit: Permit
    hook: str
    name: str
    address: str


class Finding(NamedTuple):
    """What a rule finds: its verdict, what the user is told where it refuses, and what is for staff alone."""

    verdict: str
    says: str
    note: str = ""


class Permits:
    """The permits in force on one server; asked in the loop's thread."""

    def __init__(self, rules: Rules, first_visit: Callable[[str], Awaitable[int | None]]) -> None:
        self._standing = rules
        self._first_visit = first_visit
        self._buckets = Buckets()
        # Of those who were looked for and have come before; as many as there are buckets, for the same reason.
        self._first_visits: OrderedDict[int, int] = OrderedDict()
        self.rules: Mapping[str, Callable[[Case], Finding]] = {
            "plugin": self._plugin,
            "ban": self._ban,
            "writing": self._writing,
            "access": self._access,
            "may": self._may,
            "rate": self._rate,
        }

    def change(self, plugins: PluginSet) -> None:
        """Go by the permits and groups of these plugins from now on; what was used so far stays counted."""
        self._plugins = plugins
        permits = plugins.permits
        self._groups = {name: Group(members) for name, members in plugins.settings.groups.items()}
        self._by_age = any(one.group == KNOWN for one in permits.values())
        bound = {hook for hook, one in permits.items() if one.group != EVERYONE or one.bound}
        # Any command of a plugin may ask what its user may use, as /help does, and then it has to be known.
        added = {hook for hook, one in permits.items() if one.word not in STOCK_WORDS} if self._by_age else set()
        self.asked = frozenset(bound | added)

    def admits(self, hook: str, name: str, address: str) -> bool:
        """Whether a user is in the group of a command."""
        permit = self._plugins.permits[hook]
        return permit.group == EVERYONE or self._member(Case(permit, hook, name, address)).verdict == PASSES

    async def refusal(self, hook: str, name: str, address: str) -> str:
        """Count a use of a command, or return why there is none. Raises StoreUnavailable."""
        await self._learn(name)
        case = Case(self._plugins.permits[hook], hook, name, address)
        for _, found in self.findings(case):
            if found.verdict == REFUSES:
                return found.says
        if case.permit.bound:
            self._buckets.take(_key(case), case.permit.bound)
        return ""

    async def explain(self, case: Case) -> list[tuple[str, Finding]]:
        """Return what the rules would find at this moment, and count nothing. Raises StoreUnavailable."""
        await self._learn(case.name)
        return list(self.findings(case))

    def findings(self, case: Case) -> Iterator[tuple[str, Finding]]:
        """Yield what each rule finds, in their order, to the end or the first that refuses."""
        for name, rule in self.rules.items():
            found = rule(case)
            yield name, found
            if found.verdict == REFUSES:
                return

    async def _learn(self, name: str) -> None:
        """Have it known when a user came first, where it matters."""
        if not self._by_age or hash(name) in self._first_visits:
            return
        at_ms = await self._first_visit(name)
        if at_ms is not None:
            self._first_visits[hash(name)] = at_ms
            if len(self._first_visits) > BUCKETS:
                self._first_visits.popitem(last=False)

    def _plugin(self, case: Case) -> Finding:
        if self._plugins.works(case.hook):
            return Finding(PASSES, f"It is a command of {case.permit.plugin}, which is at work.")
        return Finding(REFUSES, f"{case.permit.word} is switched off.", self._plugins.problem(case.permit.plugin))

    def _ban(self, case: Case) -> Finding:
        ban = self._standing.ban(case.name, case.address)
        return Finding(REFUSES, ban.sentence()) if ban else Finding(PASSES, "No ban concerns this user.")

    def _writing(self, case: Case) -> Finding:
        kind, mute = WRITERS.get(case.hook, ""), self._standing.mute(case.name, case.address)
        why = self._standing.writing_refused(kind or "post", mute)
        if why and kind:
            return Finding(REFUSES, why)
        if why:
            return Finding(SILENT, "It may be used, and what it would post is refused.", why)
        return Finding(PASSES, "No mute and no mode of the board keeps this user from writing.")

    def _access(self, case: Case) -> Finding:
        if case.permit.access is None:
            return Finding(SILENT, f"The admin has said nothing of {case.permit.word} in plugins.access.")
        return self._member(case)

    def _may(self, case: Case) -> Finding:
        if case.permit.access is not None:
            return Finding(SILENT, f"Its plugin is for {case.permit.may}, and the admin has the last word.")
        return self._member(case)

    def _member(self, case: Case) -> Finding:
        """The rule of a group, whoever has named it."""
        name = case.permit.group
        if name == EVERYONE:
            return Finding(PASSES, f"{case.permit.word} is for everyone.")
        if name == KNOWN:
            return self._known(case)
        group = self._groups.get(name)
        member = group.member(case.name, case.address) if group else ""
        if member:
            return Finding(PASSES, f"In {name} is {member}.")
        note = "" if group or name == NOBODY else f"The group {name} is empty: {EMPTY}."
        return _refused(case, f"{case.permit.word} is for {name}.", note)

    def _known(self, case: Case) -> Finding:
        first_ms = self._first_visits.get(hash(case.name))
        if first_ms is not None and now_ms() - first_ms >= KNOWN_AFTER_MS:
            return Finding(PASSES, "This user came first a day ago or earlier.")
        return _refused(case, f"{case.permit.word} is for those who came first a day ago or earlier.")

    def _rate(self, case: Case) -> Finding:
        rate = case.permit.bound
        if rate is None:
            return Finding(SILENT, "It has no limit.")
        wait_ms = self._buckets.wait_ms(_key(case), rate)
        if wait_ms:
            again = spoken(-(-wait_ms // 1000))
            return _refused(case, f"You may use {case.permit.word} {rate}: again in {again}.")
        left = self._buckets.left(_key(case), rate)
        return Finding(PASSES, f"It may be used {rate}; {left} of {rate.times} are left.")


def _refused(case: Case, says: str, note: str = "") -> Finding:
    kind = WRITERS.get(case.hook)
    return Finding(REFUSES, f"Your {kind} was not kept. {says}" if kind else says, note)


def _key(case: Case) -> int:
    # Names may be ten thousand characters long, and Python's hash is keyed anew in each process.
    return hash((case.hook, case.name))
