"""A typed function as the implementation of its command's hook."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from bbs_core.errors import PluginError, UserError
from bbs_core.public.arguments import Form
from bbs_core.public.lines import Session

HOOK = inspect.Signature([inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in ("session", "text")])
MARKS = ("bbs_impl", "bbs_never_blocks")


def form_of(word: str, function: Callable[..., Any]) -> Form:
    """Read a command's signature. Raises PluginError, whatever the annotations hold."""
    try:
        return Form(word, function)
    except PluginError as error:
        raise PluginError(f"{error} ({place(function)}).") from None
    except Exception as error:
        raise PluginError(f"The annotations of {word} cannot be read: {error} ({place(function)}).") from error


def as_hook(form: Form, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an implementation that fills the function's parameters from the text, and runs where it would.

    What it is to know of users has to be awaited before: `bbs_prepare` does, where the command asks for any.
    """

    def answer(session: Session, text: str, server: Any = None, known: Mapping[str, Any] = {}) -> Any:
        return form.call(function, session, server, {**form.words(text), **known})

    async def answer_later(session: Session, text: str, server: Any = None, known: Mapping[str, Any] = {}) -> Any:
        return await answer(session, text, server, known)

    made: Any = answer_later if inspect.iscoroutinefunction(function) else answer
    made.__signature__ = HOOK
    # Not __wrapped__, which pluggy follows to parameters that its hooks do not have.
    made.bbs_written = function
    for mark in MARKS:
        if hasattr(function, mark):
            setattr(made, mark, getattr(function, mark))
    if form.takes_server:
        made.bbs_takes_server = True
    if form.users:
        made.bbs_prepare = _look_up(form)
    return made  # type: ignore[no-any-return]


def written(function: Any) -> Any:
    """Return the function as it stands in the plugin."""
    return inspect.unwrap(getattr(function, "bbs_written", function))


def place(function: Any) -> str:
    """Return the file and the line where a function stands."""
    code = written(function).__code__
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"


def _look_up(form: Form) -> Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]:
    async def prepare(values: Mapping[str, Any]) -> dict[str, Any]:
        session, words = values["session"], form.words(values["text"])
        known = {name: await _user(session, words[name]) for name in form.users if name in words}
        return {**values, "known": known}

    return prepare


async def _user(session: Session, name: str) -> Any:
    user = await session.user(name)
    if user is None:
        raise UserError(f"There is no user {name}.")
    return user
