"""What templates say of values: an act's change in words."""

from __future__ import annotations

from typing import Any

import pytest

from admin.look import changes


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"state": "visible"}, {"state": "hidden"}, ["state: visible → hidden"]),
        ({}, {"kind": "user", "expires_in_s": None}, ["kind: user"]),
        ({"value": 200}, {"value": None}, ["value: 200 → nothing"]),
        ({"lifted": False}, {"lifted": True, "names": ["é"]}, ["lifted: false → true", 'names: ["é"]']),
        ({}, {}, []),
    ],
)
def test_what_an_act_changed_is_said_in_words(before: dict[str, Any], after: dict[str, Any], said: list[str]) -> None:
    assert changes(before, after) == said
