"""A user who is erased: nothing of them is left in any table, on any list or in the ledger; the rest is as it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bbs_core import erasure, incidents, moderation, noticeboard, presence, remarks, reports, sanctions
from bbs_core.accounts import find_user, get_user
from bbs_core.erasure import Erasure, erase, erase_user
from bbs_core.errors import NotFound
from bbs_core.ledger import acts_after
from bbs_core.personal_data import Outcome, Reply, as_json, export_user
from bbs_core.public.lines import User
from bbs_core.search import index_more
from bbs_core.store.staff_models import ActText
from bbs_core.wording import REASON_LIMIT
from tests.effects.kit import STAFF, act, ban, mute
from tests.support import fresh_postgres_database
from tests.wire.live import LiveBoard

FOLLOWED_S = 5.0
UNSAID = f"You are banned: {erasure.SANCTIONED}"
NAME, ADDRESS = "Zuzanna Kowal", "198.51.100.7"
# What only she wrote, or was written of her, each in another place.
WORDS = ("porcupine", "wombat", "platypus", "echidna", "numbat", "bilby", "quokka", "dugong", "potoroo", "wallaroo")
FROM_AFAR = (
    "UPDATE posts SET address = :address WHERE user_id = :id",
    "UPDATE messages SET address = :address WHERE sender_id = :id",
    "UPDATE user_addresses SET address = :address, address_key = :address WHERE user_id = :id",
)


def number(board: LiveBoard, name: str = NAME) -> int:
    return board.app.access.read(lambda connection: find_user(connection, name))


def acts_since(board: LiveBoard, act_id: int) -> list[Any]:
    return board.app.access.read(lambda connection: acts_after(connection, act_id))


def last_act(board: LiveBoard) -> int:
    return int(acts_since(board, 0)[-1]["id"])


def erased(board: LiveBoard, name: str = NAME) -> int:
    """Erase a user; returns the number of the act."""
    app = board.app
    reason = f"{name} asked for it" if len(name) < REASON_LIMIT // 2 else "they asked for it"
    return erase_user(app.access, app.ledger, STAFF, Erasure(number(board, name), reason))


def write(board: LiveBoard, function: Callable[..., Any], *arguments: Any) -> None:
    board.app.access.write(lambda connection: function(connection, *arguments))


def live_through_much(board: LiveBoard) -> None:
    """Let her leave something in every place, and others beside her."""
    with board.client(NAME) as she, board.client("bob") as bob:
        she.post("I saw a porcupine")
        she.post("and a wombat")
        she.dm("bob", "a secret platypus")
        she.list()
        bob.post("nothing but sparrows")
        bob.dm(NAME, "what an echidna")
        bob.dm("bob", "a note to myself")
        bob.list()
        act(board, presence.kick_user, number(board), f"the {NAME} of yesterday, numbat")
    she_id, bob_id = number(board), number(board, "bob")
    act(board, moderation.hide_post, 2, f"{NAME.upper()} again")
    act(board, moderation.hide_post, 3, "sparrows")
    act(board, remarks.add_remark, she_id, "saw a bilby once")
    mute(board, "user", NAME, note="quokka", reason=f"{NAME} shouts")
    write(board, noticeboard.keep_notice, she_id, "dugong for you")
    write(board, reports.report, "post", 1, bob_id, "potoroo")
    write(board, reports.report, "message", 1, bob_id, "potoroo")
    write(board, reports.report, "post", 3, she_id, "wallaroo")
    write(board, incidents.keep, [incidents.Incident("1f2e3d4c", 1, "dice", "hook", NAME, False, "trace")])
    write(board, index_more)
    for statement in FROM_AFAR:
        write(board, lambda c, sql: c.execute(sa.text(sql), {"id": she_id, "address": ADDRESS}), statement)


def everything(board: LiveBoard) -> dict[str, str]:
    """Return all rows of all tables, those of the index of words too, as one text each."""

    def found(connection: sa.Connection) -> dict[str, str]:
        names = sa.inspect(connection).get_table_names()
        tables = {name: connection.exec_driver_sql(f'SELECT * FROM "{name}"').all() for name in names}
        return {name: " ".join(readable(value) for row in rows for value in row) for name, rows in tables.items()}

    return board.app.access.read(found)


def readable(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def met(board: LiveBoard, *words: str) -> dict[str, set[str]]:
    """Return the tables in which each of these words stands."""
    texts = {name: text.casefold() for name, text in everything(board).items()}
    return {word: {name for name, text in texts.items() if word.casefold() in text} for word in words}


def test_nothing_of_an_erased_user_is_left_anywhere(board: LiveBoard) -> None:
    live_through_much(board)
    assert all(met(board, NAME, ADDRESS, *WORDS).values())
    she, last = number(board), last_act(board)
    act_id = erased(board)
    assert {word: places for word, places in met(board, NAME, ADDRESS, *WORDS).items() if places} == {}
    assert {"act_texts", "posts"} <= met(board, "sparrows")["sparrows"]
    assert [(one["id"], one["action"], one["reason_text"]) for one in acts_since(board, last)] == [
        (act_id, "user.erase", "… asked for it")
    ]
    after = json.loads(acts_since(board, last)[0]["after"])
    assert after == {"erased": True, "posts": 2, "messages": 2, "plugins": {}}
    assert board.app.access.read(board.app.ledger.verify) == []
    assert erasure.is_erased(board.app.access.read(lambda c: get_user(c, she)))
    with pytest.raises(NotFound):
        number(board)


def test_others_keep_what_is_theirs_and_the_name_is_free(tmp_path: Path, database_url: str) -> None:
    with LiveBoard(tmp_path, server={"database": database_url}) as board, board.client("bob") as bob:
        live_through_much(board)
        assert bob.listdm() == ["a secret platypus", "a note to myself"]
        former = number(board)
        act(board, sanctions.lift, 1, "it is over")
        erased(board)
        assert (bob.list(), bob.listdm()) == ([], ["a note to myself"])
        with board.client(NAME) as another:
            another.post("I am new here")
            assert (another.list(), another.listdm()) == (["127.0.0.1 I am new here"], [])
            bob.dm(NAME, "welcome")
            bob.list()
            assert another.listdm() == ["welcome"]
            assert number(board) != former
        with board.client(f"erased-{former}") as other:
            assert other.listdm() == []
    with LiveBoard(tmp_path, server={"database": database_url}) as board, board.client("bob") as bob:
        assert (bob.list(), bob.listdm()) == (["127.0.0.1 I am new here"], ["a note to myself"])


def test_whoever_is_erased_is_no_longer_on_line_and_a_ban_of_the_name_goes_on(board: LiveBoard) -> None:
    with board.client(NAME) as she:
        she.post("hello")
        she.list()
        last = last_act(board) if acts_since(board, 0) else 0
        act_id = erased(board)
        assert "The staff has ended your session" in " ".join(she.list())
        found = acts_since(board, last)
        assert [(one["action"], one["parent_id"]) for one in found] == [("user.erase", None), ("session.kick", act_id)]
    board.departed()


def test_a_ban_of_the_name_goes_on_after_a_restart_too(tmp_path: Path, database_url: str) -> None:
    with LiveBoard(tmp_path, server={"database": database_url}) as board:
        with board.client(NAME) as she:
            she.post("hello")
            she.list()
        number_of_ban = ban(board, "user", NAME, note="the quokka", reason=f"{NAME} spams")
        erased(board)
        assert met(board, NAME, "quokka") == {NAME: set(), "quokka": set()}
        with board.client(NAME) as banned, board.client(f"{NAME} the second") as another:
            assert (banned.list(), another.list()) == ([UNSAID], [])
    with LiveBoard(tmp_path, server={"database": database_url}) as board:
        with board.client(NAME) as banned:
            assert banned.list() == [UNSAID]
        act(board, sanctions.lift, number_of_ban, "years ago")
        with board.client(NAME) as another:
            assert another.list() == []


def test_an_erasure_of_much_is_done_in_parts(board: LiveBoard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "ROWS_AT_A_TIME", 2)
    with board.client(NAME) as she, board.client("bob") as bob:
        for count in range(5):
            she.post(f"post {count}")
            she.dm("bob", f"message {count}")
        she.list()
        write(board, index_more)
        act(board, moderation.purge_post, 1, "spam")
        bob.post("mine")
        act_id = erased(board)
        assert (bob.list(), bob.listdm()) == (["127.0.0.1 mine"], [])
    found = [one for one in acts_since(board, 0) if one["action"] == "user.erase"]
    assert [one["parent_id"] for one in found] == [None, act_id, act_id]
    assert sum(json.loads(one["after"])["posts"] for one in found) == 5
    assert [json.loads(one["after"])["erased"] for one in found] == [False, False, True]
    assert met(board, NAME, "post 4", "message 4") == {NAME: set(), "post 4": set(), "message 4": set()}


def test_a_name_of_any_kind_is_erased_and_the_ledger_says_still_who_acted_and_why(tmp_path: Path) -> None:
    with LiveBoard(tmp_path) as board:
        for post_id, name in enumerate(("", "a", "%", "_", "olga", "🦊'; DROP TABLE users; --", "x" * 9000), 1):
            with board.client(name) as client:
                client.post("hello")
                client.list()
            mute(board, "user", name)
            act(board, moderation.hide_post, post_id, "a matter of 100% taste")
            erased(board, name)
            assert name in ("", "olga") or name not in texts_of_acts(board)
            with pytest.raises(NotFound):
                number(board, name)
        assert {"olga", "a matter of 100% taste", "spam"} <= texts_of_acts(board)
        assert board.app.access.read(board.app.ledger.verify) == []


def test_a_short_name_in_the_reason_of_its_erasure_is_not_kept_either(tmp_path: Path) -> None:
    """Such names are common in Chinese, Japanese and Korean."""
    with LiveBoard(tmp_path) as board, board.client("日本") as client:
        client.post("hello")
        client.list()
        app = board.app
        erase(app.access, app.ledger, STAFF, lambda _: [], number(board, "日本"), "日本 asked for it")
        assert {text for text in texts_of_acts(board) if "asked" in text} == {"… asked for it"}


def test_other_servers_follow_and_give_the_free_name_to_someone_else(tmp_path: Path, postgres_url: str) -> None:
    for node in ("one", "two"):
        (tmp_path / node).mkdir()
    with (
        fresh_postgres_database(postgres_url) as url,
        LiveBoard(tmp_path / "one", server={"database": url}) as one,
        LiveBoard(tmp_path / "two", server={"database": url}) as two,
        two.client("bob") as bob,
        two.client(NAME) as she,
    ):
        she.post("hello")
        she.dm("bob", "a secret")
        she.list()
        assert bob.listdm() == ["a secret"]
        former = number(one)
        erased(one)
        until(lambda: (bob.list(), bob.listdm()) == ([], []))
        with two.client(NAME) as another:
            another.post("I am new here")
            assert another.list() == ["127.0.0.1 I am new here"]
        assert number(one) != former


def until(holds: Callable[[], bool]) -> None:
    """Ask again until it is so, within the time in which servers follow each other."""
    end = time.monotonic() + FOLLOWED_S
    while not holds():
        assert time.monotonic() < end


def texts_of_acts(board: LiveBoard) -> set[str]:
    return set(board.app.access.read(lambda c: c.execute(sa.select(ActText.text)).scalars().all()))


def test_where_a_plugin_fails_nothing_is_erased_unless_that_is_forced(board: LiveBoard) -> None:
    asked: list[User] = []

    def ask(user: User) -> list[Reply]:
        asked.append(user)
        return [Reply("dice", Outcome.FAILED, "It failed (incident 1)."), Reply("wiki", Outcome.ANSWERED, "3 pages.")]

    with board.client(NAME) as she:
        she.post("hello")
        she.list()
    board.departed()
    write(board, index_more)
    she_id, app = number(board), board.app
    outcome = erase(app.access, app.ledger, STAFF, ask, she_id, f"{NAME} asked")
    assert (outcome.erased, [one.plugin for one in outcome.plugins]) == (False, ["dice", "wiki"])
    [noted] = acts_since(board, 0)
    assert (noted["id"], noted["reason_text"]) == (outcome.act_id, "… asked")
    assert json.loads(noted["after"]) == {"erased": False, "plugins": {"dice": "failed", "wiki": "answered"}}
    assert number(board) == she_id
    assert erase(app.access, app.ledger, STAFF, ask, she_id, "again", force=True).erased
    assert [(user.id, user.name) for user in asked] == [(she_id, NAME)] * 2
    assert erase(app.access, app.ledger, STAFF, ask, she_id, "once more", force=True).erased
    assert asked[-1].name == f"erased-{she_id}"


def test_an_export_holds_all_but_messages_and_the_rows_of_others(
    board: LiveBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bbs_core.personal_data.ROWS_AT_A_TIME", 1)
    live_through_much(board)
    replies = [Reply("dice", Outcome.ANSWERED, "", {"rolls": [1, 6]}), Reply("wiki", Outcome.OFF, "It is off.")]
    text = "".join(as_json(export_user(board.app.access.read, number(board), replies)))
    told = json.loads(text)
    assert (told["user"]["name"], told["user"]["posts"], told["user"]["messages"]) == (NAME, 2, 1)
    assert [one["address"] for one in told["addresses"]] == [ADDRESS]
    assert [(one["text"], one["state"]) for one in told["posts"]] == [
        ("I saw a porcupine", "visible"),
        ("and a wombat", "hidden"),
    ]
    assert [one["words"] for one in told["reports"]] == ["wallaroo"]
    assert [(one["measure"], one["note"]) for one in told["sanctions"]] == [("mute", "quokka")]
    assert [one["text"] for one in told["notes_of_staff"]] == ["saw a bilby once"]
    acts = [one["action"] for part in ("posts", "sanctions", "the_user") for one in told[f"acts_on_{part}"]]
    assert acts == ["post.hide", "mute.add", "user.note"]
    counts = {name: told["messages"][name] for name in ("sent", "received", "notices_waiting")}
    assert counts == {"sent": 1, "received": 1, "notices_waiting": 1}
    assert [(one["plugin"], one["data"]) for one in told["plugins"]] == [("dice", {"rolls": [1, 6]}), ("wiki", None)]
    assert not [word for word in ("platypus", "echidna", "dugong", "sparrows", "potoroo", "olga") if word in text]
