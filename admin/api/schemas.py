"""What the API takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from admin.ids import Id
from bbs_core.moderation import PAGE_LIMIT


class Asked(BaseModel):
    """What all that is taken shares: nothing unknown is passed over, and no value is repeated in an error."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class PageQuery(Asked):
    """Which page of a list is wanted."""

    limit: int = Field(50, ge=1, le=PAGE_LIMIT, description="How many items at most.")
    cursor: str | None = Field(None, max_length=64, description="The `next` of the page before.")


class PostPath(Asked):
    """Which post is meant."""

    id: Id


class Reason(Asked):
    """Why staff act; it stands in the ledger."""

    model_config = ConfigDict(strict=True)

    reason: str


class Address(BaseModel):
    """An address from which a user came."""

    address: str
    first: datetime
    last: datetime
    visits: int


class User(BaseModel):
    """A name that has visited the board."""

    id: int
    name: str
    first_visit_at: datetime
    last_visit_at: datetime
    visits: int
    posts: int
    messages: int
    addresses: list[Address] = Field(description="The latest ones, the last used first.")
    online: bool


class UserPage(BaseModel):
    """Users, by id."""

    items: list[User]
    next: str | None = Field(description="The cursor of the next page; null on the last.")


class Post(BaseModel):
    """A public post, its text as it was sent."""

    id: int
    username: str
    address: str
    text: str
    at: datetime
    state: Literal["visible", "hidden"]


class PostPage(BaseModel):
    """Posts, the newest first."""

    items: list[Post]
    next: str | None = Field(description="The cursor of the next page; null on the last.")


class ModeratedPost(Post):
    """A post after an act of staff."""

    act_id: int = Field(description="The act's row in the ledger.")
