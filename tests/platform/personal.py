"""A plugin that counts what users post, and can give it and forget it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from bbs_core.plugin import Post, Server, User, hookimpl

_posts: Counter[str] = Counter()


@hookimpl
def bbs_posts_committed(posts: Sequence[Post]) -> None:
    _posts.update(post.username for post in posts)


@hookimpl
async def bbs_export_user(server: Server, user: User) -> Mapping[str, Any] | None:
    known = await server.user(user.name)
    assert known is not None
    assert known.id == user.id
    return {"posts": _posts[user.name]} if user.name in _posts else None


@hookimpl
def bbs_forget_user(user: User) -> str | None:
    if user.name == "mallory":
        raise RuntimeError("no")
    count = _posts.pop(user.name, 0)
    return f"{count} posts were counted." if count else None
