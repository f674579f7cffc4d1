"""The tables of plugins: their own and no other's, changed by migrations, with an end to each statement."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import quoted_name
from structlog.testing import capture_logs

from bbs_core.errors import StorageError
from bbs_core.public.storage import ROWS
from bbs_core.store import plugin_tables
from bbs_core.store.plugin_statements import READS, WRITES, Guard
from bbs_core.store.staff_models import IncidentRow
from tests.platform.outside import put
from tests.support import fresh_postgres_database
from tests.wire.live import LiveBoard

HEAD = """
    import sqlalchemy as sa
    from bbs_core.plugin import command, migration

    scores = sa.Table("plugin_dice__scores", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True),
                      sa.Column("name", sa.Text), sa.Column("points", sa.Integer))

    @command("/tables")
    async def tables(storage):
        return str(len(await storage.read(sa.select(scores))))

    @migration(1)
    def first(schema):
        schema.create_table("plugin_dice__scores", sa.Column("id", sa.Integer, primary_key=True),
                            sa.Column("name", sa.Text, nullable=False), sa.Column("points", sa.Integer))
"""
RUNAWAY = """
    @command("/run")
    async def run(storage):
        numbers = sa.select(sa.literal(1).label("n")).cte("numbers", recursive=True)
        numbers = numbers.union_all(sa.select(numbers.c.n + 1))
        await storage.write(sa.insert(scores).from_select(["name", "points"], sa.select(sa.literal("x"), numbers.c.n)))

    @command("/look")
    async def look(storage):
        numbers = sa.select(sa.literal(1).label("n")).cte("numbers", recursive=True)
        numbers = numbers.union_all(sa.select(numbers.c.n + 1))
        await storage.read(sa.select(sa.func.count()).select_from(numbers))
"""
own = sa.Table(
    "plugin_dice__scores",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("points", sa.Integer),
)
users = sa.table("users", sa.column("id"), sa.column("name"))


class Raw(sa.ColumnElement[Any]):
    """An element that is written as its plugin wants."""

    inherit_cache = False
    type = sa.Text()


@compiles(Raw)
def raw(element: Raw, compiler: Any, **kwargs: Any) -> str:
    return "(SELECT name FROM users)"


class Shouted(sa.TypeDecorator[str]):
    """A type with code of its own."""

    impl = sa.Text
    cache_ok = True


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveBoard]:
    """A board with a plugin that has a table, once on each database."""
    data = tmp_path_factory.mktemp("data")
    put(data, "dice.py", HEAD + RUNAWAY)
    with ExitStack() as stack:
        # To print a traceback through SQLAlchemy takes a terminal's log many seconds.
        stack.enter_context(capture_logs())
        shared = request.param == "postgresql"
        kind = fresh_postgres_database(request.getfixturevalue("postgres_url")) if shared else nullcontext("")
        yield stack.enter_context(LiveBoard(data, server={"database": stack.enter_context(kind)}))


def storage(board: LiveBoard) -> Any:
    runner = board.app.plugins["dice"].runner
    assert runner is not None
    return runner.storage


def test_rows_are_written_together_and_read(live: LiveBoard) -> None:
    async def do() -> None:
        kept = storage(live)
        await kept.write(sa.delete(own))
        rows = [{"name": name, "points": number} for number, name in enumerate(("ann", "bob", "日本 😀"))]
        assert await kept.write(sa.insert(own).values(rows)) == 3
        assert (
            await kept.write(
                sa.update(own).values(points=own.c.points + 1).where(own.c.name.in_(["ann", "bob"])),
                sa.delete(own).where(own.c.name == "bob"),
            )
            == 3
        )
        best = sa.select(own.c.name, sa.func.max(own.c.points).label("best")).group_by(own.c.name).order_by(own.c.name)
        assert await kept.read(best) == [{"name": "ann", "best": 1}, {"name": "日本 😀", "best": 2}]
        with pytest.raises(StorageError):
            await kept.write(sa.delete(own), *(sa.insert(own).values(id=1, name=name) for name in "xy"))
        assert len(await kept.read(sa.select(own))) == 2
        assert live.app.writer.failing is None
        many = sa.select(sa.literal(1).label("n")).cte("many", recursive=True)
        many = many.union_all(sa.select(many.c.n + 1).where(many.c.n < ROWS + 1))
        with pytest.raises(StorageError, match="at most 10,000 rows"):
            await kept.read(sa.select(many))
        assert len(await kept.read(sa.select(many).limit(ROWS))) == ROWS
        with pytest.raises(StorageError, match="67,108,864 bytes"):
            await kept.read(sa.select(many, sa.literal("x" * 10_000)).limit(ROWS))

    live.wait(do())


def test_a_write_is_run_for_each_of_its_rows_and_then_for_the_rest(live: LiveBoard) -> None:
    async def do() -> None:
        kept = storage(live)
        await kept.write(sa.delete(own))
        rows = [{"name": f"user {number}", "points": number} for number in range(500)]
        assert await kept.write((sa.insert(own), rows), sa.delete(own).where(own.c.points >= 3)) == 500 + 497
        renamed = sa.update(own).where(own.c.points == sa.bindparam("place")).values(name=sa.bindparam("called"))
        people = [{"place": 0, "called": "日本 😀"}, {"place": 9, "called": "nobody"}]
        assert await kept.write((renamed, people), (sa.insert(own), [])) == 1
        assert await kept.read(sa.select(own.c.name).order_by(own.c.points)) == [
            {"name": "日本 😀"},
            {"name": "user 1"},
            {"name": "user 2"},
        ]

    live.wait(do())


class Odd(str):
    """A text with code of its own."""

    def __conform__(self, _protocol: object) -> str:
        raise SystemExit

    def replace(self, *_arguments: object) -> str:
        return "x' || (SELECT name FROM users) || '"


class OddRows(list[dict[str, Any]]):
    """Rows that say there are few of them."""

    def __len__(self) -> int:
        return 1


class OddDict(dict[str, Any]):
    """A value with code of its own."""


def deep(levels: int) -> list[Any]:
    return [deep(levels - 1)] if levels else []


as_json = sa.table(own.name, sa.column("name", sa.JSON()))
shouted = sa.table(own.name, sa.column("name", Shouted()), sa.column("points", sa.Integer))
late = sa.bindparam("called", type_=sa.Text, literal_execute=True)


@pytest.mark.parametrize(
    ("statement", "rows", "why"),
    [
        (sa.insert(own), [{"name": "x"}, {"name": "y", "points": 1}], "the keys that the statement has places for"),
        (sa.insert(own), [{"name": "x", "other": 1}], "and no other: other"),
        (sa.insert(own), [{"name": sa.text("(SELECT name FROM users)")}], "a value of the type TextClause"),
        (sa.insert(own), [{"name": object()}], "a value of the type object"),
        (sa.insert(own), [{"name": Odd("x")}], "a value of the type Odd"),
        (sa.insert(own), [{"name": "x"}, {"name": None}], "The database refuses it"),
        (sa.insert(own), [{"name": "x"}] * (ROWS + 1), "at most 10,000 rows"),
        (sa.insert(own), [{"name": "x" * 1_000_000}] * 9, "at most 8,388,608 bytes"),
        (sa.insert(own), OddRows([{"name": "x"}] * 2), "are a list of dicts"),
        (sa.insert(own), ({"name": "x"} for _ in "xy"), "are a list of dicts"),
        (sa.insert(own), [{Odd("name"): "x"}], "names of columns"),
        (sa.insert(own), 3, "are a list of dicts"),
        (sa.insert(as_json), [{"name": deep(60)}], "and not deep"),
        (sa.insert(as_json), [{"name": OddDict()}], "a OddDict there in JSON"),
        (sa.insert(as_json).values(name=[OddDict()]), [], "a OddDict there in JSON"),
        (sa.insert(shouted).values(points=1), [{"name": "x"}], "the type Shouted"),
        (sa.update(own).where(own.c.name == "x"), [{"name_1": "y"}], "and no other"),
        (sa.update(own).where(own.c.name == late).values(points=1), [{"called": "x"}], "a value that is made later"),
        (sa.select(own), [{"name": "x"}], "A Select will not do here"),
    ],
)
def test_rows_that_will_not_do_are_refused_and_nothing_is_written(
    live: LiveBoard, statement: Any, rows: Any, why: str
) -> None:
    async def do() -> None:
        kept = storage(live)
        before = await kept.read(sa.select(sa.func.count().label("n")).select_from(own))
        with pytest.raises(StorageError, match=why):
            await kept.write((statement, rows))
        assert await kept.read(sa.select(sa.func.count().label("n")).select_from(own)) == before
        assert live.app.writer.failing is None

    live.wait(do())


async def written(board: LiveBoard, *statements: Any) -> int:
    return int(await storage(board).write(*statements))


def test_rows_for_which_things_are_looked_up_have_a_second_together(live: LiveBoard) -> None:
    numbers = sa.select(sa.literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(sa.select(numbers.c.n + 1).where(numbers.c.n < 100_000))
    slow = sa.select(sa.func.count()).select_from(numbers).scalar_subquery()
    changed = sa.update(own).where(own.c.id == sa.bindparam("place")).values(points=slow)
    live.wait(written(live, sa.delete(own), (sa.insert(own), [{"id": n, "name": "x"} for n in range(1, 200)])))
    with pytest.raises(StorageError, match="longer than 1 s"):
        live.wait(written(live, (changed, [{"place": number} for number in range(1, 200)])))
    assert live.app.writer.failing is None


def test_a_value_that_the_driver_does_not_know_is_no_fault_of_the_database(live: LiveBoard) -> None:
    with contextlib.suppress(StorageError):  # PostgreSQL takes it
        live.wait(written(live, sa.insert(own).values(name=sa.literal(uuid.uuid4(), sa.types.NullType()))))
    assert live.app.writer.failing is None


def test_of_statements_that_nobody_waits_for_any_more_no_more_run_than_of_others(live: LiveBoard) -> None:
    numbers = sa.select(sa.literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(sa.select(numbers.c.n + 1))
    endless = sa.select(sa.literal("x"), sa.select(sa.func.count()).select_from(numbers).scalar_subquery())
    begun = []

    def note(*event: Any) -> None:
        if "RECURSIVE numbers" in event[2]:
            begun.append("INSERT INTO" in event[2])

    async def give_up(asked: Callable[[], Any]) -> None:
        for _ in range(5):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asked(), 0.05)

    async def do() -> None:
        kept = storage(live)
        await give_up(lambda: kept.write(sa.insert(own).from_select(["name", "points"], endless)))
        await give_up(lambda: kept.read(endless))
        await kept.write(sa.delete(own))
        await kept.read(sa.select(own))

    engines = (live.app._engine, live.app.readers._engine)
    for engine in engines:
        sa.event.listen(engine, "before_cursor_execute", note)
    live.wait(do())
    for engine in engines:
        sa.event.remove(engine, "before_cursor_execute", note)
    assert begun.count(True) == 1
    assert 1 <= begun.count(False) < live.settings.store.readers


DISGUISES: dict[str, Callable[[], Any]] = {
    "a table": lambda: sa.select(users),
    "a column": lambda: sa.select(users.c.name).select_from(own),
    "a join": lambda: sa.select(own).join(users, users.c.id == own.c.id),
    "an outer join": lambda: sa.select(own.c.id).outerjoin(users, users.c.id == own.c.id),
    "an alias": lambda: sa.select(users.alias("plugin_dice__scores")),
    "a subquery": lambda: sa.select(sa.select(users.c.name).subquery("plugin_dice__scores")),
    "a scalar subquery": lambda: sa.select(own.c.id, sa.select(users.c.name).limit(1).scalar_subquery()),
    "exists": lambda: sa.select(own).where(sa.exists().where(users.c.id == 1)),
    "in": lambda: sa.select(own).where(own.c.name.in_(sa.select(users.c.name))),
    "a CTE": lambda: sa.select(sa.select(users).cte("plugin_dice__scores")),
    "a CTE beside": lambda: sa.select(own).add_cte(sa.select(users).cte("x")),
    "a union": lambda: sa.union_all(sa.select(own.c.id), sa.select(users.c.id)),
    "an order": lambda: sa.select(own).order_by(sa.select(users.c.id).scalar_subquery()),
    "a limit": lambda: sa.select(own).limit(sa.select(users.c.id).limit(1).scalar_subquery()),
    "a window": lambda: sa.select(sa.func.sum(own.c.id).over(order_by=sa.select(users.c.id).scalar_subquery())),
    "a filter": lambda: sa.select(sa.func.count().filter(sa.exists().where(users.c.id == 1))),
    "a case": lambda: sa.select(sa.case((sa.exists().where(users.c.id == 1), 1), else_=0)),
    "a lateral": lambda: sa.select(own, sa.select(users.c.name).lateral("l")),
    "another schema": lambda: sa.select(sa.table("plugin_dice__scores", sa.column("id"), schema="pg_temp")),
    "a schema to be put in": lambda: sa.select(own).execution_options(schema_translate_map={None: "other"}),
    "a longer name": lambda: sa.select(sa.table("plugin_dicer__scores", sa.column("id"))),
    "a shorter name": lambda: sa.select(sa.table("plugin_dice", sa.column("id"))),
    "a name with another": lambda: sa.select(sa.table('plugin_dice__s", "users', sa.column("id"))),
    "the board's own": lambda: sa.select(sa.table("plugin_values", sa.column("key"))),
    "no quotes": lambda: sa.select(sa.column(quoted_name("(SELECT name FROM users)", quote=False))),
    "a label without quotes": lambda: sa.select(own.c.id.label(quoted_name("x, (SELECT 1)", quote=False))),
    "a text": lambda: sa.text("SELECT name FROM users"),
    "a text with columns": lambda: sa.text("SELECT name FROM users").columns(sa.column("name")),
    "a text within": lambda: sa.select(sa.text("name FROM users")),
    "a text as a condition": lambda: sa.select(own).where(sa.text("EXISTS (SELECT 1 FROM users)")),
    "a literal column": lambda: sa.select(sa.literal_column("(SELECT name FROM users)")),
    "a prefix": lambda: sa.select(own).prefix_with("(SELECT name FROM users),"),
    "a suffix": lambda: sa.select(own).suffix_with("UNION SELECT name FROM users"),
    "a hint": lambda: sa.select(own).with_hint(own, ", users"),
    "a hint to the statement": lambda: sa.select(own).with_statement_hint("UNION SELECT 1"),
    "an operator": lambda: sa.select(own.c.id.op("IN (SELECT id FROM users) OR")(1)),
    "a function that runs a text": lambda: sa.select(sa.func.query_to_xml("select * from users", True, True, "")),
    "a function that reads a file": lambda: sa.select(sa.func.pg_read_file("/etc/passwd")),
    "a function of a package": lambda: sa.select(sa.func.users.count()),
    "a function as a table": lambda: sa.select(sa.func.pragma_table_info("users").table_valued("name")),
    "a function that sleeps": lambda: sa.select(sa.func.pg_sleep(60)),
    "a sequence": lambda: sa.select(sa.Sequence("users_id_seq").next_value()),
    "an extract": lambda: sa.select(sa.extract("epoch FROM now()), (SELECT 1", own.c.id)),
    "a type with code": lambda: sa.select(sa.type_coerce(own.c.name, Shouted)),
    "a pickle": lambda: sa.select(sa.type_coerce(own.c.name, sa.PickleType)),
    "a cast to a type with code": lambda: sa.select(own.c.id).where(sa.cast(own.c.name, Shouted) == "x"),
    "an element of its own": lambda: sa.select(own.c.id, Raw()),
    "an element of its own in an order": lambda: sa.select(own).order_by(Raw()),
    "a value that is a function": lambda: sa.select(own).where(own.c.id == sa.bindparam("x", callable_=lambda: 1)),
    "a value with code": lambda: sa.select(own).where(own.c.name == sa.literal(object(), sa.Text)),
    "a regular expression": lambda: sa.select(own).where(own.c.name.regexp_match("(a+)+$")),
    "a lambda": lambda: sa.lambda_stmt(lambda: sa.select(own)),
    "a change": lambda: sa.insert(own).values(name="x"),
    "a change within": lambda: sa.select(sa.insert(own).values(name="x").returning(own.c.id).cte("x")),
    "a definition": lambda: sa.schema.DropTable(own),
    "words": lambda: "SELECT name FROM users",
}
CHANGES: dict[str, Callable[[], Any]] = {
    "an insert": lambda: sa.insert(users).values(name="x"),
    "an insert of another's rows": lambda: sa.insert(own).from_select(["name"], sa.select(users.c.name)),
    "an insert of another's value": lambda: sa.insert(own).values(name=sa.select(users.c.name).scalar_subquery()),
    "an update": lambda: sa.update(users).values(name="x"),
    "an update from another": lambda: sa.update(own).values(name=users.c.name).where(users.c.id == own.c.id),
    "an update to another's value": lambda: sa.update(own).values(name=sa.select(users.c.name).scalar_subquery()),
    "a delete": lambda: sa.delete(users),
    "a delete by another": lambda: sa.delete(own).where(own.c.id == users.c.id),
    "a delete by a subquery": lambda: sa.delete(own).where(own.c.id.in_(sa.select(users.c.id))),
    "a returned text": lambda: sa.insert(own).values(name="x").returning(sa.literal_column("(SELECT 1 FROM users)")),
    "a text as a value": lambda: sa.insert(own).values(name=sa.text("(SELECT name FROM users)")),
    "a change beside": lambda: sa.insert(own).values(name="x").add_cte(sa.delete(users).cte("x")),
    "a value with code": lambda: sa.insert(own).values([{"name": "x"}, {"name": object()}]),
    "a default with code": lambda: sa.insert(sa.table("plugin_dice__scores", sa.Column("id", default=lambda: 1))),
    "an update with code": lambda: sa.update(sa.table("plugin_dice__scores", sa.Column("id", onupdate=lambda: 1))),
    "a hint": lambda: sa.update(own).values(name="x").with_hint("x"),
    "a read": lambda: sa.select(own),
}


def on_conflict(dialect: Any, **more: Any) -> Any:
    return dialect.insert(own).values(id=1, name="x").on_conflict_do_update(index_elements=["id"], **more)


def test_another_s_table_is_refused_in_every_disguise(live: LiveBoard) -> None:
    guard = Guard("dice", live.app.writer.dialect)
    guard.check(sa.select(own), READS)
    guard.check(sa.insert(own).values(name="x").returning(own.c.id), WRITES)
    for disguises, kinds in ((DISGUISES, READS), (CHANGES, WRITES)):
        through = [name for name, disguise in disguises.items() if not refused(guard, disguise(), kinds)]
        assert through == []


def refused(guard: Guard, statement: Any, kinds: tuple[type, ...]) -> bool:
    try:
        guard.check(statement, kinds)
    except StorageError:
        return True
    return False


def test_an_upsert_is_one_of_the_own_table_alone(live: LiveBoard) -> None:
    dialect = live.app.writer.dialect
    guard, kind = Guard("dice", dialect), sqlite if dialect.name == "sqlite" else postgresql

    async def do() -> None:
        for name in ("x", "y"):
            assert await storage(live).write(on_conflict(kind, set_={"name": name})) == 1
        assert await storage(live).read(sa.select(own.c.name).where(own.c.id == 1)) == [{"name": "y"}]

    live.wait(do())
    other = sa.select(users.c.name).limit(1).scalar_subquery()
    for more in (
        {"set_": {"name": sa.text("(SELECT name FROM users)")}},
        {"set_": {"name": other}},
        {"set_": {"name": "x"}, "where": own.c.name == other},
    ):
        with pytest.raises(StorageError):
            guard.check(on_conflict(kind, **more), WRITES)


def test_a_read_that_would_change_something_cannot(live: LiveBoard) -> None:
    """The database itself refuses what the checks might have let through."""

    def sneak(connection: sa.Connection) -> Any:
        return plugin_tables.read(connection, sa.insert(own).values(name="sneaked").returning(own.c.id))

    async def do() -> None:
        with pytest.raises(StorageError, match="refuses it"):
            await live.app.readers.read(sneak)
        assert await storage(live).read(sa.select(own).where(own.c.name == "sneaked")) == []

    live.wait(do())


def test_a_runaway_statement_is_stopped_and_posts_are_stored_all_the_while(live: LiveBoard) -> None:
    with live.client("eve") as eve, live.client("ann") as ann:
        for word in ("/run", "/look"):
            eve.post(word)
            for number in range(5):
                ann.post(f"during {word} {number}")
                assert ann.list()[-1].endswith(f"during {word} {number}")
            [told] = [row for row in eve.list() if row.startswith("* ")]
            assert told.startswith("* The plugin dice failed (incident ")
        eve.post("/tables")
        assert eve.list()[-1].startswith("* ")
    assert live.app.writer.failing is None
    # By the writer, after the incidents that it was handed.
    query = sa.select(IncidentRow.trace).order_by(IncidentRow.id)
    traces = live.app.access.write(lambda connection: connection.execute(query).scalars().all())
    assert [trace.count(f"It took longer than {seconds} s") for seconds, trace in enumerate(traces, 1)] == [1, 1]
