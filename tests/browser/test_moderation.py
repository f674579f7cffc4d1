"""A moderator's work on a page, and what stock clients see of it meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, StorageState, expect

from tests.browser.support import OpenWindow, number_of, perform, said
from tests.support import BoardProcess

WAIT_S = 15


@contextmanager
def listing(board: BoardProcess, name: str) -> Iterator[list[list[str]]]:
    """List again and again, in a thread, until the end; yields the lists that came, without repetitions."""
    begun, over = threading.Event(), threading.Event()
    seen: list[list[str]] = []

    def go_on() -> None:
        with board.client(name) as client:
            last = False
            while not last:
                last = over.is_set()
                rows = client.list()
                if rows not in seen[-1:]:
                    seen.append(rows)
                begun.set()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        assert begun.wait(WAIT_S)
        yield seen
    finally:
        over.set()
        thread.join(WAIT_S)


def test_a_user_is_found_by_the_beginning_of_the_name(board: BoardProcess, page: Page) -> None:
    with board.client("Wilhelmina") as user, board.client("bob"):
        user.post("Is anybody here?")
        user.list()
        page.goto("/")
        page.get_by_role("link", name="Users", exact=True).click()
        page.get_by_label("Name begins with").fill("Wil")
        page.get_by_role("button", name="Find").click()
        expect(page.get_by_role("main").get_by_role("listitem")).to_have_count(1)
        page.get_by_role("link", name="Wilhelmina").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Wilhelmina")
        expect(page.get_by_role("region", name="Posts")).to_contain_text("Is anybody here?")
        expect(page.get_by_role("region", name="On line now")).to_contain_text("127.0.0.1")


def test_a_hidden_post_leaves_and_a_restored_one_comes_back_while_a_stock_client_lists(
    board: BoardProcess, page: Page
) -> None:
    with board.client("carl") as carl:
        carl.post("carl one")
        carl.post("carl two")
        before = carl.list()
        page.goto("/posts")
        about = f"post {number_of(page.get_by_role('listitem').filter(has_text='carl two'))}"
        with listing(board, "dora") as seen:
            perform(page, "Hide", about, "off topic")
            expect(said(page)).to_have_text(f"P{about[1:]} is hidden.")
            assert carl.list() == before[:-1]
            perform(page, "Restore", about, "a mistake")
            expect(said(page)).to_have_text(f"P{about[1:]} is shown again.")
            assert carl.list() == before
        assert seen == [before, before[:-1], before]


def test_a_report_is_handled_and_who_reported_it_reads_what_came_of_it(board: BoardProcess, page: Page) -> None:
    with board.client("mallory") as mallory, board.client("emma") as emma:
        mallory.post("BUY CHEAP WATCHES NOW")
        mallory.list()
        assert "mallory: BUY CHEAP WATCHES NOW" in emma.list()
        emma.post("/report cheap watches")
        assert emma.list()[-1] == "* Thank you. The staff will look at it."

        page.goto("/review")
        page.get_by_role("region", name="Reported").get_by_role("link").click()
        expect(page.get_by_role("region", name="Reported by")).to_contain_text("emma")
        expect(page.locator(".reported")).to_contain_text("BUY CHEAP WATCHES NOW")
        page.get_by_role("button", name="I am looking at it").click()
        expect(said(page)).to_have_text("It is yours for ten minutes.")
        reported = page.get_by_role("listitem").filter(has_text="BUY CHEAP WATCHES NOW")
        perform(page, "Hide", f"post {number_of(reported)}", "spam")
        expect(reported).to_contain_text("hidden")
        page.get_by_label("What those who reported it read").fill("the post is hidden")
        page.get_by_role("button", name="Close: acted").click()
        expect(page.get_by_role("main")).to_contain_text("Nothing is reported.")
        rows = emma.list()
        assert "mallory: BUY CHEAP WATCHES NOW" not in rows
        assert rows[-1] == "* The staff has looked at what you reported: the post is hidden"


def test_a_ban_is_previewed_made_and_taken_back_from_the_audit_page(board: BoardProcess, page: Page) -> None:
    with board.client("oscar") as oscar, board.client("pia") as pia:
        oscar.post("oscar was here")
        assert "oscar: oscar was here" in oscar.list()
        page.goto("/users?search=oscar")
        page.get_by_role("link", name="oscar").click()
        page.get_by_role("link", name="Ban", exact=True).click()
        page.get_by_label("Reason, which they read").fill("spam")
        page.get_by_label("Hide their posts too").check()
        page.get_by_role("button", name="Preview").click()
        preview = page.get_by_role("region", name="Whom it hits")
        expect(preview).to_contain_text("1 user, 1 session on line, 1 post shown.")
        assert "oscar: oscar was here" in pia.list()

        page.get_by_role("button", name="Ban", exact=True).click()
        expect(said(page)).to_have_text("The ban is in force.")
        [row] = oscar.list()
        assert row.startswith("You are banned until ")
        assert row.endswith(" UTC: spam")
        assert "oscar: oscar was here" not in pia.list()

        page.get_by_role("link", name="Audit").click()
        act = page.get_by_role("listitem").filter(has_text="ban.add").first
        number = number_of(act)
        perform(page, "Undo", f"act {number}", "it was not oscar")
        expect(said(page)).to_contain_text(f"Act {number} is undone")
        expect(page.locator(f"#act-{number}")).to_contain_text("undone by")
        assert "oscar: oscar was here" in pia.list()
        with board.client("oscar") as again:
            assert again.list() == pia.list()


def test_a_session_is_kicked_and_its_row_vanishes_from_a_page_that_is_open(
    board: BoardProcess, page: Page, open_window: OpenWindow, owner: StorageState
) -> None:
    with board.client("rude") as rude, board.client("quiet") as quiet:
        quiet.list()
        rude.list()
        watched = open_window(owner).open("/sessions")
        row = watched.get_by_role("listitem").filter(has_text="rude")
        expect(row).to_have_count(1)
        page.goto("/sessions")
        perform(page, "Kick", f"session {number_of(row)}", "too loud")
        expect(said(page)).to_have_text("The session is ended.")
        expect(row).to_have_count(0)
        expect(watched.get_by_role("listitem").filter(has_text="quiet")).to_have_count(1)
        assert rude.list() == ["The staff has ended your session: too loud"]
