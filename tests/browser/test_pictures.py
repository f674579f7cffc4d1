"""The pictures of docs/console.md, taken of a board with a week behind it: `make screenshots` keeps them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, StorageState

from tests.browser.stage import REPORTED_POST, staged_board
from tests.browser.support import OWNER, PASSWORD, PHONE, OpenWindow, set_up, setup_link
from tests.support import ROOT, BoardProcess

MANUAL = ROOT / "docs" / "console.md"
LIMIT_BYTES = 120_000
RULES = {"automod": {"words": ["cheap", "spam*"], "words_do": "refuse", "domains": ["notes.example"]}}


class Album:
    """Where pictures are kept, and which were taken."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.names: set[str] = set()

    def take(self, page: Page, name: str) -> None:
        """Take a picture of what of a page is in sight."""
        path = self._folder / f"{name}.png"
        page.screenshot(path=path)
        assert path.stat().st_size < LIMIT_BYTES, name
        self.names.add(path.name)


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardProcess]:
    data = tmp_path_factory.mktemp("board") / "data"
    with staged_board(data, plugins_enabled="report,new,automod", plugins_options=json.dumps(RULES)) as process:
        yield process


@pytest.fixture
def album(request: pytest.FixtureRequest, tmp_path: Path) -> Album:
    """The folder of `--screenshots`, or one that is thrown away."""
    folder: Path = request.config.getoption("screenshots") or tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    return Album(folder)


def take_the_first_day(page: Page, album: Album, board: BoardProcess) -> None:
    page.goto(setup_link(board))
    page.get_by_label("Name", exact=True).fill(OWNER)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    album.take(page, "setup")
    set_up(page, board)
    page.goto("/staff")
    for name, role in (("mo", "moderator"), ("otto", "observer")):
        page.get_by_label("Name").fill(name)
        page.get_by_label("Role", exact=True).last.select_option(role)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Let them in").click()
    page.goto("/staff")
    album.take(page, "staff")


def take_a_plugins_page(page: Page, album: Album) -> None:
    page.goto("/plugins/automod/pages/show-finds")
    page.get_by_role("button", name="Try the rules").click()
    page.get_by_role("heading", name="Try the rules").wait_for()
    album.take(page, "automod")


def take_moderation(page: Page, album: Album) -> None:
    page.goto("/users?sort=name")
    album.take(page, "users")
    page.get_by_role("link", name="mallory").click()
    page.get_by_label("A note for other staff").fill("Sold watches on two other boards. Warned on Monday.")
    page.get_by_role("button", name="Keep the note").click()
    page.goto(page.url.partition("#")[0])
    album.take(page, "user")
    page.goto("/posts")
    page.get_by_label(f"Hide post {REPORTED_POST}", exact=True).click()
    page.get_by_label("Reason", exact=True).locator("visible=true").fill("spam")
    album.take(page, "posts")
    page.goto(f"/review/post/{REPORTED_POST}")
    album.take(page, "review")
    page.get_by_role("link", name="Ban", exact=True).click()
    page.get_by_label("Reason, which they read").fill("spam")
    page.get_by_label("For how long").select_option("a week")
    page.get_by_label("Hide their posts too").check()
    page.get_by_role("button", name="Preview").click()
    page.wait_for_url("**/bans/new?**hide_posts**")
    album.take(page, "ban")
    page.get_by_role("button", name="Ban", exact=True).click()


def take_what_owners_see(page: Page, album: Album) -> None:
    for name in ("settings", "audit"):
        page.goto(f"/{name}")
        album.take(page, name)
    page.goto("/")
    album.take(page, "dashboard")


def take_a_phone(page: Page, album: Album) -> None:
    page.goto("/posts")
    album.take(page, "phone")


def test_the_manual_has_the_pictures_that_this_run_takes_and_no_others(
    board: BoardProcess, open_window: OpenWindow, album: Album
) -> None:
    window = open_window(reduced_motion="reduce")
    page = window.open("about:blank")
    take_the_first_day(page, album, board)
    take_a_plugins_page(page, album)
    take_moderation(page, album)
    take_what_owners_see(page, album)
    state: StorageState = window.context.storage_state()
    take_a_phone(open_window(state, viewport=PHONE, color_scheme="dark").open("about:blank"), album)
    assert set(re.findall(r"!\[[^\]]+\]\(console/([^)]+)\)", MANUAL.read_text(encoding="utf-8"))) == album.names
    assert {path.name for path in MANUAL.with_suffix("").iterdir()} == album.names
