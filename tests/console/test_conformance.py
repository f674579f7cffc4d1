"""Whatever is sent to the API that its document allows, and much that it does not: no 5xx, nothing undescribed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bbs_core import reports
from bbs_core.presence import beat
from tests.console.api_cases import user_id
from tests.console.support import Board, open_board, plugin_status
from tests.support import SOAK

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 4 * SOAK


def lived_in(board: Board) -> None:
    """Leave something behind that requests can meet."""
    for name in ("ann", "bob"):
        board.visit(name, stay=True)
    board.post("one", "two", "three")
    board.messages(("ann", "bob", "hello"))
    for kind in ("post", "message"):
        board.run(lambda c, kind=kind: reports.report(c, kind, 1, user_id(board, "bob"), "rude"))  # type: ignore[misc]
    board.run(lambda connection: beat(connection, "", plugin_status("dice"), True))


def try_out(operation: Any, headers: dict[str, str]) -> None:
    """Send an operation what its document allows, and what comes close."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def holds(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, headers=headers)

    holds()


def test_no_answer_is_outside_the_document(tmp_path: Path, database_url: str) -> None:
    with open_board(tmp_path / "data", database_url) as board:
        lived_in(board)
        document: Any = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", board.app)
        operations = [found.ok() for found in document.get_all_operations()]
        assert len(operations) >= 49
        for number, operation in enumerate(operations):
            # An owner of its own for each, and a token: either can be switched off.
            try_out(operation, {"Authorization": f"Bearer {board.token(staff=f'owner {number}')}"})
