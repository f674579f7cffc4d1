"""What the server sends: headers count bytes, and nothing longer than a header can say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbs_core.errors import ProtocolError
from bbs_core.protocol import LONGEST, encode, encode_count, encode_request, encode_rows


def read_frames(stream: bytes) -> list[str]:
    """Read as the stock helper does: the header counts bytes."""
    frames = []
    while stream:
        end = 4 + int(stream[:4])
        frames.append(stream[4:end].decode())
        stream = stream[end:]
    return frames


@given(st.lists(st.text(max_size=20), max_size=5))
def test_an_answer_is_its_count_and_its_rows(rows: list[str]) -> None:
    assert read_frames(encode_rows(rows)) == [str(len(rows)), *rows]


def test_headers_to_a_client_count_bytes() -> None:
    assert encode("café") == b"0005caf\xc3\xa9"
    assert encode("") == b"0000"
    assert encode_count(12) == b"000212"


def test_headers_from_a_client_count_characters() -> None:
    assert encode_request("café") == b"0004caf\xc3\xa9"


def test_a_row_of_9999_bytes_is_the_longest() -> None:
    assert encode("é" * 4999 + "a") == b"9999" + "é".encode() * 4999 + b"a"
    with pytest.raises(ProtocolError):
        encode("é" * 5000)


def test_a_request_of_9999_characters_is_the_longest() -> None:
    assert encode_request("é" * LONGEST).startswith(b"9999")
    with pytest.raises(ProtocolError):
        encode_request("a" * (LONGEST + 1))
