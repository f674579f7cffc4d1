"""Every hook, and what it means: this file is the manual of the plugin platform.

A hook that asks is a verb, one that tells is in the past tense. `on_error` says what a failing implementation means:
with "refuse" the call fails and the user reads a sentence with an incident number; with "skip" the others run on.
Each `@command` of a plugin adds a hook `bbs_command_<word>(session, text)` of the "refuse" kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import pluggy

from bbs_core.plugin import Answer, Session
from bbs_core.words import PROJECT

OnError = Literal["refuse", "skip"]
Function = TypeVar("Function", bound=Callable[..., Any])

_mark = pluggy.HookspecMarker(PROJECT)


def _hook(on_error: OnError, *, first: bool = False) -> Callable[[Function], Function]:
    def mark(function: Function) -> Function:
        function.bbs_on_error = on_error  # type: ignore[attr-defined]
        return _mark(firstresult=first)(function)

    return mark


@_hook("refuse", first=True)
def bbs_command_post(session: Session, text: str) -> Answer:
    """Publish `text`: called for every frame that is no command. An answer is kept as notices."""


@_hook("refuse", first=True)
def bbs_command_dm(session: Session, to: str, text: str) -> Answer:
    """Send `text` to the name `to`: called when both frames after `dm` have arrived. An answer is kept as notices."""


@_hook("refuse", first=True)
def bbs_command_list(session: Session) -> Answer:
    """Return the rows of `list`; all that the session sent before is committed."""


@_hook("refuse", first=True)
def bbs_command_listdm(session: Session) -> Answer:
    """Return the rows of `listdm` or `listdms`; all that the session sent before is committed."""


@_hook("refuse", first=True)
def bbs_command_quit(session: Session) -> Answer:
    """End the session; it ends whatever the implementations do."""


@_hook("skip")
def bbs_session_opened(session: Session) -> None:
    """Hear that a user has given a name."""


@_hook("skip")
def bbs_session_closed(session: Session) -> None:
    """Hear that a session has ended, after its last post is committed."""


def command_spec(name: str) -> type:
    """Return a namespace with the specification of a plugin command's hook, for `PluginManager.add_hookspecs`."""

    def specification(session: Session, text: str) -> Answer:
        """Answer a command that a plugin adds; `text` is what stands after its word."""

    specification.__name__ = name
    return type("Specification", (), {name: staticmethod(_hook("refuse", first=True)(specification))})
