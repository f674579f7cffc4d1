"""What posts are judged by."""

from __future__ import annotations

import re
import unicodedata
from collections import OrderedDict, deque
from typing import Annotated, Any, Literal, NamedTuple, Self, get_args

import re2
from pydantic import AfterValidator, BaseModel, Field, PrivateAttr, model_validator

# Whose posts are remembered, and how many of each: all who post at the same time on a large board.
NAMES, POSTS, FINDS, SHOWN = 2_000, 100, 100, 80
NO_WORD, NO_HOST, END = r"(?:^|$|[^\pL\pN_])", r"(?:^|[^\pL\pN-])", r"\.*(?:$|[^\pL\pN.-])"
# Signs that are not shown: Unicode says that they may be ignored.
UNSEEN = re.compile(
    "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)


class Find(NamedTuple):
    """What a rule has found in a post, and what is done about it."""

    at_ms: int
    username: str
    rule: str
    deed: str
    text: str


def _plain(text: str) -> str:
    """Return a text without what makes the same word look new: case, wide or styled letters, signs of no width."""
    return unicodedata.normalize("NFKC", UNSEEN.sub("", text)).casefold()


def _said(word: str) -> str:
    if not _plain(word).strip("* "):
        raise ValueError("it needs more than spaces and stars, or every post would be found")
    return word.strip()


# From the mildest to the strictest.
Deed = Literal["log", "hold", "refuse", "mute"]
DEEDS = (
    "log: it stands on the page Automod. hold: the post waits for its review. refuse: its author is told. "
    "mute: its author is told, and may write nothing for a while."
)
Words = Annotated[list[Annotated[str, Field(max_length=200), AfterValidator(_said)]], Field(max_length=1000)]
Pattern = Annotated[str, Field(max_length=200), AfterValidator(lambda text: compiled(text).pattern)]


def compiled(text: str) -> Any:
    """Return an RE2 pattern. Raises ValueError."""
    try:
        return re2.compile(text)
    except re2.error as error:
        why = error.args[0] if error.args else b""
        raise ValueError(
            f"this is no RE2 pattern ({why.decode(errors='replace') if isinstance(why, bytes) else why})"
        ) from None


class Rules(BaseModel):
    """What is not wanted, and what is done about it: log it, hold it for review, refuse it, or mute its author too."""

    words: Words = Field([], title="Unwanted words", description="Whole and in any case; spam* is all that begins so.")
    words_do: Deed = Field("hold", title="When such a word is found", description=DEEDS)
    patterns: list[Pattern] = Field(
        [], max_length=100, title="Unwanted patterns", description="RE2 patterns, found anywhere; (?i) is any case."
    )
    patterns_do: Deed = Field("hold", title="When such a pattern is found")
    domains: Words = Field(
        [], title="Unwanted domains", description="Domains of links; example.com is www.example.com too."
    )
    domains_do: Deed = Field("hold", title="When such a link is found")
    repeats: int = Field(
        0, ge=0, lt=POSTS, description="How often a user may post the same within the window; 0 is without limit."
    )
    repeats_do: Deed = Field("refuse", title="When there are more repeats")
    flood: int = Field(
        0, ge=0, lt=POSTS, description="How many posts a user may write within the window; 0 is without limit."
    )
    flood_do: Deed = Field("mute", title="When there are more posts")
    window_s: int = Field(
        60, ge=1, le=86_400, title="Window", description="Seconds over which a user's posts are counted."
    )
    mute_minutes: int = Field(10, ge=1, le=10_080, title="Length of a mute", description="In minutes.")
    _patterns: list[tuple[str, str, Any]] = PrivateAttr(default_factory=list)
    _posts: OrderedDict[str, deque[tuple[int, int]]] = PrivateAttr(default_factory=OrderedDict)
    _finds: deque[Find] = PrivateAttr(default_factory=lambda: deque(maxlen=FINDS))

    @model_validator(mode="after")
    def _compile(self) -> Self:
        words = [r"\s+".join(map(re2.escape, _plain(word.rstrip("*")).split())) for word in self.words]
        words = [said + r"[\pL\pN_]*" * word.endswith("*") for said, word in zip(words, self.words, strict=True)]
        domains = [re2.escape(_plain(domain).removeprefix("*.")).replace(r"\.", "[.\u3002]") for domain in self.domains]
        found = [("unwanted pattern", self.patterns_do, pattern) for pattern in self.patterns]
        found += [("unwanted word", self.words_do, f"{NO_WORD}(?:{'|'.join(words)}){NO_WORD}")] if words else []
        found += [("unwanted link", self.domains_do, f"{NO_HOST}(?:{'|'.join(domains)}){END}")] if domains else []
        self._patterns = [(rule, deed, compiled(pattern)) for rule, deed, pattern in found]
        return self

    @property
    def are_none(self) -> bool:
        """Whether nothing is looked for."""
        return not (self._patterns or self.repeats or self.flood)

    @property
    def finds(self) -> list[Find]:
        """The latest finds since these rules are in force, the newest first."""
        return [*reversed(self._finds)]

    def judge(self, username: str, text: str, at_ms: int) -> Find | None:
        """Take the next post, and return the strictest find in it, None where it is fine."""
        plain = _plain(text)
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
