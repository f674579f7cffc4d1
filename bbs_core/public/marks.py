"""The marks by which the board knows what in a module is its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, ParamSpec, TypeVar

import pluggy

from bbs_core.public.arguments import duration
from bbs_core.words import PROJECT, WORD, hook_name

_Function = TypeVar("_Function", bound=Callable[..., Any])
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


def command(word: str) -> Callable[[_Function], _Function]:
    """Make a function the command `word`, such as "/roll"; its parameters are what is typed after the word.

    Their annotations say how words become values, and what does not fit is answered with the usage.
    A word without a slash would otherwise be a post: it is taken only if the admin lists it in `plugins.bare_words`.
    Raises ValueError for a word that a user could not type.
    """
    if not WORD.fullmatch(word):
        raise ValueError(f"{word!r} is no command word: use small letters, digits, - and _, after a slash.")

    def mark(function: _Function) -> _Function:
        function.bbs_command = word  # type: ignore[attr-defined]
        return hookimpl(specname=hook_name(word))(function)

    return mark


def every(interval: str) -> Callable[[_Function], _Function]:
    """Have a function called again and again, "30s", "10m" or "1h" after it has ended; it may take `server`.

    On a board of many servers each calls it. Raises ValueError for what is no time, or less than a second.
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
