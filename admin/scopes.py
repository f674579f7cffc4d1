"""What each view asks of whoever calls it; a view that does not say is answered to nobody."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

from flask import current_app, request

from bbs_core.errors import Forbidden
from bbs_core.staff import Scope

View = TypeVar("View", bound=Callable[..., Any])
_ATTRIBUTE = "needed_scopes"
_FRESH = "needs_a_fresh_proof"


def needs(*scopes: Scope) -> Callable[[View], View]:
    """Say what a view asks for; stands below the decorator that registers the view."""

    def declare(view: View) -> View:
        setattr(view, _ATTRIBUTE, frozenset(scopes))
        return view

    return declare


def fresh(view: View) -> View:
    """Have whoever is signed in show anew who they are, before what a borrowed browser must not do."""
    setattr(view, _FRESH, True)
    return view


def check(granted: Collection[Scope]) -> None:
    """Raise Forbidden unless all that the called view asks for is granted."""
    needed: frozenset[Scope] = getattr(_view(), _ATTRIBUTE)
    missing = sorted(needed.difference(granted))
    if missing:
        raise Forbidden(f"This needs the right {' and '.join(missing)}, which is not granted.")


def wants_proof() -> bool:
    """Whether the called view needs a fresh proof."""
    return hasattr(_view(), _FRESH)


def _view() -> Callable[..., Any]:
    assert request.endpoint is not None
    return current_app.view_functions[request.endpoint]
