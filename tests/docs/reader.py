"""Whoever works through pages of docs: saves files, types lines and presses buttons as it is written, and compares."""

from __future__ import annotations

import ast
import html
import importlib.util
import re
import shlex
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from tests.console.test_extension_live import At, Console
from tests.docs.terminal import Terminal, terminal
from tests.docs.test_transcript import DOUBLE, play
from tests.platform.test_entry_points import Environment
from tests.support import bbs

PASSWORD = "correct horse battery"
TIMEOUT_S = 60
BANNER = "BBS Server 1.2\n"
# What is to be done, by the name of the method that does it.
STEPS = {
    "save": r"^Save this as `([^`]+)`.*:\n\n```python\n([\s\S]*?)^```$",
    "change": r"^Change `([^`]+)`:\n\n```python\n([\s\S]*?)^```$",
    "run": r"^```console\n([\s\S]*?)^```$",
    "look": r"^```text page\n([\s\S]*?)^```$",
    "talk": r"^```text (?!page)(\w+)\n([\s\S]*?)^```$",
    "visit": r"<http://127\.0\.0\.1:10380(/[^>]*)>",
    "press": r"Press \*\*(.+?)\*\*",
    "put": r"put\s`(.+?)` into `([\w.]+)`",
    "stop": "^Stop the board",
    "start": "^Start the board again",
}
# After these begins a new line on a page.
LINE_ENDS = r"</(?:tr|p|caption|dt|dd|div|h\d|li)>"
BEHIND = "SELECT name FROM positions WHERE name LIKE 'thanks:%' AND through_id < (SELECT max(id) FROM posts)"
UNSEEN = r"<(head|script|style|textarea|nav)\b.*?</\1>"


def steps(page: Path) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Yield what a page tells to do, in its order: the line, the name of a step, and what is in it."""
    text = page.read_text(encoding="utf-8")
    found = [(one, name) for name, step in STEPS.items() for one in re.finditer(step, text, re.MULTILINE)]
    for one, name in sorted(found, key=lambda found: found[0].start()):
        yield text.count("\n", 0, one.start()) + 1, name, one.groups()


class Reader:
    """A new folder with a running board in it, with clients and a browser, until the end of `stack`."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._stack = folder, stack
        folder.mkdir()
        self._packages = folder / "packages"
        self._board = stack.enter_context(Environment(folder / "bbs-data", self._packages))
        self._clients: dict[str, Terminal] = {}
        bbs("staff", "add", "olga", "--role", "owner", "--password-stdin", stdin=PASSWORD, folder=folder)
        self._console = Console(At(self._board.admin_port))  # type: ignore[arg-type]
        assert self._console.sign_in().status == 303
        self._page = ""

    def save(self, file: str, source: str) -> None:
        """Write a file."""
        (self._folder / file).write_text(source)

    def change(self, file: str, pieces: str) -> None:
        """Put pieces into a file: imports for its imports, a name for its namesake, and what is new to the end."""
        self.save(file, changed((self._folder / file).read_text(), pieces))

    def run(self, lines: str) -> None:
        """Type lines at a shell, and compare what they print."""
        for typed, printed in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", lines, re.MULTILINE):
            said = self._said(shlex.split(typed))
            assert re.fullmatch(pattern(printed), said), f"{typed}\n{said}"

    def look(self, lines: str) -> None:
        """Find lines on the page of the console, one after the other."""
        shown = lines_of(self._page)
        seen = iter(shown)
        for line in lines.splitlines():
            assert any(re.fullmatch(pattern(line), one) for one in seen), (line, shown)

    def talk(self, name: str, script: str) -> None:
        """Type the lines of somebody at a stock client, and compare the screen."""
        self._wait_until_told()
        if script.startswith(BANNER):
            command = [sys.executable, "-X", "utf8", str(DOUBLE), "127.0.0.1", str(self._board.port), name]
            self._clients[name] = self._stack.enter_context(terminal(command))
        shown = play(self._clients[name], script)
        assert shown == script, shown
        self._wait_until_known(name)

    def visit(self, path: str) -> None:
        """Open a page of the console."""
        self._page = self._console.get(path).text

    def press(self, label: str) -> None:
        """Press the first button of this name, and go where it leads."""
        form = next(one for one in re.findall(r"<form[\s\S]*?</form>", self._page) if f">{label}</button>" in one)
        [to] = re.findall(r'action="([^"]+)"', form)
        named = r'<input[^>]*? name="([^"]+)"[^>]*? value="([^"]*)"|<textarea[^>]*? name="([^"]+)"[^>]*>\n?([^<]*)<'
        fields = {a or c: html.unescape(b or d) for a, b, c, d in re.findall(named, form)}
        self._page = self._console.follow(self._console.post_bare(to, **fields))

    def put(self, value: str, setting: str) -> None:
        """Change a setting of the board on its page."""
        assert self._console.post("/settings", **{setting: value, "reason": "as the page says"}).status == 303

    def stop(self) -> None:
        """End the board."""
        assert self._board.terminate() == 0

    def start(self) -> None:
        """Start it again."""
        self._board.restart()

    def _said(self, words: list[str]) -> str:
        program, *rest = words
        if program == ".venv/bin/bbs":
            done = bbs(*rest, folder=self._folder, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
            return done.stdout + done.stderr
        if program == ".venv/bin/python":
            if rest[-1] == "pytest":
                assert importlib.util.find_spec("pytest")
                return ""
            # Into a folder of the test's own, and with what is here: nothing is fetched.
            alone = ["--target", str(self._packages), "--no-deps", "--no-build-isolation", "--no-index"]
            words = [sys.executable, *rest, *alone, "--disable-pip-version-check"]
        done = subprocess.run(words, cwd=self._folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        return done.stdout + done.stderr

    def _wait_until_told(self) -> None:
        """Wait until the plugin has heard of every post, as a reader does by being slow."""
        self._wait(lambda connection: not connection.execute(BEHIND).fetchall())

    def _wait_until_known(self, name: str) -> None:
        """A client asks for a text as soon as it has sent its name; others know the user a moment later."""
        self._wait(lambda connection: connection.execute("SELECT 1 FROM users WHERE name = ?", [name]).fetchall())

    def _wait(self, done: Callable[[sqlite3.Connection], object]) -> None:
        end = time.monotonic() + TIMEOUT_S
        with closing(sqlite3.connect(f"file:{self._board.data / 'bbs.sqlite3'}?mode=ro", uri=True)) as connection:
            while not done(connection):
                assert time.monotonic() < end


def changed(text: str, pieces: str) -> str:
    """Return a module with pieces in the places of their namesakes, and what is new at its end."""
    for name, piece in pieces_of(pieces).items():
        before = pieces_of(text).get(name)
        text = text.replace(before, piece) if before else f"{text}\n\n{piece}"
    return text


def pieces_of(source: str) -> dict[str, str]:
    """Return the functions, classes and names of a module, and its imports as one piece."""
    found: dict[str, list[ast.stmt]] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.setdefault("import", []).append(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = [*node.decorator_list, node]  # type: ignore[list-item]
        elif isinstance(node, ast.Assign):
            found[ast.unparse(node.targets[0])] = [node]
    lines = source.splitlines(keepends=True)
    return {name: "".join(lines[nodes[0].lineno - 1 : nodes[-1].end_lineno]) for name, nodes in found.items()}


def pattern(printed: str) -> str:
    """Return a regular expression for what a page shows: "…" is anything within a line, or lines where it is alone."""
    lines = re.sub("^…\n", "\0", printed, flags=re.MULTILINE)
    return re.escape(lines).replace("\0", r"(?:.*\n)*?").replace("…", ".*")


def lines_of(page: str) -> list[str]:
    """Return what a page of the console shows, as lines: a row of a table is one."""
    text = re.sub(UNSEEN, " ", page, flags=re.DOTALL)
    text = re.sub(LINE_ENDS, "\0", " ".join(text.split()))
    return [" ".join(html.unescape(re.sub("<[^>]*>", " ", line)).split()) for line in text.split("\0")]
