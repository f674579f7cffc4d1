"""What is kept of users: every name as it was given, and counts that agree with what was done, however it was cut."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bbs_core.store import appends
from bbs_core.store.items import Item, NewMessage, NewPost, Visit
from bbs_core.store.models import Message, Post, User, UserAddress, address_key
from tests.store.kit import Store, message, post, visit

LONGEST = 9999
one_database = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# Surrogates are no UTF-8, and NUL is replaced before the store.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)

ANY_SCRIPT = "".join(
    chr(code)
    for code in random.Random(10333).choices([c for c in range(1, 0x11_0000) if not 0xD800 <= c < 0xE000], k=LONGEST)
)
NAMES = [
    "", " ", "  ", "ann", "Ann", "ANN", "ann ", " ann", "ann\n", "café", "cafe\u0301", "日本語", "😀", "ﬁ", "fi",
    "null", "NULL", "\\N", "\\.", "'; DROP TABLE users; --", "%s", ":rows", "a" * LONGEST, "a" * (LONGEST - 1) + "b",
    "😀" * LONGEST, ANY_SCRIPT, ANY_SCRIPT[:-1],
]  # fmt: skip


@dataclass
class Model:
    """Users and their addresses, counted one row at a time."""

    users: dict[str, list[int | None]] = field(default_factory=dict)
    addresses: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def take(self, item: Item) -> None:
        assert isinstance(item, Visit | NewPost | NewMessage)
        user = self._user(item.name)
        if isinstance(item, NewPost):
            user[3] = (user[3] or 0) + 1
        elif isinstance(item, NewMessage):
            user[4] = (user[4] or 0) + 1
            self._user(item.recipient)
        else:
            user[:3] = [item.at_ms if user[0] is None else user[0], item.at_ms, (user[2] or 0) + 1]
            seen = self.addresses.setdefault((item.name, item.address), [item.at_ms, 0, 0])
            seen[1:] = [item.at_ms, seen[2] + 1]

    def _user(self, name: str) -> list[int | None]:
        return self.users.setdefault(name, [None, None, 0, 0, 0])


def addresses(store: Store) -> dict[tuple[str, str], list[int]]:
    query = sa.select(User.name, UserAddress.__table__).join(User, User.id == UserAddress.user_id)
    found = {}
    for name, _, address, key, *rest in store.read(query):
        assert key == address_key(address)
        found[name, address] = list(rest)
    return found


def items(prefix: str, clock: Callable[[], int], kinds: Sequence[tuple[int, str, str]]) -> list[Item]:
    """Return a visit, post or message for each (kind, name, other), at times that only grow."""
    made: list[Item] = []
    for kind, name, other in kinds:
        if kind == 0:
            made.append(visit(prefix + name, other, clock()))
        elif kind == 1:
            made.append(post("x", prefix + name, other, clock()))
        else:
            made.append(message("x", prefix + other, prefix + name, clock()))
    return made


some_names = st.sampled_from(["ann", "Ann", "ann ", "", "bob"])
some_rows = st.lists(st.tuples(st.integers(0, 2), some_names, some_names), max_size=12)


def test_counts_agree_with_what_was_done(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appends, "KNOWN_NAMES", 2)  # so that names are forgotten and found again
    model, run, clock = Model(), count(), count(1)

    @one_database
    @given(st.lists(some_rows, max_size=4))
    def check(batches: list[list[tuple[int, str, str]]]) -> None:
        prefix = f"{next(run)} "
        for rows in batches:
            batch = items(prefix, clock.__next__, rows)
            for item in batch:
                model.take(item)
            store.commit(batch)
        assert store.users() == {name: tuple(counts) for name, counts in model.users.items()}
        assert addresses(store) == model.addresses

    check()
    assert store.decided.refused == []


def test_every_name_is_kept_as_it_was_given_and_only_once(store: Store) -> None:
    for _ in range(2):
        store.commit([visit(name) for name in NAMES])
        store.commit([message("x", to=name, name=name) for name in NAMES])
    assert store.users() == dict.fromkeys(NAMES, (1, 1, 2, 0, 2))


def test_a_name_that_was_only_written_to_has_not_visited(store: Store) -> None:
    store.commit([message("hello", to="bob", name="ann")])
    assert store.users() == {"ann": (None, None, 0, 0, 1), "bob": (None, None, 0, 0, 0)}
    store.commit([visit("bob", at_ms=7)])
    assert store.users()["bob"] == (7, 7, 1, 0, 0)


def test_texts_are_kept_as_they_were_sent(store: Store) -> None:
    @one_database
    @given(st.lists(texts, min_size=1, max_size=5))
    @example(["\\.", "\n\\.\n", "\\N", "", "\t", "\r\n", "\\", '"', "'"])
    @example([ANY_SCRIPT, "😀" * LONGEST])
    def check(sent: list[str]) -> None:
        posts, messages = [post(text) for text in sent], [message(text) for text in sent]
        store.commit([*posts, *messages])
        kept = sa.select(Post.text).where(Post.id.in_([post.id for post in posts])).order_by(Post.id)
        assert [text for (text,) in store.read(kept)] == sent
        kept = sa.select(Message.text).where(Message.id.in_([new.id for new in messages])).order_by(Message.id)
        assert [text for (text,) in store.read(kept)] == sent

    check()
