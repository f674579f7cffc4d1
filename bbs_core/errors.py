"""Every error of the product, in one tree; `str(error)` is one sentence that may be shown to a person."""

from __future__ import annotations

from collections.abc import Mapping


class BBSError(Exception):
    """The root: whatever goes wrong in a way that we foresaw."""


class ConfigError(BBSError):
    """A setting is wrong, in the file, the environment or on the command line."""


class ProtocolError(BBSError):
    """Bytes that are no frame, or a frame that cannot be sent (docs/protocol.md, Frames)."""


class ClientError(BBSError):
    """The terminal client cannot go on: no connection, no welcome, or a silent server."""


class StoreError(BBSError):
    """The database cannot do what was asked; `detail` is the driver's, names hosts and files, and is no user's."""

    def __init__(self, sentence: str, detail: str = "") -> None:
        super().__init__(f"{sentence.removesuffix('.')}: {detail}" if detail else sentence)
        self.sentence = sentence


class StoreUnavailable(StoreError):
    """The database does not answer, or its disk is full; it may come back."""


class SchemaTooNew(StoreError):
    """The database was written by a newer version of this program."""


class BoardInUse(StoreError):
    """Another process serves this data folder."""


class ActError(BBSError):
    """An act of staff was refused and changed nothing."""


class NotFound(ActError):
    """The target of an act does not exist."""


class Conflict(ActError):
    """The target is already in the state that was asked for, or the name is taken."""


class Forbidden(ActError):
    """The actor has no right to do this."""


class Throttled(ActError):
    """Too many attempts; `retry_after_s` says how long to wait."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many attempts: try again in {retry_after_s} seconds.")
        self.retry_after_s = retry_after_s


class InvalidAct(ActError):
    """The arguments of an act are not of its form."""


class InvalidOptions(InvalidAct):
    """The settings of a plugin do not fit its model; `problems` are sentences by the path of what they are about."""

    def __init__(self, sentence: str, problems: Mapping[tuple[int | str, ...], str] | None = None) -> None:
        super().__init__(sentence)
        self.problems = problems or {}


class PluginError(BBSError):
    """A plugin cannot be loaded, or did not keep the contract of a hook."""


class StorageError(PluginError):
    """What a plugin would keep does not fit, or a statement of it is not its own, fails or takes too long."""


class WorkerError(PluginError):
    """A function failed in its plugin's own process, or that process did; `trace` is where, in that process's words."""

    def __init__(self, sentence: str, trace: str = "") -> None:
        super().__init__(sentence)
        self.trace = trace


class UserError(BBSError):
    """What a plugin raises to tell the user something: its text is shown as it is."""


def for_users(error: BBSError) -> UserError:
    """Return what a user is told of an error."""
    return UserError(error.sentence if isinstance(error, StoreError) else str(error))
