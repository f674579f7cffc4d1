"""What happens on the board, told to other servers: signed, in order, at least once (docs/operating.md, Webhooks)."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, Field

from bbs_core import plugin as bbs

# Of each target, what waits and what is done: more than anyone looks through, and no trouble that fills the disk.
KEPT, SHOWN, AT_ONCE, DAY_MS = 1000, 100, 50, 86_400_000
FIRST_PAUSE_MS, LONGEST_PAUSE_MS, SPARE_MS = 10_000, 3_600_000, 5_000
EXAMPLE = '{"chat": {"url": "https://example.org/x", "secret": "16 characters or more", "events": ["posts", "acts"]}}'
NUMBERS, TEXTS = ("id", "at_ms", "due_ms", "attempts"), ("target", "event", "state", "error", "author", "body")
deliveries = sa.table("plugin_webhook__deliveries", *(sa.column(name) for name in NUMBERS + TEXTS))
NEW = {"state": "waiting", "error": "", "due_ms": 0, "attempts": 0}
row, waits = deliveries.c, deliveries.c.state == "waiting"


class Target(BaseModel):
    """A server that is told."""

    url: bbs.Url
    secret: bbs.Secret
    events: set[Literal["posts", "acts"]] = {"posts"}


@bbs.settings
class Settings(BaseModel):
    """Who is told, and how long we try."""

    targets: dict[bbs.Word, Target] = Field({}, max_length=10, description=f"Up to ten, by name: {EXAMPLE}")
    timeout_s: float = Field(10.0, gt=0, le=30, title="Time limit", description="Seconds that a target has.")
    retries: int = Field(8, ge=0, le=20, description="After 10 s, 20 s, 40 s and so on, an hour at most.")
    allow_private: bool = Field(False, title="Allow private addresses", description="As in your own network.")


@bbs.migration(1)
def make_deliveries(schema: bbs.Schema) -> None:
    """Make the table of what waits and what is done."""
    numbers = (sa.Column(name, sa.BigInteger) for name in NUMBERS[1:])
    texts = (sa.Column(name, sa.Text) for name in TEXTS)
    schema.create_table(deliveries.name, sa.Column("id", sa.Integer, primary_key=True), *numbers, *texts)


@bbs.hookimpl
async def bbs_posts_committed(posts: Sequence[bbs.Post], settings: Settings, storage: bbs.Storage) -> None:
    """Have posts wait for whom they are told."""
    await _put(storage, settings, "post", posts, "id", "username", "text")


@bbs.hookimpl
async def bbs_acts_recorded(acts: Sequence[bbs.Act], settings: Settings, storage: bbs.Storage) -> None:
    """Have acts wait for whom they are told, without their reasons, in which people may be named."""
    await _put(storage, settings, "act", acts, "id", "actor_kind", "action", "target_kind", "target_id")


async def _put(storage: bbs.Storage, settings: Settings, kind: str, found: Sequence[Any], *told: str) -> None:
    """Have events wait; the oldest of too many are given up, and counted."""
    targets = [name for name, one in settings.targets.items() if f"{kind}s" in {*one.events, "tests"}]
    rows = [{**NEW, **_event(kind, one, told), "target": target} for one in found for target in targets]
    old = [_old(one).where(waits) for one in targets]
    touched = await storage.write((sa.insert(deliveries), rows), *old) if rows else 0
    if touched > len(rows):
        await storage.add("given up", touched - len(rows))


def _event(kind: str, about: Any, told: Sequence[str]) -> dict[str, Any]:
    event, at = f"{kind}-{about.id}", datetime.fromtimestamp(about.at_ms / 1000, UTC).isoformat()
    body = {"id": event, "at": at, "kind": kind, "data": {name: getattr(about, name) for name in told}}
    return {"event": event, "at_ms": about.at_ms, "author": getattr(about, "username", ""), "body": json.dumps(body)}


def _old(target: str) -> sa.Delete:
    newest = sa.select(row.id).where(row.target == target).order_by(row.id.desc()).offset(KEPT).limit(1)
    return sa.delete(deliveries).where(row.target == target, row.id <= newest.scalar_subquery())


@bbs.every("1s")
async def send_waiting(server: bbs.Server, settings: Settings, storage: bbs.Storage) -> None:
    """Begin with each target that is not at it; a slow one holds up no other."""
    for name in settings.targets:
        server.begin(name, _send, name, server, settings, storage)


async def _send(name: str, server: bbs.Server, settings: Settings, storage: bbs.Storage) -> None:
    """Send what is due for a target in its order; each is put off first, so that no other server sends it too."""
    target, how = settings.targets[name], settings.model_dump(include={"timeout_s", "allow_private"})
    first = sa.select(deliveries).where(row.target == name, waits).order_by(row.id).limit(AT_ONCE)
    for one in await storage.read(first):
        this = sa.update(deliveries).where(row.id == one["id"], waits)
        put_off = this.values(due_ms=bbs.now_ms() + round(1000 * settings.timeout_s) + SPARE_MS)
        if one["due_ms"] > bbs.now_ms() or not await storage.write(put_off.where(row.due_ms == one["due_ms"])):
            return
        became = {"state": "sent", "error": "", "author": "", "body": ""}
        try:
            await server.http_post(target.url.get_secret_value(), one["body"], target.secret.get_secret_value(), **how)
        except bbs.UserError as error:
            became = {"error": str(error)[:200], "state": "waiting" if one["attempts"] < settings.retries else "failed"}
        due_ms = bbs.now_ms() + min(FIRST_PAUSE_MS << one["attempts"], LONGEST_PAUSE_MS)
        ended = this.values(**became, at_ms=bbs.now_ms(), due_ms=due_ms, attempts=one["attempts"] + 1)
        await storage.write(ended, _old(name).where(sa.not_(waits)))
        if became["state"] == "waiting":
            return


@bbs.page("Deliveries")
async def show_deliveries(settings: Settings, storage: bbs.Storage) -> bbs.Content:
    """Show what was sent and what waits, with the number of those that were too many to wait."""
    urls, rows = {name: one.url.get_secret_value() for name, one in settings.targets.items()}, []
    for one in await storage.read(sa.select(deliveries).order_by(row.id.desc()).limit(SHOWN)):
        again = "" if one["state"] == "sent" else bbs.Form(try_again, fixed={"number": one["id"]})
        host = f" ({urls[one['target']].split('/')[2]})" if one["target"] in urls else ""
        what = [one[name] for name in ("event", "state", "attempts", "error")]
        rows.append([bbs.Time(one["at_ms"]), one["target"] + host, *what, again])
    table = bbs.Table(["Time", "Target", "Event", "Status", "Attempts", "Error", ""], rows, "The newest first")
    return [bbs.Form(send_test), bbs.Facts({"Given up unsent": await storage.get("given up", 0)}), table]


@bbs.action("Send a test event")
async def send_test(settings: Settings, storage: bbs.Storage) -> str:
    """Send an event of the kind "test" to every target."""
    await _put(storage, settings, "test", [bbs.Post(bbs.now_ms(), "", "", "", bbs.now_ms())])
    return f"It is on its way to {', '.join(settings.targets) or 'no target'}."


@bbs.action("Try again now")
async def try_again(storage: bbs.Storage, number: int) -> str:
    """Send it as soon as can be."""
    touched = await storage.write(sa.update(deliveries).where(row.id == number, row.state != "sent").values(NEW))
    return "It is on its way." if touched else "It was sent meanwhile."


@bbs.card("Webhook events not taken")
async def show_failing(storage: bbs.Storage) -> bbs.Content:
    """Say which targets have not taken something today."""
    late = sa.select(row.target, sa.func.count().label("n")).where(row.error != "", row.at_ms > bbs.now_ms() - DAY_MS)
    found = await storage.read(late.group_by(row.target))
    return bbs.Facts({one["target"]: one["n"] for one in found}) if found else None


@bbs.hookimpl
async def bbs_forget_user(user: bbs.User, storage: bbs.Storage) -> str | None:
    """Forget the user's posts that were not taken yet."""
    forgotten = await storage.write(sa.delete(deliveries).where(row.author == user.name))
    return f"{forgotten} posts that waited for other servers were forgotten." if forgotten else None
