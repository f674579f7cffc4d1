"""The public face for plugins: all that a plugin may import of the board.

A plugin is a module or package. A function of it that bears `@command` or `@hookimpl` is called by the server; its
first line of documentation is what `/help` shows.
"""

from __future__ import annotations

from bbs_core import hookspecs as hooks
from bbs_core.errors import UserError
from bbs_core.public.arguments import Convert, Duration, Rest
from bbs_core.public.lines import Answer, Board, CommandInfo, Mail, Rows, Server, Session, User
from bbs_core.public.marks import async_wrapper, command, every, hookimpl, implements, never_blocks, verb, wraps
from bbs_core.public.records import Act, Message, Post
from bbs_core.public.verdicts import Hold, Refuse, Rewrite, Verdict

__all__ = [
    "Act",
    "Answer",
    "Board",
    "CommandInfo",
    "Convert",
    "Duration",
    "Hold",
    "Mail",
    "Message",
    "Post",
    "Refuse",
    "Rest",
    "Rewrite",
    "Rows",
    "Server",
    "Session",
    "User",
    "UserError",
    "Verdict",
    "async_wrapper",
    "command",
    "every",
    "hookimpl",
    "hooks",
    "implements",
    "never_blocks",
    "verb",
    "wraps",
]


def __dir__() -> list[str]:
    return sorted(__all__)
