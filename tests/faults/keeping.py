"""A plugin that keeps rows of every type in tables of its own, and other versions of it."""

from __future__ import annotations

HEAD = """
import datetime
import decimal
import json
import uuid

import sqlalchemy as sa
from bbs_core.plugin import command, migration

"""
# Alphabetically the rolls come before the players to whom they refer.
TABLES = """
ID = {"primary_key": True}


def players():
    return [sa.Column("id", sa.Integer, **ID), sa.Column("name", sa.Text, unique=True)]


def rolls():
    return [
        sa.Column("id", sa.Integer, **ID),
        sa.Column("player_id", sa.Integer, sa.ForeignKey("plugin_dice__zplayers.id"), nullable=False),
        sa.Column("roll_id", sa.Integer, sa.ForeignKey("plugin_dice__arolls.id")),
        sa.Column("large", sa.BigInteger), sa.Column("real", sa.Float), sa.Column("exact", sa.Numeric(12, 4)),
        sa.Column("yes", sa.Boolean), sa.Column("at", sa.DateTime), sa.Column("zoned", sa.DateTime(timezone=True)),
        sa.Column("day", sa.Date), sa.Column("hour", sa.Time), sa.Column("bytes", sa.LargeBinary),
        sa.Column("json", sa.JSON), sa.Column("uuid", sa.Uuid), sa.Column("a %(word)s", sa.String(20)),
        sa.Column("twice", sa.BigInteger, sa.Computed(sa.column("large") + sa.column("large"))),
    ]


def turns():
    return [sa.Column("id", sa.Integer, sa.Identity(always=True), **ID), sa.Column("word", sa.Text)]


METADATA = sa.MetaData()
PLAYERS = sa.Table("plugin_dice__zplayers", METADATA, *players())
ROLLS = sa.Table("plugin_dice__arolls", METADATA, *rolls())
TURNS = sa.Table("plugin_dice__turns", METADATA, *turns())
COLUMNS = [column for column in ROLLS.columns if column.name != "zoned"]


@migration(1)
def first(schema):
    schema.create_table("plugin_dice__zplayers", *players())
    schema.create_table("plugin_dice__arolls", *rolls())
    schema.create_table("plugin_dice__turns", *turns())
    schema.execute(sa.insert(PLAYERS).values(id=1, name="the house"))
"""
COMMANDS = """
@command("/fill")
async def fill(storage):
    utc, one = datetime.UTC, {"id": 1, "player_id": 3, "roll_id": 3}
    one |= {"large": 2**61, "real": 0.1, "exact": decimal.Decimal("12345678.0625"), "yes": True,
        "json": {"a": [1, None]}, "at": datetime.datetime(2024, 2, 29, 23, 59, 58, 7),
        "zoned": datetime.datetime(2024, 2, 29, 1, tzinfo=utc),
        "day": datetime.date(1, 2, 3), "hour": datetime.time(4, 5, 6, 7), "bytes": bytes(range(256)),
        "uuid": uuid.UUID(int=2**127 + 5), "a %(word)s": "\\x1b 日本語 😀 '\\"\\\\"}
    two = {name: None for name in one} | {"id": 2, "player_id": 2}
    three = one | {"id": 3, "roll_id": 1, "large": -1, "real": float("-inf"), "exact": decimal.Decimal("-0.0001"),
        "yes": False, "json": 5, "a %(word)s": "", "bytes": b""}
    known = [{"id": 2, "name": "bob"}, {"id": 3, "name": "eve"}]
    await storage.write(sa.delete(PLAYERS), sa.insert(PLAYERS).values(known),
        sa.insert(ROLLS).values(one | {"roll_id": None}), sa.insert(ROLLS).values(two), sa.insert(ROLLS).values(three),
        sa.update(ROLLS).where(ROLLS.c.id == 1).values(roll_id=3),
        sa.insert(TURNS).values(word="one"), sa.insert(TURNS).values(word="two"),
        sa.delete(TURNS).where(TURNS.c.id == 1))
    return ["filled"]


@command("/show")
async def show(storage):
    found = [*await storage.read(sa.select(*COLUMNS).order_by(ROLLS.c.id)), *await storage.read(sa.select(TURNS)),
        *await storage.read(sa.select(PLAYERS).order_by(PLAYERS.c.id))]
    zoned = [row["zoned"] and in_utc(row["zoned"])
        for row in await storage.read(sa.select(ROLLS.c.zoned).order_by(ROLLS.c.id))]
    nulls = await storage.read(sa.select(ROLLS.c.id).where(ROLLS.c.json.is_(sa.null())))
    same = await storage.read(sa.select(ROLLS.c.id).where(ROLLS.c.at == datetime.datetime(2024, 2, 29, 23, 59, 58, 7)))
    return [*[ascii([*row.items()]) for row in found], ascii(zoned), f"{len(nulls)} {len(same)}"]


def in_utc(time):
    return time.astimezone(datetime.UTC) if time.tzinfo else time.replace(tzinfo=datetime.UTC)


@command("/more")
async def more(storage):
    await storage.write(sa.insert(ROLLS).values(player_id=2), sa.insert(TURNS).values(word="three"))
    last = [await storage.read(sa.select(sa.func.max(table.c.id).label("id"))) for table in (ROLLS, TURNS)]
    return [" ".join(str(row["id"]) for [row] in last)]


@command("/names")
async def names(storage):
    return [str([*row.values()]) for row in await storage.read(sa.select(PLAYERS).order_by(PLAYERS.c.id))]
"""
KEEPING = HEAD + TABLES + COMMANDS
SECOND = """

@migration(2)
def second(schema):
    schema.add_column("plugin_dice__zplayers", sa.Column("team", sa.Text, nullable=False, server_default="red"))
    schema.execute(sa.update(PLAYERS).values(name=PLAYERS.c.name + " the second"))
"""
FAILING = """

@migration(2)
def second(schema):
    schema.execute(sa.insert(PLAYERS).values(id=2, name="once more"))
"""
UNCHECKED, CHECKED = '**ID), sa.Column("name"', '**ID), sa.CheckConstraint(sa.column("id") != 2), sa.Column("name"'
