"""A plugin with a bit of everything, for the tests of the board that plugins are tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel
from pydantic import Field as Bounds

from bbs_core.plugin import (
    Content,
    Facts,
    Form,
    Hold,
    Post,
    Refuse,
    Server,
    Session,
    UserError,
    Verdict,
    action,
    card,
    command,
    every,
    hookimpl,
    never_blocks,
    now_ms,
    page,
    settings,
    verb,
)

calls: list[int] = []


@settings
class Sample(BaseModel):
    """What the staff may set."""

    greeting: str = "Hello"


@command("/count")
def count() -> str:
    """Count the calls since the import."""
    calls.append(1)
    return str(len(calls))


@command("/greet")
def greet(session: Session, settings: Sample) -> str:
    """Say hello."""
    return f"{settings.greeting}, {session.username}."


@command("/poke")
async def poke(session: Session, server: Server, whom: str) -> str:
    """Let somebody know that you are there."""
    if await server.user(whom) is None:
        raise UserError(f"Who is {whom}?")
    await server.notify(whom, f"{session.username} pokes you.")
    return f"{whom} is poked."


@command("/leave")
def leave(session: Session) -> None:
    """Go, with a word."""
    session.end("Go in peace.")


@command("/fail")
def fail() -> None:
    """Fail."""
    raise RuntimeError("on purpose")


@hookimpl
def bbs_screen_connection(address: str) -> Refuse | None:
    """Keep one address out."""
    return Refuse("not from there") if address == "192.0.2.1" else None


@hookimpl
@never_blocks
def bbs_screen_post(text: str) -> Verdict:
    """Hold what has a link."""
    return Hold("it has a link") if "http" in text else None


@hookimpl
async def bbs_posts_committed(server: Server, posts: Sequence[Post]) -> None:
    """Thank for each post."""
    for post in posts:
        if post.username != "operator":
            await server.notify(post.username, f"Thank you for {post.text}.")


@every("10m")
async def tell_the_time(server: Server) -> None:
    """Post the time."""
    await server.post(f"It is {now_ms()}.")


@verb("sum")
def add(*numbers: int) -> str:
    """Add numbers."""
    return str(sum(numbers))


@hookimpl
def bbs_metrics() -> dict[str, float]:
    """Tell how often it counted."""
    return {"calls": float(len(calls))}


@page("Greetings")
async def greetings(query: Mapping[str, str], server: Server, settings: Sample) -> Content:
    """Show who would be greeted, and how."""
    return [f"{settings.greeting}, {query.get('to', 'you')}. On line: {', '.join(server.online)}.", Form(greet_all)]


@card("How often it counted")
def how_many() -> Content:
    """Show the count."""
    return Facts({"calls": len(calls)})


@action("Greet everyone")
async def greet_all(staff: str, server: Server, times: Annotated[int, Bounds(ge=1)] = 1) -> Content:
    """Say hello to all."""
    if times > 5:
        raise UserError("Nobody greets so often.")
    for _ in range(times):
        await server.post("Hello, all.")
    return f"{staff} says it {times} times."
