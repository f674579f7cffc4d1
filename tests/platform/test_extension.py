"""What a plugin adds to the console: refused at its load where it cannot be, bounded, and tested without a browser."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bbs_core.errors import Forbidden, NotFound, PluginError, UserError
from bbs_core.host import PluginSet
from bbs_core.platform.content import Reader, parts_of
from bbs_core.platform.discovery import Plugin, files
from bbs_core.platform.extension import Extension
from bbs_core.platform.forms import spell
from bbs_core.plugin_settings import PluginSettings
from bbs_core.public.console import Content, Facts, Heading, Link, Table, Text, Time
from bbs_core.public.fields import CHOICES_LIMIT
from bbs_core.testing import Bbs
from bbs_core.testing.project import Project
from tests.platform import sample
from tests.platform.outside import put
from tests.support import ROOT

NO_TYPE = "A field is of a type that nothing typed can be: say how with Annotated and Convert"
WHOLE = "from bbs_core.plugin import *\n"
FAULTS = [
    (
        '@page("X", scope="stats:raed")\ndef one(): ...',
        "There is no right stats:raed (odd.py:2). Did you mean stats:read?",
    ),
    (
        '@page("X")\ndef one(session): ...',
        "A page takes query, staff, server, settings, storage, and not session (odd.py:2).",
    ),
    ('@card("X")\ndef one(query): ...', "A card takes server, settings, storage, and not query (odd.py:2)."),
    (
        '@action("X")\ndef one(*names: str): ...',
        "The fields of an action have names, and *names: str has none (odd.py:2).",
    ),
    (
        '@action("X")\ndef one(x: object): ...\nclass Card: ...\n@action("Y")\ndef two(x: Card): ...',
        f"{NO_TYPE} (odd.py:5).",
    ),
    (
        '@action("X")\ndef one(model_config: str): ...',
        "The name of a field does not begin with _ or model_, as model_config does (odd.py:2).",
    ),
    (
        '@action("X")\ndef one(_x: str): ...',
        "The name of a field does not begin with _ or model_, as _x does (odd.py:2).",
    ),
    (
        f'import typing\n@action("X")\ndef one(x: typing.Literal[*range({CHOICES_LIMIT + 1})]): ...',
        f"x has {CHOICES_LIMIT + 1} choices; a form has room for {CHOICES_LIMIT} (odd.py:3).",
    ),
    ('@page("X")\ndef One(): ...', "The address of a page is the name of its function: use small letters (odd.py:2)."),
    ('@page("")\ndef one(): ...', "'' is no title: write one to 40 characters. (odd.py:2)"),
    ('@card("X")\ndef one(settings): ...', "A function asks for settings (odd.py:2): mark a model with @settings."),
    ("for n in range(9):\n    exec(f'@page(str(n))\\ndef page{n}(): ...')", "It has more than 8 pages."),
]


class Treacherous(type):
    """A class of classes that would end the server, were it asked for anything."""

    def __hash__(cls) -> int:
        raise SystemExit

    def __eq__(cls, other: object) -> bool:
        raise SystemExit

    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise SystemExit


class Trap(metaclass=Treacherous):
    """Content that is none."""


NO_CONTENT: list[tuple[object, str]] = [
    (Trap(), "It answered Trap, which is not what a page is made of."),
    (Table(["a"], [[Trap()]], "A"), "It answered Trap, which is not what a cell can hold."),  # type: ignore[list-item]
    (3, "It answered int, which is not what a page is made of."),
    ([["x"]], "It answered list, which is not what a page is made of."),
    (["x"] * 101, "There are 101 blocks, and at most 100 can be shown."),
    ("x" * 200_001, "An answer has at most 200,000 characters."),
    (Table(["a"], [["x"]] * 2_001, "A"), "There are 2,001 rows, and at most 2,000 can be shown."),
    (Table(["a"] * 20, [["x"] * 20] * 251, "A"), "An answer has at most 5,000 cells."),
    (Table(["a"] * 21, [], "A"), "There are 21 columns, and at most 20 can be shown."),
    (Table(["a", "b"], [["x"]], "A"), "A row of a table has 1 cells, and its head 2."),
    (Table(["a"], (row for row in ["x"]), "A"), "It answered generator, which is not a list of rows."),  # type: ignore[arg-type]
    (Table(["a"], [[object()]], "A"), "It answered object, which is not what a cell can hold."),  # type: ignore[list-item]
    (Heading(b"x"), "It answered bytes, which is not a text."),  # type: ignore[arg-type]
    (Facts({"a": Time(-1)}), "A time is in milliseconds since 1970."),
    *(
        (Link("x", to), "A link leads to a path of the console, or to an address with http or https.")
        for to in (
            "javascript:x()",
            "//evil.example",
            "/\\evil",
            "http:///x",
            "https://a@b",
            "mailto:a@b",
            "https://a b",
        )
    ),
]


def load(folder: Path, *sources: str) -> list[Plugin]:
    """Load files as a server would, and return what became of them."""
    for name, source in zip(("odd", "even"), sources, strict=False):
        put(folder, f"{name}.py", source)
    plugins = PluginSet(PluginSettings(), files(folder / "plugins"))
    plugins.close()
    return plugins.plugins


@pytest.mark.parametrize(("source", "why"), FAULTS)
def test_what_cannot_be_a_part_of_the_console_is_refused_with_its_place(tmp_path: Path, source: str, why: str) -> None:
    [plugin] = load(tmp_path, WHOLE + source)
    assert plugin.state == "failed"
    assert plugin.reason.endswith(why), plugin.reason


def test_two_plugins_that_have_pages_alone_are_two(tmp_path: Path) -> None:
    sources = [WHOLE + f'@page("{name}")\ndef one(): ...' for name in ("A", "B")]
    assert [plugin.reason for plugin in load(tmp_path, *sources)] == ["", ""]


@pytest.mark.parametrize(("answer", "why"), NO_CONTENT)
def test_what_is_no_content_is_refused_with_what_is_wrong(answer: object, why: str) -> None:
    with pytest.raises(PluginError) as refused:
        Reader(Extension(), forms=True).blocks(parts_of(answer))
    assert str(refused.value) == why


class Liar(list[str]):
    """A list whose methods are never to be called."""

    def __len__(self) -> int:
        raise AssertionError

    def __iter__(self) -> None:  # type: ignore[override]
        raise AssertionError


class Word(str):
    """A text of the same kind."""

    def __str__(self) -> str:
        raise AssertionError

    encode = __len__ = __str__  # type: ignore[assignment]


def test_nothing_of_a_plugins_own_making_is_called() -> None:
    content: Content = [Word("a"), Table(Liar(["b"]), [Liar(["c"])], Word("d"))]
    text, table = Reader(Extension(), forms=True).blocks(parts_of(content))
    assert (text.value, table.value.head, table.value.caption) == ("a", ["b"], "d")
    assert {type(one) for one in (text.value, table.value.caption, table.value.rows[0][0].value)} == {str}


@pytest.mark.parametrize(("seconds", "spelled"), [(90, "1m30s"), (3600, "1h"), (694_861, "1w1d1h1m1s"), (0, "0s")])
def test_a_time_is_spelled_as_it_is_typed(seconds: int, spelled: str) -> None:
    assert spell(timedelta(seconds=seconds)) == spelled


@pytest.mark.bbs("sample.py")
async def test_an_author_opens_pages_and_sends_forms_without_a_browser(bbs: Bbs) -> None:
    alice = await bbs.login("alice")
    olga, ned = bbs.staff("olga"), bbs.staff("ned", "observer")
    [told, form] = await ned.open("sample", "greetings", to="bob")
    assert (told, form.button) == (Text("Hello, bob. On line: alice."), "")  # type: ignore[union-attr]
    assert await olga.cards("sample") == {"how_many": [Facts({"calls": len(sample.calls)})]}
    before = len(bbs.ledger)
    assert await olga.act("sample", "greet_all", times="2", reason="a feast") == [Text("olga says it 2 times.")]
    [act] = bbs.ledger[before:][:1]
    assert (act.action, act.target_id, act.reason) == ("plugin.action", "sample", "a feast")
    assert await alice.list() == ["operator Hello, all."] * 2
    for wrong, why in (({"times": "0"}, "times: Input should be"), ({"times": "9"}, "Nobody greets so often.")):
        with pytest.raises(UserError, match=why):
            await olga.act("sample", "greet_all", **wrong)
    with pytest.raises(TypeError, match="a text for one of times, not tims='1'"):
        await olga.act("sample", "greet_all", tims="1")
    with pytest.raises(Forbidden, match="plugins:write"):
        await ned.act("sample", "greet_all", times="1")
    await olga.disable("sample")
    with pytest.raises(NotFound):
        await olga.open("sample", "greetings")


def test_the_example_of_the_page_works_as_its_test_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "hooks.md").read_text().partition("## Pages in the console")[2]
    example, said = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[:2]
    put(tmp_path, "birthdays.py", example)
    names: dict[str, Any] = {"Bbs": Bbs, "Text": Text}
    exec(said, names)
    project = Project([tmp_path / "plugins" / "birthdays.py"], None)
    with project.board(project.plugins, {}) as bbs:
        asyncio.run(names["test_a_birthday_is_added"](bbs))
    project.close()
