"""The README's transcript: stock clients on terminals are typed its lines again, and must show the same screens."""

from __future__ import annotations

import re
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.docs.terminal import Terminal, terminal
from tests.support import ROOT, BoardProcess

DOUBLE = ROOT / "tests" / "stock" / "double.py"
PROMPT = re.compile(r"Message: |To\? |Message \(DM\): ")
QUIT = "Message: quit\n"


def play(client: Terminal, script: str) -> str:
    """Type what stands behind each prompt of a script; return what the screen shows in all."""
    shown = ""
    asked = script.startswith("Message: ")  # the prompt stands there since the script before
    for line in script.splitlines():
        prompt = PROMPT.match(line)
        if prompt:
            shown += prompt[0] if asked else client.read_to(prompt[0])
            client.type(line.removeprefix(prompt[0]))
            asked = False
    return shown + (
        client.read_all() if script.endswith(QUIT) else client.read_to("Message: ").removesuffix("Message: ")
    )


def test_the_transcript_in_the_readme_is_what_stock_clients_show(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    scripts = re.findall(r"```text (\w+)\n(.*?)```", readme, re.DOTALL)
    assert len({name for name, _ in scripts}) > 1
    with ExitStack() as stack:
        board = stack.enter_context(BoardProcess(tmp_path / "bbs-data"))
        clients: dict[str, Terminal] = {}
        for name, script in scripts:
            if name not in clients:
                command = [sys.executable, "-X", "utf8", str(DOUBLE), "127.0.0.1", str(board.port), name]
                clients[name] = stack.enter_context(terminal(command))
            assert play(clients[name], script) == script
