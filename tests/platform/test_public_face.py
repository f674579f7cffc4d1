"""What a plugin may import is what `bbs_core.plugin` lists, and nothing else in there is public."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

from bbs_core import plugin

PLUGINS = Path(__file__).parents[2] / "plugins"


def test_the_public_face_is_what_it_lists() -> None:
    assert dir(plugin) == sorted(plugin.__all__)
    assert defined_in(inspect.getsource(plugin)) <= set(plugin.__all__)


def defined_in(source: str) -> set[str]:
    """Return the public names that a module defines at its top."""
    names: set[str] = set()
    for statement in ast.parse(source).body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(statement.name)
            case ast.Assign():
                names |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name() as target):
                names.add(target.id)
    return {name for name in names if not name.startswith("_")}


def test_every_part_of_it_is_documented() -> None:
    for name in plugin.__all__:
        part = getattr(plugin, name)
        if inspect.isclass(part) or inspect.isfunction(part):
            assert (inspect.getdoc(part) or "").endswith("."), name
    for protocol in (plugin.Board, plugin.Mail, plugin.Rows, plugin.Session):
        members = {name: member for name, member in vars(protocol).items() if not name.startswith("_")}
        assert all((inspect.getdoc(member) or "").endswith(".") for member in members.values()), protocol


def test_the_built_ins_know_nothing_else_of_the_board() -> None:
    for file in PLUGINS.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.ImportFrom(module="bbs_core"):
                    assert [(one.name, one.asname) for one in node.names] == [("plugin", "bbs")], file
                case ast.ImportFrom(module=str(module)) if module.startswith("bbs_core"):
                    assert module == "bbs_core.plugin", file
                    assert {one.name for one in node.names} <= set(plugin.__all__), file
                case ast.Attribute(value=ast.Name(id="bbs")):
                    assert node.attr in plugin.__all__, file
