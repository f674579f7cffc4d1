"""What is counted, as plain numbers that cost an addition each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Counts:
    """The numbers that a server adds to as it runs."""

    connections_total: int = 0
    refused_connections_total: Counter[str] = field(default_factory=Counter)
    posts_total: int = 0
    messages_total: int = 0
    frames_total: int = 0
    protocol_errors_total: int = 0
    refused_rows_total: int = 0
