"""Every setting: its section, key, default, bounds, and one line of why, which `config/bbs.toml` repeats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args, get_origin

from pydantic import BaseModel, Field, field_validator
from pydantic.fields import FieldInfo

from bbs_core import rowformat
from bbs_core.plugin_settings import PluginSettings
from bbs_core.setting_types import (
    DAY_S,
    MIB,
    Count,
    Host,
    Name,
    Networks,
    Place,
    Port,
    RowTemplate,
    Section,
    Threads,
    Timeout,
)

POST_FIELDS = frozenset({"ip", "text", "username", "time", "id"})
MESSAGE_FIELDS = frozenset({"text", "sender", "time", "id"})
LARGEST_ID = 2**63 - 1
LATEST_MS = 253_402_300_799_999  # the end of the year 9999, the last that a clock can show
# What an admin may change while the board runs; the console keeps it in the database, above all other sources.
RUNTIME = frozenset(
    {
        "server.preset",
        "limits.posts_per_second",
        "limits.posts_burst",
        "board.post_row",
        "board.message_row",
        "board.window",
        "board.visible_controls",
        "board.slash",
        "board.mode",
        "board.mode_ends_at_ms",
        "board.operator_name",
        "board.archived_through",
        "admin.second_factor_required",
        "plugins.disabled",
        "plugins.enabled",
        "plugins.groups",
        "plugins.access",
        "plugins.rates",
    }
)

PRESETS: Mapping[str, Mapping[str, object]] = {
    "original": {},
    "community": {
        "board.post_row": "{username}: {text}",
        "board.message_row": "{sender}: {text}",
        "board.window": 200,
        "plugins.enabled": ("report", "new"),
    },
}


class ServerSettings(Section):
    """Where the board listens and keeps its data."""

    host: Host = Field("", description="The address to listen on; empty means all, IPv4 and IPv6.")
    port: Port = Field(10333, description="The port that stock clients dial; 0 picks a free one.")
    data: Place = Field(
        "bbs-data", min_length=1, description="The folder of all that is kept; relative to where the server starts."
    )
    # A password may be part of the URL, so it is in no repr.
    database: Place = Field(
        "", repr=False, description="Empty is SQLite in the data folder; many nodes share postgresql://user@host/name."
    )
    preset: Literal["original", "community"] = Field(
        "original", description="One key for many: community shows names, lists 200 rows, has /report and /new."
    )

    @field_validator("database")
    @classmethod
    def _is_a_database(cls, url: str) -> str:
        path = url.removeprefix("sqlite:///")
        if path == ":memory:" or url == "sqlite:///":
            raise ValueError("a board in memory would be lost at the first stop (name a file, as in sqlite:///path)")
        if url and path == url and not url.startswith("postgresql://"):
            raise ValueError("this is not a database (write postgresql://user@host/name or sqlite:///path)")
        return url


class LimitSettings(Section):
    """What one client, one address and all of them together may take."""

    connections: Count = Field(10_000, description="Connections in all; each costs a file descriptor and some memory.")
    connections_per_address: Count = Field(
        1_000, description="Connections from one address; a whole class may sit behind one."
    )
    unparsed_bytes: int = Field(
        65_536,
        ge=40_000,
        le=16 * MIB,
        description="Bytes read but not yet understood, per connection; one frame may need 40000.",
    )
    pack_bytes: int = Field(
        65_536, ge=1024, le=65_536, description="Bytes held for a reader that stops reading, per connection."
    )
    stalled_reader_timeout_s: Timeout = Field(
        300.0, description="Seconds without progress after which a reader is given up."
    )
    handshake_timeout_s: Timeout = Field(
        60.0, description="Seconds from connect to username; silent connections take up places."
    )
    frame_timeout_s: Timeout = Field(
        60.0, description="Seconds for one frame from its first byte; a half frame holds memory."
    )
    idle_timeout_s: float = Field(
        0.0, ge=0, le=30 * DAY_S, description="Seconds of silence before goodbye; 0 is never, as people think slowly."
    )
    farewell_timeout_s: Timeout = Field(
        60.0, description="Seconds a leaving client has to read why; it reads only at its next list."
    )
    stop_timeout_s: float = Field(
        8.0, ge=0.1, le=8, description="Seconds for all goodbyes at a stop; the whole stop must end within 10."
    )
    posts_per_second: float = Field(
        50.0, ge=0, le=1_000_000, description="Posts a session may keep up, then it is slowed; 0 is without limit."
    )
    posts_burst: Count = Field(500, description="Posts a session may send at once before it is slowed, as in a paste.")
    keepalive_s: int = Field(
        60, ge=0, le=32_767, description="Seconds between TCP keepalive probes, which find dead peers; 0 is off."
    )


class StoreSettings(Section):
    """How rows are written, and how many stay in memory."""

    queue_rows: int = Field(
        20_000, ge=1, le=10_000_000, description="Rows waiting to be committed; when full, sockets are not read."
    )
    queue_characters: int = Field(
        16 * MIB, ge=10_000, le=1024 * MIB, description="Characters of the rows waiting to be committed, likewise."
    )
    batch_rows: Count = Field(5_000, description="Rows in one commit; large ones are fast, and delay whoever waits.")
    memory_bytes: int = Field(
        64 * MIB,
        ge=65_536,
        le=1024 * 1024 * MIB,
        description="Bytes of posts and messages kept ready; others are read when asked.",
    )
    readers: Threads = Field(2, description="Database connections that only read; few, as most lists come from memory.")
    bell_interval_s: float = Field(
        2.0, ge=0.05, le=3600, description="PostgreSQL: seconds between looks for other nodes' rows, bell or no bell."
    )


class BoardSettings(Section):
    """What a user sees."""

    post_row: RowTemplate = Field(
        "{ip} {text}", description="A post's look, from {ip} {text} {username} {time} {id}; {ip} publishes addresses."
    )
    message_row: RowTemplate = Field(
        "{text}", description="A message's look, from {text} {sender} {time} {id}; without {sender} nobody knows whose."
    )
    window: int = Field(
        0, ge=0, le=1_000_000, description="The newest rows that a list shows; 0 is every row, as in the original."
    )
    visible_controls: bool = Field(
        True, description="Show control characters as signs, so that no user can repaint another's terminal."
    )
    slash: Literal["post", "reserved"] = Field(
        "post", description="An unknown /word is a post; reserved refuses it, so that a typing slip is not published."
    )
    mode: Literal["open", "hold", "read_only", "staff_only"] = Field(
        "open", description="Who may write: everyone, everyone with a review before, nobody, or the staff alone."
    )
    mode_ends_at_ms: int = Field(
        0, ge=0, le=LATEST_MS, description="When the board is open again, in ms since 1970; 0 is never by itself."
    )
    operator_name: Name = Field(
        "operator", description="The name under which staff post from the console; no session may bear it."
    )
    archived_through: int = Field(
        0, ge=0, le=LARGEST_ID, description="Posts up to this number are archived: in no list, and in the console."
    )

    @field_validator("post_row")
    @classmethod
    def _is_a_post_row(cls, template: str) -> str:
        rowformat.parse(template, POST_FIELDS)
        return template

    @field_validator("message_row")
    @classmethod
    def _is_a_message_row(cls, template: str) -> str:
        rowformat.parse(template, MESSAGE_FIELDS)
        return template


class AdminSettings(Section):
    """The web console and the REST API."""

    enabled: bool = Field(True, description="Serve the console from this process; off when it runs as its own.")
    host: Host = Field(
        "127.0.0.1", description="The console's address; one that others reach needs a certificate or behind_proxy."
    )
    port: Port = Field(10380, description="The console's port; 0 picks a free one.")
    threads: Threads = Field(2, description="Pages made at one time; more of them slow the board's own answers.")
    certificate: Place = Field("", description="A certificate with its chain, as PEM: the console itself speaks TLS.")
    certificate_key: Place = Field("", description="The certificate's private key, as PEM; empty is the same file.")
    behind_proxy: bool = Field(False, description="A proxy that speaks TLS stands before the console.")
    trusted_proxies: Networks = Field(
        ("127.0.0.0/8", "::1/128"),
        description="Where the proxy connects from; nobody else is believed whom they bring.",
    )
    second_factor_required: bool = Field(False, description="Nobody of the staff gets further without a second factor.")


class LogSettings(Section):
    """What is told about the server's work."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least important lines that are written; debug is for plugin authors."
    )
    format: Literal["auto", "text", "json"] = Field(
        "auto", description="Lines for people or for programs; auto is text on a terminal, JSON otherwise."
    )


class Settings(Section):
    """All settings in force."""

    server: ServerSettings = ServerSettings()
    limits: LimitSettings = LimitSettings()
    store: StoreSettings = StoreSettings()
    board: BoardSettings = BoardSettings()
    admin: AdminSettings = AdminSettings()
    plugins: PluginSettings = PluginSettings()
    log: LogSettings = LogSettings()


SECTIONS: Mapping[str, type[BaseModel]] = {name: type(field.default) for name, field in Settings.model_fields.items()}
FIELDS: Mapping[str, FieldInfo] = {
    f"{section}.{key}": field for section, model in SECTIONS.items() for key, field in model.model_fields.items()
}
_BOUNDS = ("ge", "le", "min_length", "max_length")
_EXAMPLES: Mapping[object, str] = {
    "plugins.options": "a table for each plugin, such as [plugins.options.dice]",
    "plugins.groups": 'a table of lists such as {"teachers" = ["alice", "10.0.0.0/24"]}, in JSON with a colon',
    "plugins.access": 'a table of groups such as {"/grade" = "teachers"}, in JSON with a colon',
    "plugins.rates": 'a table of rates such as {"/roll" = "5/m"}, in JSON with a colon',
    bool: "true or false",
    tuple: 'a list of names such as ["help", "who"]',
    dict: 'a table of names such as {"list" = "mylist"} (list=mylist in a variable)',
}


def expected(key: str) -> str:
    """Say what the setting `key`, as in "limits.connections", takes: "a whole number from 1 to 1000000"."""
    field = FIELDS[key]
    bound = {name: getattr(rule, name) for rule in field.metadata for name in _BOUNDS if hasattr(rule, name)}
    kind = get_origin(field.annotation) or field.annotation
    if kind is Literal:
        return "one of " + ", ".join(f'"{choice}"' for choice in get_args(field.annotation))
    if kind is str:
        return f"text in quotes, {bound.get('min_length', 0)} to {bound['max_length']} characters long"
    if kind is int or kind is float:
        return f"a {'whole ' if kind is int else ''}number from {bound['ge']} to {bound['le']}"
    return _EXAMPLES[key if key in _EXAMPLES else kind]


def choices(key: str) -> tuple[str, ...]:
    """Return what a setting may be, where that is one of a few words; else nothing."""
    annotation = FIELDS[key].annotation
    return tuple(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ()
