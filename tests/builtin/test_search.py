"""`/search`: posts by their words, as a stock user finds them, on both databases."""

from __future__ import annotations

import asyncio

import pytest

from bbs_core import moderation, search
from bbs_core.testing import Bbs
from tests.builtin.kit import post_id
from tests.domain.kit import new_post
from tests.effects.kit import act, change
from tests.stock.double import StockClient
from tests.wire.live import LiveBoard

HERE = "127.0.0.1 "
MORE = "… and more, all of them older: add a word."
NO_WORD = "A search needs a word, with a letter or a digit in it."
WRITTEN = {
    "Grüße aus Köln": ("köln", "grüße KÖLN", "kö*"),
    "привет, мир": ("мир", "Привет мир", "при*"),
    "मुझे हिन्दी आती है": ("हिन्दी", "हिन्दी है", "हिन्द*"),
    "שלום עולם": ("עולם",),
    "日本語です 你好世界": ("日本語です", "你好*", "日本*"),
    "한국어 배우기": ("한국어",),
    "see example.com/a?b=1 or 3.14 & foo-bar, don't": (
        "example.com/a?b=1",
        "3.14",
        "foo-bar",
        "foo-b* example.c*",
        "don't",
        "DON'T see",
    ),
    'say "quoted" NEAR(col:umn) ^x -minus OR AND NOT': ('"quoted"', "NEAR(col:umn)", "OR AND NOT", "-minus", "^x"),
    "☕ coffee 😀": ("☕ coffee 😀", "coffee!!!", "'coffee' & | :* ("),
}
HOSTILE = (
    *('"', "'", "\\", "a'b\"c\\d", "text:", "{text}: a", "a NEAR/2 b", "a OR", "NOT", "(", "))", "a:*", "!a"),
    *("%", "_", "__", "a* * b", "*", "x" * 9_000, "ab." * 3_000, "a\0b", "\u202e", "'; DROP TABLE posts; --"),
    *("a <-> b", "a&|!b"),
)


def found(client: StockClient, words: str) -> list[str]:
    """Type a search; returns what it answers, and what of the list is not."""
    client.post(f"/search {words}")
    return [row.removeprefix("* ") for row in client.listdm()]


def test_every_script_is_found_as_it_was_typed(board: LiveBoard) -> None:
    with board.client("ann") as ann:
        for text in WRITTEN:
            ann.post(text)
        for text, sought in WRITTEN.items():
            for words in sought:
                assert found(ann, words) == [HERE + text], words


def test_all_words_are_in_what_is_found_and_the_newest_comes_last(board: LiveBoard) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        for text in ("green tea", "black tea", "Tea, and a green cup"):
            ann.post(text)
        ann.list()
        assert found(bob, "green tea") == [HERE + "green tea", HERE + "Tea, and a green cup"]
        assert found(bob, "te") == ["No post has te."]
        assert found(bob, "te* bl*") == [HERE + "black tea"]
        assert found(bob, "coffin") == ["No post has coffin."]


def test_a_post_is_found_the_moment_it_was_sent(board: LiveBoard) -> None:
    with board.client("ann") as ann:
        for number in range(3):
            ann.post(f"just{number} now")
            assert found(ann, f"just{number}") == [f"{HERE}just{number} now"]


def test_nothing_is_found_that_no_list_shows(board: LiveBoard) -> None:
    with board.client("ann") as ann:
        ann.post("parsnip one")
        ann.post("parsnip two")
        ann.list()
        [one, two] = [post_id(board, text) for text in ("parsnip one", "parsnip two")]
        for do, shown in [
            (moderation.hide_post, ["parsnip two"]),
            (moderation.restore_post, ["parsnip one", "parsnip two"]),
            (moderation.hold_post, ["parsnip two"]),
            (moderation.approve_post, ["parsnip one", "parsnip two"]),
            (moderation.purge_post, ["parsnip two"]),
        ]:
            act(board, do, one, "a test")
            ann.list()
            assert found(ann, "parsnip") == [HERE + text for text in shown]
        act(board, moderation.clear_board, board.settings, "the lesson is over")
        assert found(ann, "parsnip") == ["No post has parsnip."]
        ann.post("parsnip three")
        assert found(ann, "parsnip") == [HERE + "parsnip three"]
        change(board, {"board.archived_through": None})
        assert found(ann, "parsnip") == [HERE + "parsnip two", HERE + "parsnip three"]
        assert two > one


def test_what_looks_like_a_query_is_words(board: LiveBoard) -> None:
    with board.client("ann") as ann:
        for words in HOSTILE:
            rows = found(ann, words)
            assert rows == [NO_WORD] or rows[0].startswith(("No post has ", HERE)), (words, rows)
        ann.post("still here, zebra")
        assert found(ann, "zebra") == [HERE + "still here, zebra"]


def test_many_hits_are_a_bounded_answer_that_says_so(board: LiveBoard) -> None:
    with board.client("ann") as ann:
        for number in range(21):
            ann.post(f"melon {number} " + "日" * 9_000 * (number % 2))
        rows = found(ann, "melon")
        assert [row.split()[2] for row in rows[:-1]] == [str(number) for number in range(1, 21)]
        assert rows[-1] == MORE
        assert max(map(len, rows)) == 500
        assert len(found(ann, "melon 7")) == 1


def test_a_text_with_very_many_words_does_not_end_the_index(board: LiveBoard) -> None:
    text = " ".join(f"{number:x}" for number in range(200_000))[:1_000_000]
    board.wait(posted(board, text))
    with board.client("ann") as ann:
        ann.post("behind the long one, quince")
        assert found(ann, "quince") == [HERE + "behind the long one, quince"]


async def posted(board: LiveBoard, text: str) -> None:
    await board.app.commits.decided(board.app.board.post(new_post(text)))


def test_what_a_search_cannot_see_yet_is_said(board: LiveBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "HURRIED_STEPS", 2)
    monkeypatch.setattr(search, "ROWS_AT_A_TIME", 1)
    with board.client("ann") as ann:
        board.call(board.app._indexer.stop)
        for number in range(5):
            ann.post(f"walnut {number}")
        behind = "So much was posted that the search has not seen all of it: try again in a moment."
        assert found(ann, "walnut") == [behind]
        assert found(ann, "walnut") == [behind]
        assert len(found(ann, "walnut")) == 5


def test_a_crowd_that_searches_is_told_so_and_is_no_failure(board: LiveBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "PATIENCE_S", 0.05)
    over = asyncio.Event()

    async def search_for_long() -> None:
        async with board.app._indexer.turn():
            await over.wait()

    async def begin() -> asyncio.Task[None]:
        return asyncio.ensure_future(search_for_long())

    with board.client("ann") as ann:
        searching = board.wait(begin())
        assert found(ann, "tea")[-1] == "Many are searching at the moment: try again soon."
        board.call(over.set)
        board.wait(asyncio.wait_for(searching, 10))
        assert found(ann, "nowhere")[-1] == "No post has nowhere."
    assert board.app.plugins["search"].failure_count == 0


@pytest.mark.bbs(plugins={"enabled": ["search"]}, board={"window": 2})
async def test_a_window_hides_nothing_from_a_search(bbs: Bbs) -> None:
    alice, olga = bbs.login("alice"), bbs.staff("olga")
    for text in ("plum one", "two", "three", "plum four"):
        await alice.post(text)
    assert await alice.list() == ["(2 earlier posts are not shown.)", HERE + "three", HERE + "plum four"]
    await olga.change({"board.post_row": "<{username}> {text} #{id}"})
    assert await alice.send("/search plum") == ["<alice> plum one #1", "<alice> plum four #4"]
    await olga.configure("search", {"posts": 1})
    assert await alice.send("/search plum") == ["<alice> plum four #4", MORE]


@pytest.mark.bbs(plugins={"enabled": ["search"]})
async def test_nobody_searches_without_a_pause(bbs: Bbs) -> None:
    alice = bbs.login("alice")
    assert {*[(await alice.send("/search fig"))[0] for _ in range(30)]} == {"No post has fig."}
    assert (await alice.send("/search fig"))[0].startswith("You may use /search 30 times a minute")
    await bbs.clock.advance("10s")
    assert await alice.send("/search fig") == ["No post has fig."]
