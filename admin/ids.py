"""Ids as they are sent to us: whole numbers that a row can have; anything else is nobody's, wherever it stands."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from werkzeug.routing import BaseConverter, ValidationError

LARGEST_ID = 2**63 - 1  # of a row in either database

NUMBER_DIGITS = 18  # so many always make a number that a row can have

Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]


def number(text: str) -> int:
    """Return the whole number that a form has sent; 0, which is no row's, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= NUMBER_DIGITS else 0


class IdConverter(BaseConverter):
    """An id in a path; written in another way than `url_for` does, it is no page of ours."""

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        """Return the id. Raises ValidationError, which is a page that is not there."""
        if int(value) > LARGEST_ID:
            raise ValidationError
        return int(value)
