"""Notices wait for a list that may never be asked for, so they are bounded; what did not fit is said."""

from __future__ import annotations

import sys
import threading

from hypothesis import given
from hypothesis import strategies as st

from bbs_core.notices import NOTICE_BYTES, NOTICE_CHARACTERS, NOTICE_LIMIT, Notices

WIDE = "\U0001f600"


@given(st.lists(st.tuples(st.sampled_from(["a", "é", WIDE]), st.integers(0, 40_000)), max_size=30))
def test_the_newest_stay_within_the_bytes(kinds: list[tuple[str, int]]) -> None:
    notices = Notices()
    for number, (character, length) in enumerate(kinds):
        notices.add(f"{number} {character * length}")
    taken = notices.take()
    assert sum(map(sys.getsizeof, taken)) <= NOTICE_BYTES + 100
    assert all(len(text) <= NOTICE_CHARACTERS for text in taken)
    dropped = len(kinds) - len(taken)
    if dropped >= 0 and kinds and not taken[0].startswith("0 "):
        dropped += 1
        assert taken.pop(0) == f"({dropped} earlier notices were dropped.)"
    numbers = [str(number) for number in range(len(kinds))]
    assert [text.split()[0] for text in taken] == numbers[len(kinds) - len(taken) :]


def test_a_short_one_counts_too() -> None:
    notices = Notices()
    for number in range(10 * NOTICE_LIMIT):
        notices.add(str(number % 10))
    assert notices.take() == [
        f"({9 * NOTICE_LIMIT} earlier notices were dropped.)",
        *[str(number % 10) for number in range(NOTICE_LIMIT)],
    ]
    assert notices.take() == []


def test_what_many_threads_add_is_all_there() -> None:
    notices, each = Notices(), NOTICE_LIMIT // 4

    def add(thread: int) -> None:
        for number in range(each):
            notices.add(f"{thread} {number}")

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(notices.take()) == sorted(f"{thread} {number}" for thread in range(4) for number in range(each))
