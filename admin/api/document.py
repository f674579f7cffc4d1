"""The document that describes the API; it tells of no user, so that tools may read it without a token."""

from __future__ import annotations

from typing import Any

from flask import current_app
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, ConfigDict

from admin.api.routing import PREFIX, problems

document = APIBlueprint("document", __name__, url_prefix=PREFIX)


class Document(BaseModel):
    """An OpenAPI 3.1 document."""

    model_config = ConfigDict(extra="allow")

    openapi: str


@document.get("/openapi.json", responses={200: Document, **problems(422, 500)})
def openapi() -> dict[str, Any]:
    """Return this document."""
    assert isinstance(current_app, OpenAPI)
    return current_app.api_doc
