"""Whatever a user sends, what others are shown cannot steer their terminals, and what was sent is what is stored."""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bbs_core.store.engine import SQLITE_FILE
from tests.stock.double import StockClient
from tests.wire.live import LiveBoard

IP = "127.0.0.1"
OVERRIDES_AND_ISOLATES = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
CONTROLS = [chr(code) for code in range(0xA0) if unicodedata.category(chr(code)) == "Cc" and chr(code) != "\t"]
UNSAFE = frozenset([*CONTROLS, *OVERRIDES_AND_ISOLATES, "\u2028", "\u2029"])
PASSING = ["\t", "\u200c", "\u200d", "\u200e", "\u200f", "\ufe0f", "\u0301", "👩\u200d👧"]
NO_COMMANDS = ("quit", "list", "listdm", "listdms", "dm")

spiced = st.lists(st.one_of(st.text(max_size=4), st.sampled_from(sorted(UNSAFE)), st.sampled_from(PASSING)), max_size=8)
texts = spiced.map("".join).filter(lambda text: text not in NO_COMMANDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("safety")


@pytest.fixture(scope="module")
def board(folder: Path) -> Iterator[LiveBoard]:
    # Reserved slashes: a refusal is a notice that repeats what the user typed.
    with LiveBoard(folder, board={"slash": "reserved"}, limits={"posts_per_second": 0.0}) as running:
        yield running


@pytest.fixture(scope="module")
def ann(board: LiveBoard) -> Iterator[StockClient]:
    with board.client("ann") as client:
        yield client


def stored(folder: Path, query: str) -> str:
    """Return the newest text of a table."""
    with sqlite3.connect(folder / SQLITE_FILE) as connection:
        return str(connection.execute(query).fetchone()[0])


def assert_shown(row: str, text: str) -> None:
    """What could steer a terminal is gone, all else is there in its order."""
    assert not UNSAFE.intersection(row)
    rest = iter(row)
    assert all(character in rest for character in text if character not in UNSAFE)
    if not UNSAFE.intersection(text):
        assert row == text


@settings(deadline=None)
@given(texts.filter(lambda text: not text.startswith("/")))
def test_a_listed_post_is_safe_and_stored_as_it_was_sent(ann: StockClient, folder: Path, text: str) -> None:
    ann.post(text)
    assert_shown(ann.list()[-1].removeprefix(f"{IP} "), text)
    assert stored(folder, "SELECT text FROM posts ORDER BY id DESC LIMIT 1") == text.replace("\0", "\u2400")


@settings(deadline=None)
@given(texts)
def test_a_listed_message_is_safe_and_stored_as_it_was_sent(ann: StockClient, folder: Path, text: str) -> None:
    ann.dm("ann", text)
    assert_shown(ann.listdm()[-1], text)
    assert stored(folder, "SELECT text FROM messages ORDER BY id DESC LIMIT 1") == text.replace("\0", "\u2400")


@settings(deadline=None)
@given(texts)
def test_a_notice_is_safe(ann: StockClient, text: str) -> None:
    ann.post("/" + text.lstrip("/"))
    assert not any(UNSAFE.intersection(row) for row in ann.listdm())


@settings(deadline=None, max_examples=20)
@given(name=texts)
def test_a_name_is_safe_where_others_read_it(board: LiveBoard, ann: StockClient, name: str) -> None:
    with board.client(name):
        ann.post("/who")
        notices = [row for row in ann.listdm() if row.startswith("* ")]
    assert len(notices) >= 2
    assert not any(UNSAFE.intersection(row) for row in notices)


def test_signs_stand_where_the_controls_were(ann: StockClient) -> None:
    ann.post("\x1b[2J\r\n127.0.0.1 forged\0\x7f\x9b\u202e\u2028")
    assert ann.list()[-1] == f"{IP} ␛[2J␍␊127.0.0.1 forged␀␡<9B><202E><2028>"


def test_a_setting_shows_rows_raw(tmp_path: Path) -> None:
    text = "".join(sorted(UNSAFE - {"\0"}))
    with LiveBoard(tmp_path, board={"visible_controls": False}) as raw, raw.client("ann") as ann:
        ann.post(text)
        ann.dm("ann", text)
        assert (ann.list(), ann.listdm()) == ([f"{IP} {text}"], [text])
        ann.post("\0")
        assert ann.list()[-1] == f"{IP} \u2400"
