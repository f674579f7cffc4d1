"""What a plugin may keep: values by their keys, and tables of its own with the migrations that make them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    # A plugin's own process loads this module, and no database.
    import sqlalchemy as sa

    Change = sa.Insert | sa.Update | sa.Delete

# A key is a name and not a text; with all its characters it fits any index.
KEY_CHARACTERS = 200
# A frame or a notice of several; what is larger is better kept as rows of a table.
VALUE_BYTES = 65_536
# Counters and choices of all regulars of a large board; beyond that a table finds things faster.
KEYS = 10_000
# Of `items` at once: with the largest values they take 64 MiB.
ITEMS = 1000
# What a read of tables returns at the most and a write takes, so that it fits in memory.
ROWS = 10_000
READ_BYTES = 67_108_864
# What is stored within the time of a write, also by a slow disk.
WRITE_BYTES = 8_388_608
# A read keeps others from one of a few connections, a write every post from being stored.
READ_S = 2.0
WRITE_S = 1.0

_Migration = TypeVar("_Migration", bound="Callable[[Schema], None]")


class Storage(Protocol):
    """What one plugin keeps in the board's database; it outlives a reload, a restart and being switched off.

    Keys and values are of any script. A value is what JSON can be: texts, numbers, booleans, None, and lists and
    dictionaries of those. What does not fit raises StorageError. For async functions; in the loop's thread.
    """

    async def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key."""

    async def put(self, key: str, value: Any) -> None:
        """Keep a value; it is stored when this returns."""

    async def delete(self, key: str) -> None:
        """Forget a key, if it is there."""

    async def add(self, key: str, amount: float = 1) -> float:
        """Add to a number, 0 at first, and return the sum; none of many that add at once is lost."""

    async def change(self, key: str, function: Callable[[Any], Any]) -> Any:
        """Put in the place of a value what `function` makes of it, and return that; None stands for no value.

        Where another changes it meanwhile, the function is called again with what is there then.
        """

    async def items(self, prefix: str = "", *, after: str = "", limit: int = 100) -> Mapping[str, Any]:
        """Return the keys that begin with `prefix` and come behind `after`, in their order, with their values."""

    async def read(self, statement: sa.Select[Any] | sa.CompoundSelect[Any]) -> Sequence[Mapping[str, Any]]:
        """Return the rows of a SELECT on the plugin's tables: 10,000 and 64 MiB at the most, within two seconds."""

    async def write(self, *statements: Change | tuple[Change, Sequence[Mapping[str, Any]]]) -> int:
        """Run INSERT, UPDATE and DELETE on the plugin's tables in one transaction; return how many rows they touched.

        One that is given with rows, as in `(sa.insert(table), rows)`, is run for each of them, which are 10,000 and
        8 MiB at the most: that is how many rows are written fast. All statements together have a second. Where one
        fails, none has changed anything.
        """


class Schema(Protocol):
    """What a migration changes of the plugin's tables, in the order of the calls; it is done after the function."""

    def create_table(self, name: str, *items: sa.Column[Any] | sa.Constraint) -> None:
        """Make a table of these columns and constraints."""

    def drop_table(self, name: str) -> None:
        """Drop a table with its rows."""

    def add_column(self, table: str, column: sa.Column[Any]) -> None:
        """Add a column; one that takes no null needs a `server_default`, for the rows that are there."""

    def drop_column(self, table: str, column: str) -> None:
        """Drop a column that is in no index and no key."""

    def create_index(self, name: str, table: str, columns: Sequence[str], *, unique: bool = False) -> None:
        """Make an index; its name begins with that of the table, or `ix_` and that."""

    def drop_index(self, name: str, table: str) -> None:
        """Drop an index."""

    def execute(self, statement: sa.Insert | sa.Update | sa.Delete) -> None:
        """Change rows of the plugin's tables."""


def migration(number: int) -> Callable[[_Migration], _Migration]:
    """Make a function of `schema` what brings the plugin's tables from the version before to this one; the first is 1.

    Those that a board has not had yet are run before the plugin is at work, all in one transaction. Never change one
    that has been at work anywhere: add another. Raises ValueError for a number below 1.
    """
    if number < 1:
        raise ValueError("The first migration is 1.")

    def mark(function: _Migration) -> _Migration:
        function.bbs_migration = number  # type: ignore[attr-defined]
        return function

    return mark
