"""The marks by which the board knows what in a module is its own."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Literal, ParamSpec, TypeVar

import pluggy
from pydantic import BaseModel

from bbs_core.groups import EVERYONE, check_name
from bbs_core.public.arguments import duration
from bbs_core.public.lines import Example
from bbs_core.public.rates import Rate
from bbs_core.words import PROJECT, WORD, hook_name

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Model = TypeVar("_Model", bound=BaseModel)
P = ParamSpec("P")
R = TypeVar("R")
_Implementation = Callable[P, R | Awaitable[R]]

hookimpl = pluggy.HookimplMarker(PROJECT)


def implements(
    hook: Callable[P, R], *, tryfirst: bool = False, trylast: bool = False
) -> Callable[[_Implementation[P, R]], _Implementation[P, R]]:
    """Make a function an implementation of a hook, as in `@implements(hooks.bbs_session_opened)`.

    It does what `@hookimpl` does under the hook's name, and a type checker sees parameters and answers that are none of
    it.
    """
    mark: Any = hookimpl(specname=hook.__name__, tryfirst=tryfirst, trylast=trylast)
    return mark  # type: ignore[no-any-return]


def wraps(hook: Callable[P, R]) -> Callable[[Callable[P, Generator[None, R, R]]], Callable[P, Generator[None, R, R]]]:
    """Make a generator a wrapper of a hook: `@hookimpl(wrapper=True)`, with types."""
    mark: Any = hookimpl(specname=hook.__name__, wrapper=True)
    return mark  # type: ignore[no-any-return]


def command(
    word: str, *, isolation: Literal["process"] | None = None, may: str = EVERYONE, rate: str = ""
) -> Callable[[_Function], _Function]:
    """Make a function the command `word`, such as "/roll"; its parameters are what is typed after the word.

    Their annotations say how words become values, and what does not fit is answered with the usage.
    A word without a slash would otherwise be a post: it is taken only if the admin lists it in `plugins.bare_words`.
    With `isolation="process"` it is called in a process of the plugin's own, which is ended where it takes too long.
    `may` is the group that may use it, and `rate` how often each user may, as in "5/m", "1/10s" or "20/h".
    Raises ValueError for a word that a user could not type, and for what is no isolation, group or rate.
    """
    if not WORD.fullmatch(word):
        raise ValueError(f"{word!r} is no command word: use small letters, digits, - and _, after a slash.")
    if isolation not in (None, "process"):
        raise ValueError(f'{isolation!r} is no isolation: there is "process" alone.')
    allowed = check_name(may), None if rate == "" else Rate.of(rate)

    def mark(function: _Function) -> _Function:
        function.bbs_command = word  # type: ignore[attr-defined]
        function.bbs_isolated = isolation is not None  # type: ignore[attr-defined]
        function.bbs_allowed = allowed  # type: ignore[attr-defined]
        return hookimpl(specname=hook_name(word))(function)

    return mark


def example(typed: str, *, like: str) -> Callable[[_Function], _Function]:
    """Show what may be typed for a command; a test types it and compares the answer with a regular expression.

    All of the answer has to match, its rows joined by line feeds. A command may have several.
    Raises ValueError for what is no regular expression.
    """
    try:
        re.compile(like)
    except re.error as error:
        raise ValueError(f"{like!r} is no regular expression: {error}.") from None

    def mark(function: _Function) -> _Function:
        # The mark next to the function is applied first and read last.
        function.bbs_examples = (Example(typed, like), *getattr(function, "bbs_examples", ()))  # type: ignore[attr-defined]
        return function

    return mark


def settings(model: type[_Model]) -> type[_Model]:
    """Make a pydantic model the settings of the plugin; functions that name `settings` are given its present values.

    An admin sets them in the file, under the name of the plugin in `plugins.options`, and staff while the board runs.
    Raises TypeError for what is no model.
    """
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise TypeError("Settings are a class, below pydantic's BaseModel.")
    model.bbs_settings = model  # type: ignore[attr-defined]
    return model


def every(interval: str) -> Callable[[_Function], _Function]:
    """Have a function called again and again, "30s", "10m" or "1h" after it has ended.

    It may take `server`, `settings` and `storage`. On a board of many servers each calls it.
    Raises ValueError for what is no time, or less than a second.
    """
    pause_s = duration(interval).total_seconds()
    if pause_s < 1:
        raise ValueError("A timer waits a second at least.")

    def mark(function: _Function) -> _Function:
        function.bbs_every_s = pause_s  # type: ignore[attr-defined]
        return function

    return mark


def verb(name: str) -> Callable[[_Function], _Function]:
    """Make a function what `bbs plugin run PLUGIN name` does in the running server; its parameters are as a command's.

    What it answers is printed. Raises ValueError for a name that is no word.
    """
    if not WORD.fullmatch(name) or name.startswith("/"):
        raise ValueError(f"{name!r} is no verb: use small letters, digits, - and _.")

    def mark(function: _Function) -> _Function:
        function.bbs_verb = name  # type: ignore[attr-defined]
        return function

    return mark


def never_blocks(function: _Function) -> _Function:
    """Say that a plain function returns at once, so that it runs on the event loop and not in a thread."""
    function.bbs_never_blocks = True  # type: ignore[attr-defined]
    return function


def async_wrapper(function: _Function) -> _Function:
    """Make an async generator a wrapper of the hook whose name it bears.

    It yields once without a value where the wrapped call is to run, is sent that call's result (or thrown its error),
    and yields the result that is to stand instead.
    """
    function.bbs_async_wrapper = True  # type: ignore[attr-defined]
    return hookimpl(function)
