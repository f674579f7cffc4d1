"""`bbs audit verify` finds a changed byte, a deleted row, a cut tail and an old copy."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from bbs_core import acts
from bbs_core.ledger import HEAD_FILE, open_ledger
from bbs_core.settings import Settings
from bbs_core.store.access import DirectAccess
from bbs_core.store.engine import database_url as url_of
from bbs_core.store.engine import writing_engine
from bbs_core.store.schema import migrate
from tests.commands.board import Operator

# What somebody does who may write to the database, and means harm: the triggers go first.
UNGUARD = {
    "sqlite": ["DROP TRIGGER acts_UPDATE", "DROP TRIGGER acts_DELETE"],
    "postgresql": ["ALTER TABLE acts DISABLE TRIGGER ALL"],
}


@pytest.fixture
def operator(tmp_path: Path, database_url: str) -> Operator:
    """Somebody with a board and five acts in its ledger, the last of which the command line did."""
    operator = Operator(tmp_path, database_url)
    engine = writing_engine(url_of(database_url, tmp_path))
    migrate(engine, tmp_path)
    desk = acts.Desk(DirectAccess(engine), open_ledger(tmp_path), Settings())
    for name in ("spammer", "one", "two", "three"):
        new = {"measure": "ban", "kind": "user", "value": name, "reason": "spam" if name == "spammer" else "loud"}
        acts.perform(desk, acts.operator(), "sanction.add", new)
    engine.dispose()
    operator.bbs("mute", "add", "user", "shouter", "--reason", "loud")
    return operator


def test_an_unharmed_ledger_holds(operator: Operator) -> None:
    assert operator.bbs("audit", "verify") == ["The ledger holds: 5 acts."]


def write(operator: Operator, *statements: str) -> None:
    engine = sa.create_engine(url_of(operator.database, operator.data), poolclass=sa.NullPool)
    with engine.begin() as connection:
        for statement in [*UNGUARD[engine.dialect.name], *statements]:
            connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (["UPDATE acts SET action = 'ban.lift' WHERE id = 2"], "Act 2 is not as it was written."),
        (["UPDATE acts SET at_ms = at_ms + 1 WHERE id = 5"], "Act 5 is not as it was written."),
        (["UPDATE act_texts SET text = 'ham' WHERE text = 'spam'"], "A text of act 1 is not as it was written."),
        (["DELETE FROM act_texts WHERE act_id = 3", "DELETE FROM acts WHERE id = 3"], "Act 3 is missing."),
        (
            ["DELETE FROM act_texts WHERE act_id >= 4", "DELETE FROM acts WHERE id >= 4"],
            "The ledger ends at act 3, and act 5 was written: its end was cut off, or an old copy was put back.",
        ),
    ],
)
def test_harm_is_found(operator: Operator, harm: list[str], found: str) -> None:
    write(operator, *harm)
    code, said = operator.fails("audit", "verify")
    assert code == 1
    assert found in said.splitlines()


def test_an_old_copy_that_was_gone_on_with_is_found(operator: Operator) -> None:
    write(operator, "DELETE FROM act_texts WHERE act_id >= 4", "DELETE FROM acts WHERE id >= 4")
    for number in range(2):
        operator.bbs("mute", "add", "user", f"other {number}", "--reason", "loud")
    code, said = operator.fails("audit", "verify")
    assert (code, "Act 5 is another one than was written" in said) == (1, True)


def test_a_note_that_is_behind_is_no_fault(operator: Operator) -> None:
    (operator.data / HEAD_FILE).unlink()
    assert operator.bbs("audit", "verify") == ["The ledger holds: 5 acts."]
