"""A typed function as the implementation of its command's hook."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from bbs_core.errors import PluginError, UserError
from bbs_core.platform.isolation import Worker
from bbs_core.public.arguments import Form
from bbs_core.public.lines import Example, Session

HOOK = inspect.Signature([inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in ("session", "text")])
MARKS = ("bbs_impl", "bbs_never_blocks")


def form_of(word: str, function: Callable[..., Any]) -> Form:
    """Read a command's signature, once for each function. Raises PluginError, whatever the annotations hold."""
    known = getattr(function, "bbs_form", None)
    if isinstance(known, Form) and known.word == word:
        return known
    form = function.bbs_form = _read_form(word, function)  # type: ignore[attr-defined]
    return form


def _read_form(word: str, function: Callable[..., Any]) -> Form:
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

    def answer(session: Session, text: str, known: Mapping[str, Any] = {}, **own: Any) -> Any:
        return form.call(function, {"session": session, **own}, {**form.words(text), **known})

    async def answer_later(session: Session, text: str, known: Mapping[str, Any] = {}, **own: Any) -> Any:
        return await answer(session, text, known, **own)

    made: Any = answer_later if inspect.iscoroutinefunction(function) else answer
    _marked(made, function)
    made.bbs_takes = form.takes
    if form.users:
        made.bbs_prepare = _look_up(form)
    return made  # type: ignore[no-any-return]


def as_worker_hook(form: Form, function: Callable[..., Any], worker: Worker) -> Callable[..., Any]:
    """Return an implementation that has the function called in its plugin's process. Raises PluginError."""
    unfit = _unfit(form, function)
    if unfit:
        raise PluginError(f"{form.word} runs in a process of its own and cannot {unfit} ({place(function)}).")

    async def answer(session: Session, text: str) -> Any:
        return await worker.call(form.word, session, text)

    made: Callable[..., Any] = _marked(answer, function)
    return made


def _unfit(form: Form, function: Callable[..., Any]) -> str:
    if inspect.iscoroutinefunction(function):
        return "be async"
    if hasattr(function, "bbs_never_blocks"):
        return "bear @never_blocks"
    if form.takes:
        return f"take {form.takes[0]}"
    return f"take a User: {form.users[0]} may be a str" if form.users else ""


def examples_of(function: Any) -> tuple[Example, ...]:
    """Return the examples that a function bears."""
    return getattr(written(function), "bbs_examples", ())


def check_examples(word: str, function: Any) -> None:
    """Raise PluginError for an example of another command."""
    for one in examples_of(function):
        if one.typed.split()[:1] != [word]:
            raise PluginError(f"The example {one.typed!r} does not begin with {word} ({place(function)}).")


def written(function: Any) -> Any:
    """Return the function as it stands in the plugin."""
    return inspect.unwrap(getattr(function, "bbs_written", function))


def place(function: Any) -> str:
    """Return the file and the line where a function stands."""
    code = written(function).__code__
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"


def _marked(made: Any, function: Callable[..., Any]) -> Any:
    """Give an implementation the signature of a command's hook, and what marks the function that is written."""
    made.__signature__ = HOOK
    # Not __wrapped__, which pluggy follows to parameters that its hooks do not have.
    made.bbs_written = function
    for mark in MARKS:
        if hasattr(function, mark):
            setattr(made, mark, getattr(function, mark))
    return made


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
