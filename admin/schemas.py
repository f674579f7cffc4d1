"""What the nouns of the API share: how a page is asked for, which one is meant, and why staff act."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from admin.ids import Id
from admin.paging import CURSOR_LIMIT
from bbs_core.replays import KEY_LIMIT
from bbs_core.wording import checked_reason

PAGE_LIMIT = 200
FILTER_LIMIT = 200

Item = TypeVar("Item")
# As the store has it, which takes no NUL.
Words = Annotated[
    str, Field(min_length=1, max_length=FILTER_LIMIT), AfterValidator(lambda text: text.replace("\0", "\u2400"))
]


def _spelled(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# Of one length, so that they sort as texts too.
Moment = Annotated[
    datetime,
    PlainSerializer(_spelled, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


class Asked(BaseModel):
    """What all that is taken shares: nothing unknown is passed over, and no value is repeated in an error."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Body(Asked):
    """What is sent as JSON; nothing in it is converted."""

    model_config = ConfigDict(strict=True)


class PageQuery(Asked):
    """Which page of a list is wanted."""

    limit: int = Field(50, ge=1, le=PAGE_LIMIT, description="How many items at most.")
    cursor: str | None = Field(None, max_length=CURSOR_LIMIT, description="The `next` of the page before.")


class IdPath(Asked):
    """Which one is meant."""

    id: Id


class OnceHeader(BaseModel):
    """A key of the caller's own: the same request sent again within 24 hours gets the first answer."""

    idempotency_key: str | None = Field(
        None, alias="Idempotency-Key", min_length=1, max_length=KEY_LIMIT, pattern=r"^[!-~]+$"
    )


class Reason(Body):
    """Why staff act; it stands in the ledger."""

    reason: Annotated[str, AfterValidator(checked_reason)]


class Done(BaseModel):
    """What an act came to."""

    act_id: int = Field(description="The act's row in the ledger.")


class Listing(BaseModel, Generic[Item]):
    """A page of a list."""

    items: list[Item]
    next: str | None = Field(description="The cursor of the next page; null on the last.")


def milliseconds(at: datetime | None) -> int | None:
    """Return a time as it is kept; one without a zone is in UTC."""
    if at is None:
        return None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
