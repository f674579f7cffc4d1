"""Posts, users and acts as files: CSV for spreadsheets, JSON Lines for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any

from flask import Response, stream_with_context
from pydantic import BaseModel

from admin import scopes
from admin.api.acts import ActsQuery, find_acts
from admin.api.posts import PostsQuery, find_posts
from admin.api.users import UsersQuery, find_users
from admin.lists import Found
from admin.pages.routing import asked, pages
from admin.schemas import PageQuery
from admin.tables import FORMATS
from bbs_core.errors import NotFound
from bbs_core.staff import Scope

PAGE = 200
# What is exported at once: more than that is a backup (docs/operating.md).
ROWS_LIMIT = 100_000
Finder = Callable[[Any], Found[Any]]
NOUNS: dict[str, tuple[type[PageQuery], Finder]] = {
    "posts": (PostsQuery, find_posts),
    "users": (UsersQuery, find_users),
    "acts": (ActsQuery, find_acts),
}


@pages.get("/export/<noun>.<form>")
@scopes.needs(Scope.EXPORT)
@scopes.fresh
def export(noun: str, form: str) -> Response:
    """Return all that a list's filters find, as a file."""
    if noun not in NOUNS or form not in FORMATS:
        raise NotFound("There is no such file.")
    kind, lines = FORMATS[form]
    model, finder = NOUNS[noun]
    text = _begun(lines(_rows(finder, asked(model))))
    name = f'attachment; filename="{noun}.{form}"'
    return Response(stream_with_context(text), content_type=kind, headers={"Content-Disposition": name})


def _begun(lines: Iterator[str]) -> Iterator[str]:
    """Read the beginning now, while what is wrong with the filters can still be an answer of its own."""
    return chain(list(islice(lines, 1)), lines)


def _rows(finder: Finder, query: PageQuery) -> Iterator[BaseModel]:
    """Yield the rows page by page, so that no memory holds them all; nobody is kept from writing meanwhile."""
    query = query.model_copy(update={"limit": PAGE, "cursor": None})
    for _ in range(ROWS_LIMIT // PAGE):
        found = finder(query)
        yield from found.items
        if found.next is None:
            return
        query = query.model_copy(update={"cursor": found.next})
