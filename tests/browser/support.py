"""What the tests in a browser share: a window at a console that hears every fault, and the forms of all pages."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    StorageState,
    ViewportSize,
    WebError,
)

from tests.support import BoardProcess

PASSWORD = "correct horse battery"
OWNER = "ada"
DESKTOP: ViewportSize = {"width": 1200, "height": 800}
PHONE: ViewportSize = {"width": 360, "height": 740}
TIMEOUT_MS = 15_000
# It asks nobody but the board, and runs where there is neither a screen nor a sandbox.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
# What the browser says of a page that tells its reader what was wrong with a form.
REFUSAL = re.compile(r"responded with a status of (403|422)")


def chromium_path() -> str:
    """Return where Chromium is; without it the test is skipped."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("Chromium is not installed")
    return found


class Window:
    """Someone's browser at a board's console, with cookies of its own; `faults` is what no page may have."""

    def __init__(
        self, browser: Browser, board: BoardProcess, state: StorageState | None = None, **options: Any
    ) -> None:
        options = {"viewport": DESKTOP, "storage_state": state, "base_url": console_url(board), **options}
        self.context: BrowserContext = browser.new_context(**options)
        self.context.set_default_timeout(TIMEOUT_MS)
        self.faults: list[str] = []
        self.context.on("console", self._hear)
        self.context.on("weberror", self._catch)

    def open(self, path: str) -> Page:
        """Load a page."""
        page = self.context.new_page()
        page.goto(path)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        # A breach of the policy is an error of the console too.
        if message.type in ("error", "warning") and not REFUSAL.search(message.text):
            self.faults.append(message.text)

    def _catch(self, error: WebError) -> None:
        self.faults.append(str(error.error))


OpenWindow = Callable[..., Window]


def console_url(board: BoardProcess) -> str:
    """Return where a board's console is."""
    return f"http://127.0.0.1:{board.admin_port}"


def setup_link(board: BoardProcess) -> str:
    """Return the link that the board's start has shown."""
    found = re.search(r"open (http://\S+/setup\?key=\S+) within", board.output)
    assert found, board.output
    return found[1]


def set_up(page: Page, board: BoardProcess) -> None:
    """Become the owner of a board, by its link."""
    page.goto(setup_link(board))
    page.get_by_label("Name", exact=True).fill(OWNER)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Make me the owner").click()
    page.wait_for_url("/")


def sign_in(page: Page, name: str = OWNER, password: str = PASSWORD) -> None:
    """Use the login page."""
    page.goto("/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def perform(page: Page, verb: str, about: str, reason: str) -> None:
    """Open the form of an act, say why, and send it."""
    summary = page.get_by_label(f"{verb} {about}", exact=True)
    summary.click()
    form = page.locator("details[open]").filter(has=summary)
    form.get_by_label("Reason").fill(reason)
    form.get_by_role("button", name=verb).click()


def said(page: Page) -> Locator:
    """Return what the page says of the last act."""
    return page.locator("main .alert")


def number_of(item: Locator) -> str:
    """Return the number of the post, session or act that a row of a list shows."""
    return (item.get_attribute("id") or "").rpartition("-")[2]
