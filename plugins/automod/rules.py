"""What posts are judged by."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Annotated, Any, Literal, NamedTuple, Self, get_args

from pydantic import BaseModel, Field, PrivateAttr, model_validator

from bbs_core import plugin as bbs

# Whose posts are remembered, and how many of each: all who post at the same time on a large board.
NAMES, POSTS, FINDS, SHOWN = 2_000, 100, 100, 80
# From the mildest to the strictest.
Deed = Literal["log", "hold", "refuse", "mute"]
DEEDS = "log: the page Automod shows it. hold: it waits for review. refuse: its author is told. mute: for a while, too."
Words = Annotated[list[bbs.Word], Field(max_length=1000)]


class Find(NamedTuple):
    """What a rule has found in a post, and what is done about it."""

    at_ms: int
    username: str
    rule: str
    deed: str
    text: str


class Rules(BaseModel):
    """What is not wanted, and what is done about it: log it, hold it for review, refuse it, or mute its author too."""

    words: Words = Field([], title="Unwanted words", description="Whole and in any case; spam* is all that begins so.")
    words_do: Deed = Field("hold", title="When such a word is found", description=DEEDS)
    patterns: list[bbs.Pattern] = Field([], max_length=100, title="Unwanted patterns", description="As RE2 has them.")
    patterns_do: Deed = Field("hold", title="When such a pattern is found")
    domains: Words = Field([], title="Unwanted domains", description="example.com is www.example.com too.")
    domains_do: Deed = Field("hold", title="When such a link is found")
    repeats: int = Field(0, ge=0, lt=POSTS, description="How often the same within the window; 0 is without limit.")
    repeats_do: Deed = Field("refuse", title="When there are more repeats")
    flood: int = Field(0, ge=0, lt=POSTS, description="Posts of a user within the window; 0 is without limit.")
    flood_do: Deed = Field("mute", title="When there are more posts")
    window_s: int = Field(60, ge=1, le=86_400, title="Window", description="Seconds over which posts are counted.")
    mute_minutes: int = Field(10, ge=1, le=10_080, title="Length of a mute", description="In minutes.")
    _patterns: list[tuple[str, str, Any]] = PrivateAttr(default_factory=list)
    _posts: OrderedDict[str, deque[tuple[int, int]]] = PrivateAttr(default_factory=OrderedDict)
    _finds: deque[Find] = PrivateAttr(default_factory=lambda: deque(maxlen=FINDS))

    @model_validator(mode="after")
    def _compile(self) -> Self:
        found = [("unwanted pattern", self.patterns_do, pattern) for pattern in self.patterns]
        found += [("unwanted word", self.words_do, bbs.words_pattern(self.words))] if self.words else []
        found += [("unwanted link", self.domains_do, bbs.domains_pattern(self.domains))] if self.domains else []
        self._patterns = [(rule, deed, bbs.compiled(pattern)) for rule, deed, pattern in found]
        return self

    @property
    def finds(self) -> list[Find]:
        """The latest finds since these rules are in force, the newest first."""
        return [*reversed(self._finds)]

    def judge(self, username: str, text: str, at_ms: int) -> Find | None:
        """Take the next post, and return the strictest find in it, None where it is fine."""
        plain = bbs.plain(text)
        count, same = self._count(username, hash(plain), at_ms)
        found = [(rule, deed) for rule, deed, pattern in self._patterns if any(map(pattern.search, (text, plain)))]
        found += [("repetition", self.repeats_do)] if 0 < self.repeats < same else []
        found += [("flood", self.flood_do)] if 0 < self.flood < count else []
        if not found:
            return None
        self._finds.append(Find(at_ms, username, *max(found, key=lambda one: get_args(Deed).index(one[1])), text))
        return self._finds[-1]

    def forget(self, username: str) -> bool:
        """Forget a user; returns whether there was something."""
        known = self._posts.pop(username, None), [find for find in self._finds if find.username == username]
        for find in known[1]:
            self._finds.remove(find)
        return any(known)

    def _count(self, username: str, text: int, at_ms: int) -> tuple[int, int]:
        """Return how many posts this is within the window, and how many of them say the same."""
        posts = self._posts.setdefault(username, deque(maxlen=POSTS))
        self._posts.move_to_end(username)
        if len(self._posts) > NAMES:
            self._posts.popitem(last=False)
        while posts and posts[0][0] <= at_ms - self.window_s * 1000:
            posts.popleft()
        posts.append((at_ms, text))
        return len(posts), sum(known == text for _, known in posts)
