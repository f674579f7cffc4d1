"""Computes for ever when it is told of posts, messages or acts."""

from __future__ import annotations

from collections.abc import Sequence

from bbs_core.plugin import Act, Message, Post, hookimpl


@hookimpl
def bbs_posts_committed(posts: Sequence[Post]) -> None:
    while True:
        pass


@hookimpl
def bbs_messages_committed(messages: Sequence[Message]) -> None:
    while True:
        pass


@hookimpl
def bbs_acts_recorded(acts: Sequence[Act]) -> None:
    while True:
        pass
