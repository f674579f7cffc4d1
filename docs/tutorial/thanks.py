"""Thanks: who was thanked, and by whom."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, Field

from bbs_core.plugin import (
    Answer,
    Content,
    Facts,
    Form,
    Post,
    Refuse,
    Rest,
    Schema,
    Server,
    Session,
    Storage,
    Table,
    Time,
    User,
    UserError,
    Verdict,
    action,
    card,
    command,
    example,
    hookimpl,
    migration,
    never_blocks,
    now_ms,
    page,
    settings,
)

requires_api = ">=1.0,<2"

given = sa.Table(
    "plugin_thanks__given",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("giver", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("at_ms", sa.BigInteger),
    sa.Column("post_id", sa.BigInteger),
)


@migration(1)
def make_table(schema: Schema) -> None:
    schema.create_table(
        "plugin_thanks__given",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("giver", sa.Text),
        sa.Column("name", sa.Text),
    )


@command("/thanks", rate="5/m")
@example("/thanks bob for the tea", like="bob will read it.")
@example("/thanks zoe", like="There is no user zoe.")
@example("/thanks", like="Nobody was thanked yet.")
async def thank(
    session: Session,
    server: Server,
    storage: Storage,
    settings: Settings,
    user: User | None = None,
    reason: Rest = "",
) -> Answer:
    """Thank somebody, or see who was thanked most.

    Whoever is thanked is told so.
    """
    if user is None:
        return await best(storage, settings.top)
    if user.name == session.username:
        raise UserError("Nobody thanks themselves.")
    values = {"giver": session.username, "name": user.name, "reason": reason, "at_ms": now_ms()}
    await storage.write(sa.insert(given).values(values))
    await server.notify(user.name, f"{session.username} thanks you {reason}".rstrip() + ".")
    return f"{user.name} will read it."


async def best(storage: Storage, limit: int) -> list[str]:
    count = sa.func.count().label("count")
    counted = sa.select(given.c.name, count).group_by(given.c.name)
    rows = await storage.read(counted.order_by(count.desc(), given.c.name).limit(limit))
    return [f"{row['name']}: {row['count']}" for row in rows] or ["Nobody was thanked yet."]


@migration(2)
def keep_reasons(schema: Schema) -> None:
    schema.add_column("plugin_thanks__given", sa.Column("reason", sa.Text, server_default=""))
    schema.add_column("plugin_thanks__given", sa.Column("at_ms", sa.BigInteger, server_default="0"))


@settings
class Settings(BaseModel):
    top: int = Field(3, ge=1, le=20, description="How many names /thanks shows.")


@migration(3)
def keep_posts(schema: Schema) -> None:
    schema.add_column("plugin_thanks__given", sa.Column("post_id", sa.BigInteger))


THANKS = re.compile(r"thanks,? (\w+)\b[,.!]* ?(.*)", re.IGNORECASE)


@hookimpl
async def bbs_posts_committed(server: Server, storage: Storage, posts: Sequence[Post]) -> None:
    found = [values for post in posts if (values := await thanks_in(post, server))]
    if found:
        before = sa.delete(given).where(given.c.post_id.in_([values["post_id"] for values in found]))
        await storage.write(before, sa.insert(given).values(found))


async def thanks_in(post: Post, server: Server) -> dict[str, Any] | None:
    words = THANKS.match(post.text)
    user = await server.user(words[1]) if words else None
    if words is None or user is None:
        return None
    return {"giver": post.username, "name": user.name, "reason": words[2], "at_ms": post.at_ms, "post_id": post.id}


@hookimpl
@never_blocks
def bbs_screen_post(session: Session, text: str) -> Verdict:
    words = THANKS.match(text)
    return Refuse("Nobody thanks themselves.") if words and words[1] == session.username else None


@command("/unthank", may="teachers")
async def unthank(storage: Storage, user: User) -> str:
    """Take the newest thanks to somebody back."""
    newest = sa.select(sa.func.max(given.c.id)).where(given.c.name == user.name).scalar_subquery()
    gone = await storage.write(sa.delete(given).where(given.c.id == newest))
    return "It is taken back." if gone else f"Nobody has thanked {user.name}."


@page("Thanks")
async def latest(storage: Storage) -> Content:
    rows = await storage.read(sa.select(given).order_by(given.c.id.desc()).limit(100))
    cells = [
        [row["giver"], row["name"], row["reason"], Time(row["at_ms"]), Form(take_back, fixed={"number": row["id"]})]
        for row in rows
    ]
    return Table(["From", "To", "For", "When", ""], cells, "The newest thanks")


@card("Thanks")
async def total(storage: Storage) -> Content:
    [row] = await storage.read(sa.select(sa.func.count().label("count")).select_from(given))
    return Facts({"given so far": row["count"]})


@action("Take back")
async def take_back(number: int, storage: Storage) -> Content:
    gone = await storage.write(sa.delete(given).where(given.c.id == number))
    return "It is taken back." if gone else "It was taken back already."


@hookimpl
async def bbs_export_user(storage: Storage, user: User) -> Mapping[str, Any] | None:
    rows = await storage.read(sa.select(given).where(concerns(user)))
    return {"thanks": [dict(row) for row in rows]} if rows else None


@hookimpl
async def bbs_forget_user(storage: Storage, user: User) -> str | None:
    gone = await storage.write(sa.delete(given).where(concerns(user)))
    return f"{gone} thanks were erased." if gone else None


def concerns(user: User) -> sa.ColumnElement[bool]:
    return sa.or_(given.c.giver == user.name, given.c.name == user.name)
