"""A type checker sees what is wrong with an implementation before the board does."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from mypy import api

from tests.platform.outside import put
from tests.stock.double import StockClient
from tests.wire.live import LiveBoard

GOOD = """
    from collections.abc import Generator

    from bbs_core.plugin import Answer, Refuse, Session, Verdict, hooks, implements, wraps


    @implements(hooks.bbs_screen_post)
    def screen(session: Session, text: str) -> Verdict:
        return Refuse("it shouts") if text.isupper() else None


    @implements(hooks.bbs_session_opened)
    async def greet(session: Session) -> None:
        session.notify(f"Hello, {session.username}.")


    @wraps(hooks.bbs_command_list)
    def add(session: Session) -> Generator[None, Answer, Answer]:
        yield
        return ["one row"]
"""
# Each is one mistake, and the line in which it is.
WRONG = """
    from collections.abc import Generator
    from bbs_core.plugin import Answer, Session, Verdict, hooks, implements, wraps

    @implements(hooks.bbs_screen_post)
    def other_name(session: Session, words: str) -> Verdict: ...

    @implements(hooks.bbs_screen_post)
    def other_type(session: Session, text: int) -> Verdict: ...

    @implements(hooks.bbs_screen_post)
    def other_answer(session: Session, text: str) -> bool:
        return True

    @implements(hooks.bbs_screen_post)
    def too_many(session: Session, text: str, more: int) -> Verdict: ...

    @implements(hooks.bbs_scren_post)
    def no_hook(session: Session, text: str) -> Verdict: ...

    @wraps(hooks.bbs_command_list)
    def no_generator(session: Session) -> Answer: ...
"""


def test_wrong_signatures_are_seen_and_right_ones_are_not(tmp_path: Path) -> None:
    for name, source in (("good", GOOD), ("wrong", WRONG)):
        (tmp_path / f"{name}.py").write_text(dedent(source))
    said, _, _ = api.run(["--strict", "--no-error-summary", "--hide-error-context", *map(str, tmp_path.glob("*.py"))])
    found = {line.split(":")[1] for line in said.splitlines() if "/wrong.py:" in line and ": error:" in line}
    assert found >= {"5", "8", "11", "15", "18", "21"}, said
    assert "/good.py" not in said


def test_they_work_as_plain_marks_do(tmp_path: Path) -> None:
    put(tmp_path, "good.py", GOOD)
    # Not `board.client`, which reads the greeting.
    with LiveBoard(tmp_path) as board, StockClient("127.0.0.1", board.port, "ann") as ann:
        ann.post("HELLO")
        assert ann.list() == ["one row", "* Hello, ann.", "* Your post was not kept: HELLO (it shouts)"]
