"""Raises whenever it is told of posts, messages or acts."""

from __future__ import annotations

from collections.abc import Sequence

from bbs_core.plugin import Act, Message, Post, hookimpl


@hookimpl
def bbs_posts_committed(posts: Sequence[Post]) -> None:
    raise RuntimeError("a secret of /etc/bbs")


@hookimpl
def bbs_messages_committed(messages: Sequence[Message]) -> None:
    raise RuntimeError("a secret of /etc/bbs")


@hookimpl
def bbs_acts_recorded(acts: Sequence[Act]) -> None:
    raise RuntimeError("a secret of /etc/bbs")
