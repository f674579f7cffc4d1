"""The settings in force: those that a process was started with, and above them what staff have changed."""

from __future__ import annotations

import structlog
from pydantic import ValidationError

from bbs_core.plugin_options import read_chosen
from bbs_core.runtime_settings import effective, read_changes
from bbs_core.settings import Settings
from bbs_core.store.access import Connection

log = structlog.get_logger(__name__)


def in_force(connection: Connection, start: Settings) -> Settings:
    """Return the settings with the changes of staff; those of another version that do not fit are left out."""
    try:
        settings = effective(start, read_changes(connection))
    except ValidationError as error:
        log.error("changed_settings_ignored", mistakes=error.error_count())
        settings = start
    return settings.model_copy(update={"plugins": settings.plugins.choosing(read_chosen(connection))})
