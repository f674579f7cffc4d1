"""Pages, cards and actions of plugins: content alone, within the console's rights, and nothing can break it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from threading import Thread
from typing import Any

import pytest

from bbs_core.host import FOLDER, PluginSet
from bbs_core.platform.discovery import Plugin, files
from bbs_core.plugin_settings import PluginSettings
from bbs_core.presence import beat
from tests.console.extended import BEGUN, BROKEN_CARDS, EXTENDED, RELEASE
from tests.console.hostile import Page
from tests.console.support import Board, Browser, open_board, plugin_status
from tests.platform.outside import put

WAIT_S = 15
PLUGIN = "/plugins/extended"
PAGE = f"{PLUGIN}/pages/sent-things"
SECRET = "hunter2-Geheim"


@pytest.fixture(scope="module")
def one_board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    data = tmp_path_factory.mktemp("board")
    put(data, "extended.py", EXTENDED)
    put(data, "broken.py", BROKEN_CARDS)
    with open_board(data, "") as opened:
        opened.run(lambda connection: beat(connection, "", plugin_status("extended"), alone=True))
        opened.staff()
        opened.staff("mo", "moderator")
        yield opened
        opened.plugins.close()


def made(board: Board) -> PluginSet:
    """Return plugins that have longer to answer than a browser waits: only a page's own limit ends them before."""
    return PluginSet(PluginSettings(deadline_s=60), files(board.data / FOLDER))


@pytest.fixture
def board(one_board: Board) -> Iterator[Board]:
    """The same board with plugins that have not failed yet; none of them waits when the test is over."""
    RELEASE.clear()
    BEGUN.clear()
    one_board.__dict__["plugins"] = made(one_board)
    yield one_board
    RELEASE.set()
    one_board.plugins.close()


@pytest.fixture
def browser(board: Board) -> Browser:
    visitor = Browser(board)
    visitor.enter()
    return visitor


@pytest.fixture
def moderator(board: Board) -> Browser:
    visitor = Browser(board)
    visitor.enter("mo")
    return visitor


def plugin(board: Board) -> Plugin:
    return board.plugins["extended"]


def new_acts(board: Board, before: int) -> list[tuple[Any, ...]]:
    return [(act["action"], act["target_id"], json.loads(act["after"])["action"]) for act in board.acts()[before:]]


def words_of(page: str) -> str:
    """Return what a page says."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def test_a_page_is_what_its_function_answers(board: Board, browser: Browser) -> None:
    before = len(board.acts())
    answer = browser.get(f"{PAGE}?only=x%3Cy")
    assert answer.status == 200
    page = words_of(answer.text)
    assert "olga looks for x<y." in page
    assert 'value="30m"' in answer.text
    assert "posts 3 last 2026-12-01 09:00 UTC good yes nothing" in page
    assert "Number Word 1,041 one 1041 Send it again 1.5 more out The users" in page
    assert f'href="{PAGE}?only=a%26b"' in answer.text
    assert 'href="https://hooks.example/" rel="noopener noreferrer"' in answer.text
    assert re.search(r"<caption[^>]*>Deliveries</caption>", answer.text)
    assert Page(answer.text.replace('href="https://hooks.example/"', "")).faults == []
    assert len(board.acts()) == before


def test_hostile_content_stays_text(board: Board, browser: Browser) -> None:
    answer = browser.get(f"{PLUGIN}/pages/nasty")
    assert answer.status == 200
    assert answer.text.count("&lt;script&gt;xpay()&lt;/script&gt;") >= 7
    assert Page(answer.text).faults == []
    said = browser.post(f"{PLUGIN}/actions/say", page="nasty", **{"option:what": "</p><script>xpay()</script>\x1b"})
    assert Page(browser.follow(said)).faults == []


def test_pages_are_in_the_navigation_of_those_who_may_see_them(
    board: Board, browser: Browser, moderator: Browser
) -> None:
    for visitor, sees in ((browser, True), (moderator, False)):
        page = visitor.get("/users").text
        navigation = page.partition('aria-label="Pages of plugins"')[2].partition("</nav>")[0]
        assert f'href="{PAGE}"' in navigation
        assert ("For owners" in navigation) is sees
        assert (visitor.get(f"{PLUGIN}/pages/for-owners").status == 200) is sees
        assert ("the vault" in visitor.get("/").text) is sees
        assert ("For owners" in visitor.get(PLUGIN).text) is sees
    here = browser.get(PAGE).text
    assert f'href="{PAGE}" aria-current="page"' in here


def test_each_part_asks_for_its_own_right(board: Board, moderator: Browser) -> None:
    before = len(board.acts())
    refused = moderator.get(f"{PLUGIN}/pages/for-owners")
    assert (refused.status, "staff:write" in refused.text) == (403, True)
    for name in ("again", "keep", "try-rules"):
        assert moderator.post(f"{PLUGIN}/actions/{name}", **{"option:number": "1"}).status == 403
    assert len(board.acts()) == before
    assert vars(plugin(board).module)["done"] == []


def test_a_form_needs_its_token(board: Board, browser: Browser) -> None:
    before = len(board.acts())
    for fields in ({}, {"csrf_token": "made up"}):
        assert browser.post_bare(f"{PLUGIN}/actions/again", **{"option:number": "1"}, **fields).status == 400
    assert (len(board.acts()), vars(plugin(board).module)["done"]) == (before, [])


def test_a_button_does_its_action_and_leads_back_to_its_page(board: Board, browser: Browser) -> None:
    before = len(board.acts())
    form = browser.get(f"{PAGE}?only=failed").text.partition(f"{PLUGIN}/actions/again")[2].partition("</form>")[0]
    fixed = re.search(r'name="option:number" hidden>\n(\d+)</textarea>', form)
    query = re.search(r'name="query" value="([^"]*)"', form)
    assert fixed
    assert query
    sent = {"option:number": fixed[1], "query": unescape(query[1]), "page": "sent-things", "reason": "they asked"}
    answer = browser.post(f"{PLUGIN}/actions/again", **sent)
    assert (answer.status, answer.headers["Location"]) == (303, f"{PAGE}?only=failed")
    assert "1041 is sent again, for olga." in browser.follow(answer)
    assert new_acts(board, before) == [("plugin.action", "extended", "again")]
    audit = words_of(browser.get("/audit").text)
    assert 'plugin.action plugin extended {"number": 1041} they asked' in audit
    assert board.faults() == []


def test_what_an_action_answers_stands_above_its_page(board: Board, browser: Browser) -> None:
    before = len(board.acts())
    typed = {"option:words": "a\r\n\r\nb", "option:deed": "hold", "option:posts": "9", "option:within": "90s"}
    answer = browser.post(f"{PLUGIN}/actions/try-rules", page="sent-things", query="only=x", **typed)
    page = words_of(answer.text)
    assert answer.status == 200
    assert "['a', 'b'] hold 9 0:01:30 ''" in page
    assert "What they hold Post 12" in page
    assert "olga looks for x." in page
    # It changes nothing, and says so.
    assert len(board.acts()) == before


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({"posts": "0"}, "Input should be greater than or equal to 1."),
        ({"posts": "many"}, "Input should be a valid integer, unable to parse string as an integer."),
        ({"within": "soon"}, "it is written as 90s, 10m or 1h30m."),
        ({"deed": "burn"}, "Input should be 'log' or 'hold'."),
    ],
)
def test_a_mistake_is_named_at_its_field_and_nothing_typed_is_lost(
    board: Board, browser: Browser, typed: dict[str, str], problem: str
) -> None:
    sent = {"words": "x", "note": "keep <me>", **typed}
    answer = browser.post(f"{PLUGIN}/actions/try-rules", **{f"option:{name}": text for name, text in sent.items()})
    [name] = typed
    field = re.search(rf'<(?:input|select)[^>]*name="option:{name}"[^>]*>', answer.text)
    assert answer.status == 422
    assert field
    assert 'aria-invalid="true"' in field[0]
    assert f"{name}" in field[0]
    assert problem in words_of(answer.text)
    assert "\nkeep &lt;me&gt;</textarea>" in answer.text
    assert name == "deed" or f'value="{typed[name]}"' in field[0]


def test_a_required_field_needs_a_value_and_others_have_their_defaults(board: Board, browser: Browser) -> None:
    answer = browser.post(f"{PLUGIN}/actions/try-rules", **{"option:posts": ""})
    assert (answer.status, "It needs a value." in answer.text) == (422, True)
    page = browser.post(f"{PLUGIN}/actions/try-rules", **{"option:words": "w", "option:posts": ""}).text
    assert "['w'] log 1000 1:00:00 ''" in words_of(page)


def test_what_the_plugin_refuses_is_shown_as_it_is(board: Board, browser: Browser) -> None:
    answer = browser.post(f"{PLUGIN}/actions/try-rules", **{"option:words": "refuse me", "option:note": "mine"})
    assert answer.status == 422
    assert "That is no &lt;word&gt;." in answer.text
    assert "\nrefuse me</textarea>" in answer.text
    assert "\nmine</textarea>" in answer.text
    assert plugin(board).failure_count == 0


def test_an_action_stands_in_the_ledger_before_it_runs_and_though_it_fails(board: Board, browser: Browser) -> None:
    before = len(board.acts())
    answer = browser.post(f"{PLUGIN}/actions/break-it", page="sent-things")
    assert answer.status == 200
    assert re.search(r"The plugin extended failed \(incident \w{8}\)", words_of(answer.text))
    assert "olga looks for all." in words_of(answer.text)
    assert new_acts(board, before) == [("plugin.action", "extended", "break-it")]


def test_a_secret_is_neither_in_the_ledger_nor_shown_again(board: Board, browser: Browser) -> None:
    before = len(board.acts())
    wrong = browser.post(f"{PLUGIN}/actions/keep", **{"option:key": SECRET, "option:size": "x"})
    assert (wrong.status, SECRET in wrong.text) == (422, False)
    done = browser.post(f"{PLUGIN}/actions/keep", **{"option:key": SECRET})
    assert f"{len(SECRET)} characters" in browser.follow(done)
    assert new_acts(board, before) == [("plugin.action", "extended", "keep")]
    audit = browser.get("/audit").text
    assert ("**********" in audit, SECRET in audit) == (True, False)


# While the loop is blocked nobody there can say which incident it is.
BREAKS = {
    "hangs": r"did not answer in time \(incident \w{8}\)",
    "sleeps": r"did not answer in time \(incident \w{8}\)",
    "blocks": r"did not answer in time\.",
    "leaves": r"failed \(incident \w{8}\)",
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_page_that_breaks_is_a_card_on_a_page_that_is_there(board: Board, browser: Browser, name: str) -> None:
    # What hangs goes on until the test is over, so an answer is one that has not waited for it.
    answer = browser.get(f"{PLUGIN}/pages/{name}")
    assert answer.status == 200
    assert not RELEASE.is_set()
    assert BEGUN.is_set() is (name in ("hangs", "blocks"))
    assert re.search(f"The plugin extended {BREAKS[name]}", words_of(answer.text))
    assert browser.get("/users").status == 200


@pytest.mark.parametrize("what", ["recursive", "huge", "own", "script", "host", "generator", "form", "nothing"])
def test_what_is_no_content_is_a_failure_of_the_plugin(board: Board, browser: Browser, what: str) -> None:
    answer = browser.get(f"{PLUGIN}/pages/garbage?what={what}")
    assert answer.status == 200
    if what == "own":
        # A list that lies of itself is read as the list that it is.
        assert "There is nothing here." in answer.text
        return
    assert re.search(r"The plugin extended failed \(incident \w{8}\)", words_of(answer.text))
    assert plugin(board).failure_count == 1


def test_while_actions_take_long_all_else_is_there(board: Board, browser: Browser) -> None:
    long, others = Thread(target=browser.post, args=(f"{PLUGIN}/actions/hold-on",)), Browser(board)
    others.enter()
    long.start()
    assert BEGUN.wait(WAIT_S)
    busy = [others.post(f"{PLUGIN}/actions/say", **{"option:what": "hello"}) for _ in range(3)]
    assert others.get("/users").status == 200
    assert not RELEASE.is_set()
    assert {answer.status for answer in busy} == {503}
    assert "Another action of a plugin is still at work" in words_of(busy[0].text)
    assert "hello" in busy[0].text
    RELEASE.set()
    long.join(WAIT_S)
    assert others.post(f"{PLUGIN}/actions/say", **{"option:what": "hello"}).status == 303


def test_cards_that_break_stand_beside_those_that_work(board: Board, browser: Browser) -> None:
    answer = browser.get("/")
    page = words_of(answer.text)
    assert answer.status == 200
    assert not RELEASE.is_set()
    assert "Held today posts 3 more" in page
    assert "Works works well" in page
    for name, what in (
        ("Raises", "failed"),
        ("Waits", "did not answer in time"),
        ("Sleeps", "did not"),
        ("Has a form", "failed"),
    ):
        assert f"{name} The plugin broken {what}" in page
    assert "Silent" not in page
    assert "What was written" in page


KEEPS_THE_LOOP = """
    from bbs_core.plugin import card, never_blocks
    from tests.console.extended import RELEASE

    @card("Answers")
    @never_blocks
    def answers(): return "here it is"

    @card("Keeps the loop")
    async def keeps(): RELEASE.wait(30)
"""


def test_a_card_that_keeps_the_loop_does_not_hide_those_that_have_answered(board: Board, browser: Browser) -> None:
    put(board.data / "more", "keeps.py", KEEPS_THE_LOOP)
    board.__dict__["plugins"] = PluginSet(PluginSettings(), files(board.data / "more" / FOLDER))
    assert board.plugins.problem("keeps") == ""
    page = words_of(browser.get("/").text)
    assert "Answers here it is" in page
    assert "Keeps the loop The plugin keeps did not answer in time" in page


def test_a_card_that_failed_is_left_alone_for_a_while(board: Board, browser: Browser) -> None:
    pages = [words_of(browser.get("/").text) for _ in range(3)]
    assert vars(board.plugins["broken"].module)["asked"] == ["raises"]
    assert board.plugins["broken"].state == "loaded"
    [shown] = {re.search(r"Raises The plugin broken failed \(incident (\w+)", page)[1] for page in pages}  # type: ignore[index]
    assert shown


def test_one_that_was_set_aside_says_so(board: Board, browser: Browser) -> None:
    for _ in range(5):
        browser.get(f"{PLUGIN}/pages/leaves")
    assert plugin(board).state == "quarantined"
    for path in (PAGE, f"{PLUGIN}/pages/leaves", "/"):
        answer = browser.get(path)
        assert (answer.status, "The plugin extended was set aside." in answer.text) == (200, True)
    before = len(board.acts())
    assert "was set aside" in browser.post(f"{PLUGIN}/actions/again", **{"option:number": "1"}).text
    assert (len(board.acts()), vars(plugin(board).module)["done"]) == (before, [])


def test_disabled_is_not_there_and_enabled_is_again(board: Board, browser: Browser) -> None:
    first = board.plugins
    board.__dict__["plugins"] = first.changed(PluginSettings(disabled=("extended",)), set())
    assert browser.get(PAGE).status == 404
    assert browser.post(f"{PLUGIN}/actions/again", **{"option:number": "1"}).status == 404
    page = browser.get("/")
    assert page.status == 200
    assert "Held today" not in page.text
    assert PAGE not in page.text
    board.__dict__["plugins"] = board.plugins.changed(PluginSettings(), {"extended"})
    assert browser.get(PAGE).status == 200
    assert "Held today" in browser.get("/").text
    first.close(kept=board.plugins)


def test_one_that_could_not_be_loaded_shows_nothing(board: Board, browser: Browser) -> None:
    plugin(board).state = "failed"
    assert browser.get(PAGE).status == 404
    assert PAGE not in browser.get("/users").text


def test_what_is_not_there_is_not_found(board: Board, browser: Browser) -> None:
    for path in ("/plugins/nobody/pages/sent-things", f"{PLUGIN}/pages/again", f"{PLUGIN}/pages/sent_things"):
        assert browser.get(path).status == 404
    assert browser.post(f"{PLUGIN}/actions/sent-things").status == 404
