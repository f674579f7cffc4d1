"""An owner's first day: the link of the start, the looks, a second factor, and the way back in with it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.browser.support import OWNER, PASSWORD, OpenWindow, said, setup_link, sign_in
from tests.support import BoardProcess


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardProcess]:
    """A board as it starts where nothing is set."""
    with BoardProcess(tmp_path_factory.mktemp("board") / "data") as process:
        yield process


def become_owner(page: Page) -> None:
    """Fill the form of the link, with a mistake at first."""
    page.get_by_label("Name", exact=True).fill(OWNER)
    page.get_by_role("radio", name="Community").check()
    for again in ("another one, by mistake", PASSWORD):
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("The same again").fill(again)
        page.get_by_role("button", name="Make me the owner").click()
        if again != PASSWORD:
            expect(page.get_by_role("alert")).to_have_text("The two passwords are not the same.")
    expect(said(page)).to_have_text(f"Welcome, {OWNER}. The board is yours; the link is used up.")


def set_factor_up(page: Page) -> tuple[pyotp.TOTP, str]:
    """Give the account a second factor; returns what the app would hold, and a recovery code."""
    page.get_by_role("link", name=f"{OWNER}, owner").click()
    page.get_by_role("link", name="Set it up").click()
    expect(page.get_by_alt_text("The secret as a picture for the app")).to_be_visible()
    app = pyotp.TOTP(page.get_by_role("listitem").locator("code").inner_text())
    type_code(page, app.now(), "Use it from now on")
    recovery = page.get_by_role("main").get_by_role("listitem").first.inner_text()
    page.get_by_role("link", name="I have them").click()
    return app, recovery


def come_back(page: Page, app: pyotp.TOTP) -> None:
    """Sign out, and in again with a code, after two mistakes."""
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, password="not the password")
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    sign_in(page)
    type_code(page, "000000")
    expect(page.get_by_role("alert")).to_have_text("The code is wrong, or was used.")
    expect(page.get_by_role("navigation")).to_have_count(0)
    # Each is good once, and that of now has set the factor up.
    type_code(page, app.at(int(time.time()) + app.interval))
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def type_code(page: Page, code: str, button: str = "Sign in") -> None:
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name=button).click()


def test_the_owner_sets_up_chooses_the_looks_and_signs_in_with_a_second_factor(
    board: BoardProcess, open_window: OpenWindow
) -> None:
    page = open_window().open(setup_link(board))
    become_owner(page)
    with board.client("bob") as bob:
        bob.post("Good morning!")
        assert bob.list() == ["bob: Good morning!"]
    app, recovery = set_factor_up(page)
    come_back(page, app)

    elsewhere = open_window().open("/login")
    sign_in(elsewhere)
    type_code(elsewhere, recovery)
    elsewhere.goto("/account")
    expect(elsewhere.get_by_role("main")).to_contain_text("9 recovery codes left.")
    expect(elsewhere.get_by_role("region", name="Where you are signed in").get_by_role("listitem")).to_have_count(2)
