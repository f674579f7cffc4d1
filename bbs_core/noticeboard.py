"""Notices that are kept until their user comes, and announcements to everyone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import NamedTuple

import sqlalchemy as sa

from bbs_core.clock import now_ms
from bbs_core.errors import InvalidAct, NotFound, StoreError
from bbs_core.ledger import Actor, Entry, Ledger
from bbs_core.store.models import Announcement, Notice, User, name_hash
from bbs_core.store.readers import Readers
from bbs_core.wording import checked_reason

# For one user: whoever stays away for a year finds the newest, and the board does not fill up with the rest.
KEPT_LIMIT = 100
TEXT_LIMIT = 2000
PAGE_LIMIT = 200
IDS_PER_MS = 1000
LONGEST_S = 365 * 86_400
DAY_S = 86_400


class Kept(NamedTuple):
    """A notice that waits for its user."""

    id: int
    text: str


class Announced(NamedTuple):
    """A row for everyone, until it ends."""

    id: int
    text: str
    until_ms: int


class Noticeboard:
    """What waits for whom; in memory only whether there is something. Belongs to the loop's thread."""

    def __init__(self, readers: Readers, write: Callable[[Callable[[sa.Connection], None]], Future[None]]) -> None:
        self._readers = readers
        self._write = write
        # Delivered, and perhaps still in the database.
        self._going: set[int] = set()
        self._names: set[bytes] = set()
        self.last_id = 0
        self.announcements: list[Announced] = []

    def load(self, connection: sa.Connection) -> None:
        """Learn for whom something waits, while nobody is served yet."""
        self.waits_for(waiting(connection, 0))
        self.announcements = announced(connection)

    def waits_for(self, found: Iterable[tuple[int, bytes]]) -> None:
        """Take over the ids of new notices, and the keys of the names that they are for."""
        for notice_id, key in found:
            self.last_id = max(self.last_id, notice_id)
            self._names.add(key)

    async def refresh(self) -> None:
        """Read the announcements anew."""
        self.announcements = await self._readers.read(announced)

    async def kept_for(self, name: str) -> list[Kept]:
        """Return what waits for a user; nothing while the database does not answer, as it comes again."""
        key = name_hash(name)
        if key not in self._names:
            return []
        try:
            found = await self._readers.read(lambda connection: kept_notices(connection, key))
        except StoreError:
            return []
        if not found:
            self._names.discard(key)
        return [notice for notice in found if notice.id not in self._going]

    def delivered(self, notice_ids: Sequence[int]) -> None:
        """Have notices kept no more that their user has read; if that fails they come once more."""
        self._going.update(notice_ids)
        forgotten = self._write(lambda connection: forget(connection, notice_ids))
        forgotten.add_done_callback(lambda _: self._going.difference_update(notice_ids))

    def new_announcements(self, after_id: int) -> list[Announced]:
        """Return the announcements after an id that have not ended."""
        if not self.announcements:
            return []
        now = now_ms()
        return [one for one in self.announcements if one.id > after_id and one.until_ms > now]


def keep_notice(connection: sa.Connection, user_id: int, text: str) -> int:
    """Keep a row for a user until it is delivered; returns its id. Of too many the oldest goes."""
    at_ms = now_ms()
    # Delivered ones are deleted, and an id that was used must not come again: those who follow would not see it.
    last = connection.execute(sa.select(sa.func.max(Notice.id))).scalar() or 0
    notice_id = max(last + 1, at_ms * IDS_PER_MS)
    values = {"id": notice_id, "user_id": user_id, "text": text[:TEXT_LIMIT].replace("\0", "\u2400"), "at_ms": at_ms}
    connection.execute(sa.insert(Notice).values(values))
    newest = sa.select(Notice.id).where(Notice.user_id == user_id).order_by(Notice.id.desc())
    surplus = connection.execute(newest.offset(KEPT_LIMIT).limit(1)).scalar()
    if surplus is not None:
        connection.execute(sa.delete(Notice).where(Notice.user_id == user_id, Notice.id <= surplus))
    return notice_id


def forget(connection: sa.Connection, notice_ids: Iterable[int]) -> None:
    """Keep notices no more that their user has read."""
    connection.execute(sa.delete(Notice).where(Notice.id.in_(list(notice_ids))))


def kept_notices(connection: sa.Connection, key: bytes) -> list[Kept]:
    """Return what waits for the user with this key, the oldest first."""
    query = sa.select(Notice.id, Notice.text).join(User, User.id == Notice.user_id).where(User.name_hash == key)
    return [Kept(*row) for row in connection.execute(query.order_by(Notice.id))]


def waiting(connection: sa.Connection, after_id: int) -> list[tuple[int, bytes]]:
    """Return the ids of the notices after an id, each with the key of its user's name."""
    query = sa.select(Notice.id, User.name_hash).join(User, User.id == Notice.user_id).where(Notice.id > after_id)
    return [(notice_id, bytes(key)) for notice_id, key in connection.execute(query.order_by(Notice.id))]


def announce(
    connection: sa.Connection, ledger: Ledger, actor: Actor, text: str, expires_in_s: int = DAY_S
) -> tuple[int, int]:
    """Show a row to everyone once in each session, until it ends; returns the ids of it and the act.

    Raises InvalidAct.
    """
    text = _checked(text)
    if not 1 <= expires_in_s <= LONGEST_S:
        raise InvalidAct(f"An announcement lasts 1 to {LONGEST_S} seconds.")
    last = connection.execute(sa.select(sa.func.max(Announcement.id))).scalar() or 0
    at_ms = now_ms()
    values = {"id": last + 1, "text": text, "at_ms": at_ms, "until_ms": at_ms + expires_in_s * 1000}
    connection.execute(sa.insert(Announcement).values(values))
    return last + 1, ledger.write(connection, Entry(actor, "announcement.add", "announcement", str(last + 1)))


def end_announcement(connection: sa.Connection, ledger: Ledger, actor: Actor, announcement_id: int, reason: str) -> int:
    """Show an announcement no more; returns the act's id. Raises NotFound where it has ended,
    InvalidAct."""
    reason = checked_reason(reason)
    running = (Announcement.id == announcement_id, Announcement.until_ms > now_ms())
    if not connection.execute(sa.update(Announcement).where(*running).values(until_ms=now_ms())).rowcount:
        raise NotFound(f"There is no announcement {announcement_id} that has not ended.")
    return ledger.write(connection, Entry(actor, "announcement.end", "announcement", str(announcement_id), reason))


def announced(connection: sa.Connection) -> list[Announced]:
    """Return the announcements that have not ended, the oldest first."""
    columns = (Announcement.id, Announcement.text, Announcement.until_ms)
    query = sa.select(*columns).where(Announcement.until_ms > now_ms()).order_by(Announcement.id)
    return [Announced(*row) for row in connection.execute(query)]


def list_announcements(
    connection: sa.Connection, *, before_id: int | None = None, limit: int = 50
) -> list[sa.RowMapping]:
    """Return a page of announcements, the newest first."""
    query = sa.select(Announcement.__table__).order_by(Announcement.id.desc()).limit(min(limit, PAGE_LIMIT + 1))
    if before_id is not None:
        query = query.where(Announcement.id < before_id)
    return list(connection.execute(query).mappings())


def _checked(text: str) -> str:
    text = text.strip().replace("\0", "\u2400")
    if not text or len(text) > TEXT_LIMIT:
        raise InvalidAct(f"An announcement has 1 to {TEXT_LIMIT} characters.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidAct("An announcement has whole characters only.") from None
    return text
