"""Every page: no barrier for anyone, in the light or in the dark, and no wider than a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.stage import REPORTED_MESSAGE, REPORTED_POST, staged_board
from tests.browser.support import DESKTOP, PHONE, OpenWindow, Window, number_of, perform, set_up, setup_link
from tests.console.configurable import DICE
from tests.platform.outside import put
from tests.support import BoardProcess

LONG_NAME = "W" * 300
NOT_IN_THE_NAVIGATION = (
    *("/mutes", "/bans/new?kind=cidr&value=127.0.0.0/8", "/speak", "/account", "/account/factor"),
    *("/proof", "/api/docs", "/users?search=nobody", "/plugins/dice"),
    *("/plugins/dice/pages/rolls", "/plugins/broken/pages/slow"),
    *(f"/review/post/{REPORTED_POST}", f"/review/message/{REPORTED_MESSAGE}"),
)
# On the dashboard its card stands beside that of dice.
BROKEN = """
    import asyncio

    from bbs_core.plugin import card, page

    @page("Slow")
    async def slow(): await asyncio.sleep(999)

    @card("Broken")
    def broken(): raise RuntimeError
"""
CONTRAST = ["color-contrast"]
# A long list has nothing new after its first few.
EXCLUDED = [".item ~ .item ~ .item ~ .item", ".operation ~ .operation"]
AXE = Axe().axe_script


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardProcess]:
    """A board with a week behind it, and with someone who makes pages wide."""
    data = tmp_path_factory.mktemp("board") / "data"
    put(data, "dice.py", DICE)
    put(data, "broken.py", BROKEN)
    with staged_board(data) as process, process.client(LONG_NAME) as wide:
        wide.post("M" * 2000)
        wide.list()
        yield process


def wrongs(page: Page, path: str) -> list[str]:
    """Return what is wrong with a page: barriers, colours of the dark that are hard to tell apart, and overflow."""
    page.goto(path)
    page.evaluate(AXE)
    found = barriers(page)
    page.emulate_media(color_scheme="dark")
    found += [f"in the dark: {barrier}" for barrier in barriers(page, CONTRAST)]
    page.set_viewport_size(PHONE)
    width = page.evaluate("document.scrollingElement.scrollWidth")
    found += [f"{width} px wide on a phone"] if width > PHONE["width"] else []
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESKTOP)
    return [f"{path}: {what}" for what in found]


def barriers(page: Page, rules: list[str] | None = None) -> list[str]:
    """Return what axe finds on a page that has it, by all of its rules or a few."""
    options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    violations = page.evaluate("([exclude, options]) => axe.run({exclude}, options)", [EXCLUDED, options])["violations"]
    return [f"{one['id']} {[node['html'] for node in one['nodes']]}" for one in violations]


def paths(page: Page) -> list[str]:
    """Return where the pages are, on a board on which something was done."""
    page.goto("/posts")
    perform(page, "Hide", f"post {number_of(page.locator('.item').first)}", "n" * 500)
    user = first_link(page, "/users?search=WWW")
    links = page.get_by_role("navigation", name="Sections").get_by_role("link").all()
    navigation = [link.get_attribute("href") or "" for link in links]
    assert len(navigation) == 10
    ban = f"/bans/new?user_id={user.rpartition('/')[2]}&reason=spam"
    return [*navigation, user, f"{user}/erasure", ban, first_link(page, "/plugins"), *NOT_IN_THE_NAVIGATION]


def first_link(page: Page, path: str) -> str:
    page.goto(path)
    return page.locator(".item a").first.get_attribute("href") or ""


@pytest.fixture
def window(open_window: OpenWindow) -> Window:
    """A browser in which nothing moves, so that no colour is looked at while it fades."""
    return open_window(reduced_motion="reduce")


def test_every_page_is_open_to_all_in_light_and_dark_and_fits_a_phone(board: BoardProcess, window: Window) -> None:
    page = window.open("/login")
    found = wrongs(page, setup_link(board)) + wrongs(page, "/login")
    set_up(page, board)
    found += [wrong for path in paths(page) for wrong in wrongs(page, path)]
    assert not found, "\n".join(found)


def test_a_barrier_would_be_seen(window: Window) -> None:
    page = window.open("/login")
    page.evaluate(AXE)
    page.evaluate("document.querySelector('label').remove()")
    assert barriers(page) != []


def test_a_breach_of_the_policy_would_be_heard(window: Window) -> None:
    page = window.open("/login")
    page.evaluate("document.body.appendChild(document.createElement('script')).text = 'alert(1)'")
    page.evaluate("setTimeout(() => { throw new Error('oops') }); new Promise(done => setTimeout(done))")
    assert len(window.faults) == 2
    window.faults.clear()
