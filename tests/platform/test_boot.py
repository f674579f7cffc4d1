"""A start survives whatever is in the folder of plugins, and says of each what became of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from bbs_core.cli import main
from bbs_core.platform import imports
from tests.platform.outside import put
from tests.support import BoardProcess
from tests.wire.live import LiveBoard

GOOD = """
    from bbs_core.plugin import command

    @command("/good")
    def good(session):
        return "good"
"""
# What a file does when it is imported, and the reason that an admin reads.
HOSTILE = {
    "a_syntax": ("def broken(:", r"^SyntaxError: .+ \(a_syntax\.py:1\)$"),
    "b_missing": ("import nothing_of_this_name", r"^ModuleNotFoundError: .+ \(b_missing\.py:1\)$"),
    "c_exit": ("import sys; sys.exit(3)", r"^SystemExit: 3 \(c_exit\.py:1\)$"),
    "d_spins": ("while True: pass", r"^Its import did not end within 0\.5 s \(d_spins\.py:1\)\.$"),
    "e_sleeps": ("import time\ntime.sleep(999)", r"^Its import did not end within 0\.\d s \(e_sleeps\.py:2\)\.$"),
    "f_waits": (
        "import threading\nthreading.Event().wait()",
        r"^Its import did not end within 0\.\d s \(f_waits\.py:2\)",
    ),
    "g_property": (
        "class Odd:\n    @property\n    def bbs_impl(self): raise ValueError\nodd = Odd()",
        r"^ValueError: .*\(g_property\.py:3\)$",
    ),
    "h_interrupt": ("raise KeyboardInterrupt", r"^It raised KeyboardInterrupt\.$"),
    "i_generator": ("raise GeneratorExit", r"^GeneratorExit: .*\(i_generator\.py:1\)$"),
    "j_annotation": (
        "from bbs_core.plugin import command\n@command('/j')\ndef j(word: 'exit(3)'): ...",
        r"^SystemExit: 3",
    ),
    "k_thread": ("import threading\nthreading.Thread(target=lambda: 1 / 0).start()", r"^It has no command and no hook"),
    "l_recursion": ("def f(): f()\nf()", r"^RecursionError: .+ \(l_recursion\.py:1\)$"),
}


@pytest.fixture
def short_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "ONE_S", 0.5)


@pytest.mark.usefixtures("short_imports")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_each_is_listed_with_its_reason_and_origin_and_the_good_one_works(tmp_path: Path) -> None:
    for name, (source, _) in HOSTILE.items():
        put(tmp_path, f"{name}.py", source)
    put(tmp_path, "z_good.py", GOOD)
    with LiveBoard(tmp_path) as board, board.client("ann") as ann:
        ann.post("/good")
        assert ann.list() == ["* good"]
        for name, (_, reason) in HOSTILE.items():
            plugin = board.app.plugins[name]
            assert (plugin.state, plugin.origin) == ("failed", str(tmp_path / "plugins" / f"{name}.py"))
            assert re.search(reason, plugin.reason), plugin.reason


def test_all_together_have_no_more_time_than_is_promised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(imports, "ONE_S", 0.3)
    monkeypatch.setattr(imports, "TOTAL_S", 0.5)
    for number in range(4):
        put(tmp_path, f"spin{number}.py", "while True: pass")
    put(tmp_path, "z_good.py", GOOD)
    with LiveBoard(tmp_path) as board:
        times = [re.findall(r"within (0\.\d) s", board.app.plugins[f"spin{number}"].reason)[0] for number in range(4)]
        assert times == ["0.3", "0.2", "0.2", "0.2"]
        assert board.app.plugins["z_good"].state == "loaded"


def test_what_was_given_up_computes_no_more(tmp_path: Path) -> None:
    put(tmp_path, "spin.py", "import threading\nhere = threading.current_thread()\nwhile True: pass")
    with LiveBoard(tmp_path) as board:
        import threading

        assert board.app.plugins["spin"].state == "failed"
        for thread in threading.enumerate():
            if thread.name == "import-spin.py":
                thread.join(20)
                assert not thread.is_alive()


def test_safe_mode_loads_the_built_ins_alone(tmp_path: Path) -> None:
    put(tmp_path, "good.py", GOOD)
    put(tmp_path, "mute.py", "raise SystemExit")
    settings = {"safe_mode": True, "replace": {"post": "mute"}, "disabled": ["good"]}
    with LiveBoard(tmp_path, plugins=settings) as board, board.client("ann") as ann:
        assert {plugin.origin for plugin in board.app.plugins.plugins} == {"built-in"}
        ann.post("/good")
        assert ann.list() == ["127.0.0.1 /good"]


def test_strict_mode_refuses_to_start_and_names_every_fault(tmp_path: Path) -> None:
    path = put(tmp_path, "bad.py", "import nothing_of_this_name")
    config = tmp_path / "bbs.toml"
    config.write_text("[plugins]\ndisabled = ['hlep']\n")
    command = ["serve", "--config", str(config), "--data", str(tmp_path), "--port", "0", "--strict-plugins"]
    refused = CliRunner().invoke(main, command)
    assert refused.exit_code == 2
    assert f"bad, {path}: ModuleNotFoundError" in refused.output
    assert "plugins.disabled names hlep, which is not there. Did you mean help?" in refused.output


def test_the_folder_need_not_be_readable(tmp_path: Path) -> None:
    (tmp_path / "plugins").write_text("a file in the place of the folder")
    with BoardProcess(tmp_path) as board, board.client("ann") as ann:
        assert ann.list() == []
