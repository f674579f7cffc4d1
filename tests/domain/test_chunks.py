"""Chunks and their cache: frames stay whole, and memory stays within its budget."""

from __future__ import annotations

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from bbs_core.chunks import Cache, Chunk, chunk_of
from bbs_core.rows import frames
from bbs_core.rows import texts as texts_of

rows = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=20)
BUDGET_BYTES = 5000


def frames_of(texts: list[str]) -> list[bytes]:
    return [frame for text in texts for frame in frames(text)]


def shown(chunk: Chunk) -> list[str]:
    return list(texts_of(chunk.slice(0, len(chunk))))


def chunk_with(texts: list[str]) -> Chunk:
    chunk = Chunk()
    for row_id, text in enumerate(texts, start=1):
        chunk.add(row_id, frames(text))
    return chunk


@given(rows, st.data())
def test_a_run_that_fits_is_the_longest_of_whole_frames(texts: list[str], data: st.DataObject) -> None:
    chunk, single = chunk_with(texts), frames_of(texts)
    first = data.draw(st.integers(0, len(single)))
    last = data.draw(st.integers(first, len(single)))
    limit_bytes = data.draw(st.integers(-20, sum(map(len, single)) + 5))
    end = chunk.fit(first, last, limit_bytes)
    assert first <= end <= last
    assert chunk.slice(first, end) == b"".join(single[first:end])
    if end > first:
        assert sum(map(len, single[first:end])) <= limit_bytes
    if end < last:
        assert sum(map(len, single[first : end + 1])) > limit_bytes


@given(rows)
def test_texts_come_out_as_they_went_in(texts: list[str]) -> None:
    chunk = chunk_with(texts)
    assert shown(chunk) == texts
    assert shown(chunk_of(texts)) == texts
    assert list(chunk.ids) == list(range(1, len(texts) + 1))


def test_a_long_row_is_several_frames_of_one_id() -> None:
    chunk = chunk_with(["a", "é" * 9999, "b"])
    assert list(chunk.ids) == [1, 2, 2, 2, 3]
    assert "".join(shown(chunk)[1:4]) == "é" * 9999


@given(st.sets(st.integers(1, 30)), st.integers(0, 30), st.integers(0, 30))
def test_only_later_rows_are_taken_over(ids: set[int], seen: int, end: int) -> None:
    fresh, old = Chunk(), Chunk()
    for row_id in sorted(ids):
        if row_id <= seen:
            fresh.add(row_id, frames(f"fresh {row_id}"))
        if row_id <= end:
            old.add(row_id, frames(f"old {row_id}"))
    fresh.last_id, old.last_id = seen, end  # rows that are not shown count as seen
    fresh.extend_after(old)
    wanted = [f"fresh {n}" for n in sorted(ids) if n <= seen] + [f"old {n}" for n in sorted(ids) if seen < n <= end]
    assert shown(fresh) == wanted
    assert fresh.last_id == max(seen, end)


operations = st.lists(
    st.tuples(st.sampled_from(["put", "get", "drop"]), st.integers(0, 5), st.integers(0, 3000)), max_size=60
)


@given(operations)
def test_the_cache_drops_what_was_unread_longest_and_holds_its_budget(steps: list[tuple[str, int, int]]) -> None:
    cache, held, left = Cache(BUDGET_BYTES), OrderedDict[int, Chunk](), list[int]()
    expected: list[int] = []
    for verb, index, length in steps:
        if verb == "put":
            chunk = chunk_of(["x" * length])
            cache.put("owner", index, chunk, lambda index=index: left.append(index))  # type: ignore[misc]
            held.pop(index, None)
            held[index] = chunk
            while len(held) > 1 and sum(kept.size_bytes for kept in held.values()) > BUDGET_BYTES:
                expected.append(held.popitem(last=False)[0])
        elif verb == "drop":
            cache.drop("owner", index)
            held.pop(index, None)
        else:
            assert cache.get("owner", index) is held.get(index)
            if index in held:
                held.move_to_end(index)
        assert left == expected
        assert cache.size_bytes == sum(kept.size_bytes for kept in held.values())
        assert cache.size_bytes <= BUDGET_BYTES or len(held) == 1


def test_a_chunk_that_grew_is_weighed_anew() -> None:
    cache, chunk = Cache(BUDGET_BYTES), chunk_of(["a"])
    cache.put("owner", 0, chunk)
    chunk.add(1, frames("x" * 900))
    cache.put("owner", 0, chunk)
    assert cache.size_bytes == chunk.size_bytes


def test_the_chunks_of_one_owner_are_not_anothers() -> None:
    cache, chunk = Cache(BUDGET_BYTES), chunk_of(["a"])
    cache.put("ann", 0, chunk)
    assert cache.get("bob", 0) is None
    cache.drop("bob", 0)
    assert cache.get("ann", 0) is chunk
