"""The console's pages: server-rendered, on the finders and the domain that the API has; scripts only add comfort."""

from __future__ import annotations

from flask import Flask

from admin.pages import (
    account,
    audit,
    bans,
    dashboard,
    exports,
    personal_data,
    plugin_pages,
    plugins,
    posts,
    review,
    sessions,
    settings,
    staff,
    users,
)
from admin.pages.routing import pages

__all__ = ["install", "pages"]

# Each registers its routes when it is imported.
LISTS = (users, personal_data, posts, review, sessions, bans, audit, exports)
PARTS = (dashboard, *LISTS, plugins, plugin_pages, settings, staff, account)


def install(app: Flask) -> None:
    """Give an application its pages."""
    app.register_blueprint(pages)
