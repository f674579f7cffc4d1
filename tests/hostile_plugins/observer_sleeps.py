"""Sleeps in a call that cannot be ended when it is told of posts, messages or acts."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bbs_core.plugin import Act, Message, Post, hookimpl


@hookimpl
def bbs_posts_committed(posts: Sequence[Post]) -> None:
    time.sleep(999)


@hookimpl
def bbs_messages_committed(messages: Sequence[Message]) -> None:
    time.sleep(999)


@hookimpl
def bbs_acts_recorded(acts: Sequence[Act]) -> None:
    time.sleep(999)
