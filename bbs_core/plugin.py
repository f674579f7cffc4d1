"""The public face for plugins: all that a plugin may import of the board.

A plugin is a module or package. A function of it that bears `@command` or `@hookimpl` is called by the server; its
first line of documentation is what `/help` shows.
"""

from __future__ import annotations

from bbs_core import hookspecs as hooks
from bbs_core.clock import now_ms
from bbs_core.errors import StorageError, UserError
from bbs_core.public.arguments import Convert, Duration, Rest
from bbs_core.public.console import Content, Facts, Form, Heading, Link, Table, Text, Time, action, card, page
from bbs_core.public.lines import Answer, Board, CommandInfo, Example, Mail, Rows, Server, Session, User
from bbs_core.public.marks import (
    async_wrapper,
    command,
    every,
    example,
    hookimpl,
    implements,
    never_blocks,
    settings,
    verb,
    wraps,
)
from bbs_core.public.records import Act, Count, Message, Post
from bbs_core.public.storage import Schema, Storage, migration
from bbs_core.public.texts import Pattern, Secret, Url, Word, compiled, domains_pattern, plain, words_pattern
from bbs_core.public.verdicts import Hold, Mute, Refuse, Rewrite, Verdict

__all__ = [
    "API_VERSION",
    "Act",
    "Answer",
    "Board",
    "CommandInfo",
    "Content",
    "Convert",
    "Count",
    "Duration",
    "Example",
    "Facts",
    "Form",
    "Heading",
    "Hold",
    "Link",
    "Mail",
    "Message",
    "Mute",
    "Pattern",
    "Post",
    "Refuse",
    "Rest",
    "Rewrite",
    "Rows",
    "Schema",
    "Secret",
    "Server",
    "Session",
    "Storage",
    "StorageError",
    "Table",
    "Text",
    "Time",
    "Url",
    "User",
    "UserError",
    "Verdict",
    "Word",
    "action",
    "async_wrapper",
    "card",
    "command",
    "compiled",
    "domains_pattern",
    "every",
    "example",
    "hookimpl",
    "hooks",
    "implements",
    "migration",
    "never_blocks",
    "now_ms",
    "page",
    "plain",
    "settings",
    "verb",
    "words_pattern",
    "wraps",
]

# What `requires_api` of a plugin is compared with: what is added makes it greater behind the point, what is taken away
# or changed before it.
API_VERSION = "1.0"


def __dir__() -> list[str]:
    return sorted(__all__)
