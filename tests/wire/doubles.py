"""The stock double as a process of its own: run to its end, or spoken to line by line."""

from __future__ import annotations

import subprocess
import sys

from tests.stock import double
from tests.wire.links import Link

LOOPBACK = Link("127.0.0.1")
TIMEOUT_S = 60
PROMPTS = ("Message: ", "To? ", "Message (DM): ")
Done = subprocess.CompletedProcess[str]


def start_double(port: int, name: str, *options: str, link: Link = LOOPBACK) -> subprocess.Popen[str]:
    """Start a double; its lines are written to `stdin`, what it prints comes from `stdout`."""
    command = [*link.prefix, sys.executable, "-X", "utf8", str(link.script), link.host, str(port), name, *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, encoding="utf-8")


def finish(process: subprocess.Popen[str], *lines: str) -> Done:
    """Give a double its last lines and wait for its end."""
    with process:
        try:
            out, err = process.communicate("".join(f"{line}\n" for line in lines), TIMEOUT_S)
        finally:
            process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def run_double(port: int, name: str, *lines: str, options: tuple[str, ...] = (), link: Link = LOOPBACK) -> Done:
    """Let a double say `lines`, and wait for its end."""
    return finish(start_double(port, name, *options, link=link), *lines)


def rows_of(done: Done) -> list[str]:
    """Return the rows that a double printed, after it ended as it should."""
    assert (done.returncode, done.stderr) == (0, "")
    shown = done.stdout
    for prompt in PROMPTS:
        shown = shown.replace(prompt, "")
    banner, *rows = shown.splitlines()
    assert banner == double.BANNER
    return rows
