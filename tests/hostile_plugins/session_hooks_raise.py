"""Raises whenever somebody connects, comes or goes."""

from __future__ import annotations

from bbs_core.plugin import Refuse, Session, hookimpl


@hookimpl
def bbs_screen_connection(address: str) -> Refuse | None:
    raise SystemExit(address)


@hookimpl
def bbs_session_opened(session: Session) -> None:
    raise RuntimeError(session.username)


@hookimpl
async def bbs_session_closed(session: Session) -> None:
    raise RuntimeError(session.username)
