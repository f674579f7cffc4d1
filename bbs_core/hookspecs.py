"""Every hook, and what it means: this file is the manual of the plugin platform.

A hook that asks is a verb, one that tells is in the past tense. `on_error` says what a failing implementation means:

- "refuse": the call fails, and the user reads a sentence with an incident number;
- "skip": the others hear of it all the same;
- "repeat": the same comes again later;
- "pass": the others decide;
- "report": staff read what failed, and the others are asked all the same;
- "hold": a post waits for its review, so that nothing is lost and nothing passes unseen.

Each `@command` of a plugin adds a hook `bbs_command_<word>(session, text)` of the "refuse" kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, Literal, TypeVar

import pluggy

from bbs_core.public.lines import Answer, Server, Session, User
from bbs_core.public.records import Act, Message, Post
from bbs_core.public.verdicts import Refuse, Verdict
from bbs_core.words import PROJECT

OnError = Literal["refuse", "skip", "repeat", "pass", "report", "hold"]
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


@_hook("pass", first=True)
def bbs_screen_connection(address: str) -> Refuse | None:
    """Say whether whoever connects from an IP address may come in; a refusal's reason is the banner."""


@_hook("refuse", first=True)
def bbs_authenticate(name: str, address: str) -> str | Refuse | None:
    """Say who it is that gave a name: return the name to be known by, such as the one without its secret.

    Whoever is refused gets the reason as the one row of every list, and can send nothing.
    """


@_hook("hold")
def bbs_screen_post(session: Session, text: str) -> Verdict:
    """Say whether a post may be shown, whatever made it: a frame, or a plugin in the name of a user.

    The plugins are asked one after the other, the last one first, and each is given what the one before made of `text`.
    """


@_hook("refuse")
def bbs_screen_message(session: Session, to: str, text: str) -> Verdict:
    """Say whether a message may be sent, as `bbs_screen_post` does.

    To hold it is to refuse it: staff do not read messages, so there is no review of them.
    """


@_hook("skip")
def bbs_session_opened(session: Session) -> None:
    """Hear that a user has given a name."""


@_hook("skip")
def bbs_session_closed(session: Session) -> None:
    """Hear that a session has ended, after its last post is committed."""


@_hook("repeat")
def bbs_posts_committed(server: Server, posts: Sequence[Post]) -> None:
    """Hear of posts that are shown, some at a time and in their order.

    Each plugin has a place up to which it was told, which is kept: after a failure the same posts come again, and what
    was posted while the plugin was off or the server down comes later. A post that waited for its review is not among
    them; `bbs_acts_recorded` tells of its approval.
    """


@_hook("repeat")
def bbs_messages_committed(server: Server, messages: Sequence[Message]) -> None:
    """Hear of direct messages, as `bbs_posts_committed` tells of posts."""


@_hook("repeat")
def bbs_acts_recorded(server: Server, acts: Sequence[Act]) -> None:
    """Hear of what staff and plugins did, as `bbs_posts_committed` tells of posts."""


@_hook("skip")
def bbs_server_started(server: Server) -> None:
    """Hear that the plugin is at work: the server has started, or the plugin was switched on."""


@_hook("skip")
def bbs_server_stopping(server: Server) -> None:
    """Hear that the plugin ends: the server stops, or the plugin was switched off or loaded anew."""


@_hook("skip")
def bbs_settings_changed(server: Server, settings: Any) -> None:
    """Hear that the plugin's settings are others from now on; calls under way go on with those before."""


@_hook("pass")
def bbs_metrics() -> Mapping[str, float] | None:
    """Return numbers by their names, for `/metrics`; called each time when somebody asks for those."""


@_hook("report")
def bbs_export_user(server: Server, user: User) -> Mapping[str, Any] | None:
    """Return all that the plugin keeps of a user, as JSON would have it, at most a million characters.

    It is a part of the file that staff hand to the user.
    """


@_hook("report")
def bbs_forget_user(server: Server, user: User) -> str | None:
    """Erase all that the plugin keeps of a user, and say in a sentence what that was; None is that it kept nothing.

    It is called before the board erases the user, as the name is unknown later, and again when staff try once more.
    """


def command_spec(name: str) -> ModuleType:
    """Return a namespace with the specification of a plugin command's hook, for `PluginManager.add_hookspecs`."""

    def specification(session: Session, text: str, server: Server, settings: Any) -> Answer:
        """Answer a command that a plugin adds; `text` is what stands after its word."""

    specification.__name__ = name
    namespace = ModuleType(name)
    setattr(namespace, name, _hook("refuse", first=True)(specification))
    return namespace


HOOKS = tuple(name for name in globals() if name.startswith("bbs_"))


def __dir__() -> tuple[str, ...]:
    """Name the hooks alone: pluggy looks at each name, and takes its time for it."""
    return HOOKS
