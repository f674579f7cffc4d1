"""A real browser at the console of a real board."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect, sync_playwright

from tests.browser.support import FLAGS, TIMEOUT_MS, OpenWindow, Window, chromium_path, set_up
from tests.support import BoardProcess

expect.set_options(timeout=TIMEOUT_MS)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium; of one module, as its event loop would be in the way of other tests' coroutines."""
    path = chromium_path()
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path, args=FLAGS) as browser:
        yield browser


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardProcess]:
    """A board of its own for each module."""
    with BoardProcess(tmp_path_factory.mktemp("board") / "data", server_preset="community") as process:
        yield process


@pytest.fixture(scope="module")
def owner(chromium: Browser, board: BoardProcess) -> StorageState:
    """The cookies of the owner, who comes by the link of the start."""
    window = Window(chromium, board)
    set_up(window.open("/login"), board)
    state = window.context.storage_state()
    window.context.close()
    return state


@pytest.fixture
def open_window(chromium: Browser, board: BoardProcess) -> Iterator[OpenWindow]:
    """Open windows as a test needs them; at its end no page of theirs has broken the policy or shown an error."""
    windows: list[Window] = []

    def opened(state: StorageState | None = None, **options: Any) -> Window:
        windows.append(Window(chromium, board, state, **options))
        return windows[-1]

    yield opened
    for window in windows:
        window.context.close()
    assert [fault for window in windows for fault in window.faults] == []


@pytest.fixture
def page(open_window: OpenWindow, owner: StorageState) -> Page:
    """An empty page, in the window of the owner."""
    return open_window(owner).open("about:blank")
