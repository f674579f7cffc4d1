"""What the console's script adds: keys, and a preview while one types; and that all the rest works without it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, StorageState, expect

from tests.browser.support import OpenWindow, number_of, perform, said, sign_in
from tests.support import BoardProcess

LOUD = "{username} says: {text}"


@pytest.fixture
def texts(board: BoardProcess) -> list[str]:
    """Three posts that are sent and kept."""
    with board.client("ann") as ann:
        for number in range(3):
            ann.post(f"number {number}")
        rows = ann.list()
    return rows[-3:]


def test_the_look_of_rows_is_previewed_while_it_is_typed_saved_and_taken_back(
    board: BoardProcess, page: Page, texts: list[str]
) -> None:
    page.goto("/settings")
    preview = page.get_by_role("region", name="What users would read")
    page.get_by_label("board.post_row").fill("{name} {text}")
    expect(preview).to_contain_text("board.post_row: {name} is not a field (did you mean {username}?)")
    page.get_by_label("board.post_row").fill(LOUD)
    expect(preview).to_contain_text("alice says: Good morning, everyone!")
    with board.client("bob") as bob:
        assert bob.list()[-3:] == texts
        page.get_by_label("Reason").fill("friendlier")
        page.get_by_role("button", name="Save").click()
        expect(said(page)).to_have_text("The settings are in force.")
        assert bob.list()[-3:] == [f"ann says: number {number}" for number in range(3)]
        page.goto("/audit?action=setting.change")
        act = page.get_by_role("main").get_by_role("listitem").filter(has_text="friendlier")
        perform(page, "Undo", f"act {number_of(act)}", "too long")
        expect(said(page)).to_contain_text("is undone")
        assert bob.list()[-3:] == texts


def test_posts_are_picked_and_hidden_with_the_keyboard_alone(board: BoardProcess, page: Page, texts: list[str]) -> None:
    page.goto("/posts")
    items = page.locator(".item")
    for key, place in (("j", 0), ("j", 1), ("k", 0)):
        page.keyboard.press(key)
        expect(items.nth(place)).to_be_focused()
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.get_by_label("Pick post").and_(page.locator(":checked"))).to_have_count(2)
    page.get_by_label("Reason for the posts that are picked").fill("off topic")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(said(page)).to_have_text("2 posts are hidden.")
    with board.client("bob") as bob:
        assert bob.list()[-1] == texts[0]
    page.keyboard.press("/")
    expect(page.get_by_label("Words")).to_be_focused()
    page.keyboard.type("jkx/")
    expect(page.get_by_label("Words")).to_have_value("jkx/")


def test_all_posts_of_a_page_are_picked_at_once(page: Page, texts: list[str]) -> None:
    page.goto("/posts")
    page.get_by_label("all of this page").check()
    picked = page.get_by_label("Pick post")
    expect(picked.and_(page.locator(":checked"))).to_have_count(picked.count())
    assert picked.count() >= len(texts)


@pytest.fixture
def plain(open_window: OpenWindow, owner: StorageState) -> Page:
    """An empty page of the owner, in a browser that runs no script."""
    return open_window(owner, java_script_enabled=False).open("about:blank")


def test_without_scripts_the_owner_signs_in_and_hides_a_post(
    board: BoardProcess, open_window: OpenWindow, owner: StorageState
) -> None:
    plain = open_window(java_script_enabled=False).open("/login")
    sign_in(plain)
    expect(plain.get_by_role("heading", name="Dashboard")).to_be_visible()
    with board.client("oscar") as oscar:
        oscar.post("buy now")
        rows = oscar.list()
        plain.goto("/posts")
        post = plain.get_by_role("listitem").filter(has_text="buy now")
        perform(plain, "Hide", f"post {number_of(post)}", "spam")
        expect(said(plain)).to_contain_text("is hidden.")
        assert oscar.list() == rows[:-1]
    expect(plain.get_by_label("Pick post").first).to_be_visible()
    # Only a script could do it.
    expect(plain.get_by_label("all of this page")).to_be_hidden()


def test_without_scripts_a_ban_is_previewed_and_made(board: BoardProcess, plain: Page) -> None:
    with board.client("mallory") as mallory:
        mallory.list()
        plain.goto("/bans/new?kind=user&value=mallory")
        plain.get_by_label("Reason, which they read").fill("spam")
        plain.get_by_role("button", name="Preview").click()
        expect(plain.get_by_role("region", name="Whom it hits")).to_contain_text("1 user, 1 session on line")
        plain.get_by_role("button", name="Ban", exact=True).click()
        expect(said(plain)).to_have_text("The ban is in force.")
        assert mallory.list()[0].startswith("You are banned until ")


def test_without_scripts_the_look_of_rows_is_previewed_and_saved(
    board: BoardProcess, plain: Page, texts: list[str]
) -> None:
    plain.goto("/settings")
    plain.get_by_label("board.post_row").fill("<{username}> {text}")
    plain.get_by_role("button", name="Preview").click()
    expect(plain.get_by_role("region", name="What users would read")).to_contain_text("<alice> Good morning")
    with board.client("bob") as bob:
        assert bob.list()[-3:] == texts
        plain.get_by_label("Reason").fill("as in a chat")
        plain.get_by_role("button", name="Save").click()
        expect(said(plain)).to_have_text("The settings are in force.")
        assert bob.list()[-1] == "<ann> number 2"
