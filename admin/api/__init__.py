"""The REST API under /api/v1: bearer tokens alone open it, and every error is a problem document (RFC 9457)."""

from __future__ import annotations

from flask_openapi3.openapi import OpenAPI

from admin.api import (
    acts,
    announcements,
    document,
    incidents,
    personal_data,
    plugins,
    posts,
    reference,
    reports,
    sanctions,
    sessions,
    settings,
    staff,
    stats,
    tokens,
    users,
)
from admin.api.routing import SECURITY_SCHEMES, api

__all__ = ["SECURITY_SCHEMES", "api", "install"]

# Each registers its routes when it is imported.
NOUNS = (
    users,
    personal_data,
    posts,
    reports,
    sessions,
    sanctions,
    acts,
    plugins,
    incidents,
    settings,
    staff,
    tokens,
    stats,
    announcements,
)


def install(app: OpenAPI) -> None:
    """Give an application the API and the document that describes it."""
    app.register_api(api)
    app.register_api(document.document)
    app.register_blueprint(reference.reference)
