"""The ledger: whoever changes, deletes or forges a row is found out, and a person's text can still be erased."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from bbs_core import ledger, moderation, posts
from bbs_core.errors import StoreError
from bbs_core.keys import KEY_BYTES
from bbs_core.ledger import KEY_FILE, Actor, Entry, Ledger
from bbs_core.store import engine
from bbs_core.store.engine import is_sqlite, writing_engine
from bbs_core.store.models import Post, User
from bbs_core.store.schema import migrate
from bbs_core.store.staff_models import Act, ActText

KEY = bytes(range(KEY_BYTES))
MO = Actor("staff", "Mo Name", "console")
REASON = "called Ann names, 日本語"
ACTS = 5


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[sa.Engine]:
    """A database with a ledger of five acts."""
    made = writing_engine(engine.database_url(database_url, tmp_path))
    migrate(made, tmp_path)
    with made.begin() as connection:
        for number in range(1, ACTS + 1):
            entry = Entry(MO, "post.hide", "post", str(number), REASON, {"state": "visible"}, {"state": "hidden"})
            assert Ledger(KEY).write(connection, entry) == number
    yield made
    made.dispose()


@pytest.fixture
def unguarded(database: sa.Engine) -> sa.Engine:
    """The same without its triggers, as someone who owns the database can have it."""
    with database.begin() as connection:
        for verb in ("UPDATE", "DELETE") if is_sqlite(database) else ("UPDATE", "DELETE", "TRUNCATE"):
            connection.exec_driver_sql(f"DROP TRIGGER acts_{verb}" + ("" if is_sqlite(database) else " ON acts"))
    return database


def run(database: sa.Engine, statement: sa.Executable) -> None:
    with database.begin() as connection:
        connection.execute(statement)


def faults(database: sa.Engine, key: bytes = KEY) -> list[str]:
    with database.connect() as connection:
        return Ledger(key).verify(connection)


def test_a_ledger_as_it_was_written_has_no_faults(database: sa.Engine) -> None:
    assert faults(database) == []
    with database.connect() as connection:
        assert ledger.last_act_id(connection) == ACTS
        assert [act["id"] for act in ledger.acts_after(connection, 2)] == [3, 4, 5]


def changed(value: object) -> object:
    """Return a value of the same kind that differs in one place."""
    match value:
        case bytes():
            return bytes([value[0] ^ 1]) + value[1:]
        case str():
            return value + " "
        case int():
            return value ^ 1
    return 1


def test_a_change_of_any_column_is_found(unguarded: sa.Engine) -> None:
    with unguarded.connect() as connection:
        act = dict(connection.execute(sa.select(Act.__table__).where(Act.id == 3)).mappings().one())
    for column, value in act.items():
        if column != "id":
            run(unguarded, sa.update(Act).where(Act.id == 3).values({column: changed(value)}))
            found = faults(unguarded)
            assert found[:1] == ["Act 3 is not as it was written."], column
            assert len(found) == (2 if column == "digest" else 1)  # the next act was chained to that digest
            run(unguarded, sa.update(Act).where(Act.id == 3).values({column: value}))
    assert faults(unguarded) == []


@pytest.mark.parametrize("act_id", [1, 3])
def test_a_deleted_act_is_found(unguarded: sa.Engine, act_id: int) -> None:
    run(unguarded, sa.delete(ActText).where(ActText.act_id == act_id))
    run(unguarded, sa.delete(Act).where(Act.id == act_id))
    assert faults(unguarded) == [f"Act {act_id} is missing.", f"Act {act_id + 1} is not as it was written."]


def test_acts_that_changed_places_are_found(unguarded: sa.Engine) -> None:
    run(unguarded, sa.delete(ActText))
    for old, new in ((2, 99), (3, 2), (99, 3)):
        run(unguarded, sa.update(Act).where(Act.id == old).values(id=new))
    assert faults(unguarded)[:2] == ["Act 2 is not as it was written.", "Act 3 is not as it was written."]


def test_an_act_written_without_the_key_is_found(database: sa.Engine) -> None:
    with database.begin() as connection:
        Ledger(bytes(KEY_BYTES)).write(connection, Entry(MO, "post.hide", "post", "9"))
    assert faults(database) == [f"Act {ACTS + 1} is not as it was written."]


@pytest.mark.parametrize("values", [{"text": "something nicer"}, {"salt": b"0123456789abcdef"}])
def test_a_changed_text_is_found(database: sa.Engine, values: dict[str, object]) -> None:
    run(database, sa.update(ActText).where(ActText.act_id == 4, ActText.text == REASON).values(values))
    assert faults(database) == ["A text of act 4 is not as it was written."]


def test_an_erased_text_leaves_the_chain_whole(database: sa.Engine) -> None:
    run(database, sa.delete(ActText).where(ActText.act_id == 2))
    assert faults(database) == []
    run(database, sa.delete(ActText))
    assert faults(database) == []


def test_the_chained_rows_hold_no_name_and_no_reason(database: sa.Engine) -> None:
    with database.connect() as connection:
        acts = str(connection.execute(sa.select(Act.__table__)).all())
        texts = connection.execute(sa.select(ActText.text).where(ActText.act_id == 1)).scalars()
        assert sorted(texts) == sorted([MO.name, REASON])
        digests = list(connection.execute(sa.select(Act.reason)).scalars())
    assert MO.name not in acts
    assert REASON not in acts
    assert len(set(digests)) == ACTS  # salted: the same reason does not look the same


@pytest.mark.parametrize(
    "statement",
    [sa.update(Act).values(via="cli"), sa.delete(Act).where(Act.id == ACTS), sa.text("TRUNCATE acts CASCADE")],
    ids=["update", "delete", "truncate"],
)
def test_the_database_refuses_to_change_the_ledger(database: sa.Engine, statement: sa.Executable) -> None:
    run(database, sa.delete(ActText))  # so that no reference is in the way
    never = "syntax error" if is_sqlite(database) and "TRUNCATE" in str(statement) else "The ledger is never changed"
    with pytest.raises(sa.exc.DBAPIError, match=never):
        run(database, statement)
    assert faults(database) == []


def test_an_act_that_cannot_be_written_has_no_effect(database: sa.Engine) -> None:
    with database.begin() as connection:
        connection.execute(sa.insert(User).values(id=1, name="ann", name_hash=b"ann"))
        connection.execute(sa.insert(Post).values(id=1, user_id=1, address="", text="x", at_ms=1))
        connection.exec_driver_sql("DROP TABLE act_texts")
    with pytest.raises(sa.exc.DBAPIError), database.begin() as connection:
        moderation.hide_post(connection, Ledger(KEY), MO, 1, REASON)
    with database.connect() as connection:
        assert connection.execute(sa.select(Post.state)).scalar_one() == posts.State.VISIBLE


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    key = ledger.open_key(tmp_path)
    assert len(key) == KEY_BYTES
    assert ledger.open_key(tmp_path) == key == (tmp_path / KEY_FILE).read_bytes()
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    other = tmp_path / "other"
    other.mkdir()
    assert ledger.open_key(other) != key


@pytest.mark.parametrize("length", [0, KEY_BYTES - 1, KEY_BYTES + 1])
def test_a_key_of_another_length_is_refused_in_one_sentence(tmp_path: Path, length: int) -> None:
    (tmp_path / KEY_FILE).write_bytes(bytes(length))
    with pytest.raises(StoreError, match=rf"^The key in \S+{KEY_FILE} is not {KEY_BYTES} bytes long\.$"):
        ledger.open_key(tmp_path)
