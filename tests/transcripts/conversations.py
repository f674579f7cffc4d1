"""Conversations as hypothesis makes them: frames at random, most of them words of the protocol or nearly so."""

from __future__ import annotations

from hypothesis import strategies as st

WORDS = ("list", "listdm", "listdms", "dm")
NEARLY = ("List", "list ", " list", "listdmss", "DM", "dm\n", "quit\r\n", "Quit", "post", "0", "0004list", "")
SLASHED = ("/help", "/who", "//help", "//who", "/help me", "/who\tis", "/Help", " /who", "/helps", "///help", "/", "//")
ODD = (
    *("café", "日本語", "😀", "👩‍👩‍👧", "مرحبا", "नमस्ते", "e\u0301", "\ufeff", "\ufffd", "\U0010ffff", "ß", "ẞ"),
    *("\0", "a\0b", "\u2400", "\t", "\n", "\r", "\x1b[2J", "\x7f", "\x85", "\x9b"),
    *("\u200d", "\u2028", "\u202e", "\u2066", "' OR 1=1 --", "{ip} {text}", "%s", "\\", '"', "* notice"),
    *("127.0.0.1 forged", "// TODO", "/usr/bin", "/shrug"),
)
NAMES = (
    *("ann", "bob", "", " ", "Ann", "ann ", "quit", "list", "/who", "a\0", "a\u2400", "日本", "\x1b[m", "e\u0301", "é"),
)

texts = st.sampled_from(NEARLY + ODD + NAMES) | st.text(max_size=12)
names = st.sampled_from(NAMES) | st.text(max_size=8)
frames = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(WORDS),
    texts,
    texts,
    names,
    st.sampled_from(SLASHED),
    st.sampled_from(("list", "listdms", "quit")),
)
people = st.lists(names, min_size=4, max_size=4)
turns = st.lists(st.tuples(st.integers(0, 3), st.lists(frames, max_size=6)), max_size=10)

_unit = st.sampled_from(("a", "0", "é", "日", "😀", "\x1b", "\u202e", "a\u0301", "ab日"))
# Long as a stock client sends them, 9,999 characters at the most; every other one is at a limit of a frame.
_lengths = st.sampled_from((999, 1000, 2499, 2500, 3332, 3333, 3334, 4999, 5000, 9989, 9990, 9998, 9999))
long_texts = st.builds(
    lambda unit, length, end: (unit * length)[: length - len(end)] + end,
    _unit,
    _lengths | st.integers(900, 9999),
    st.text(max_size=3),
)
long_turns = st.lists(
    st.tuples(st.integers(0, 3), st.lists(long_texts | frames | st.sampled_from(WORDS), max_size=4)), max_size=6
)
long_people = st.lists(names | long_texts, min_size=4, max_size=4)
