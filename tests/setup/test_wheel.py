"""The built wheel in an empty environment: all that a user has after an install."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("bbs_core", "plugins", "admin")
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]

pytestmark = pytest.mark.timeout(600)  # the first run downloads what is pinned


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy, so that nothing old is packed and nothing is left in the tree."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", built, source], check=True)
    [path] = built.iterdir()
    return path


@pytest.fixture(scope="module")
def bbs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the run-time pins and the wheel, and nothing else; answer the path of the command."""
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    install = [*PIP, "--python", str(home / "bin/python"), "install"]
    subprocess.run([*install, "--require-hashes", "-r", str(ROOT / "config/requirements.txt")], check=True)
    subprocess.run([*install, "--no-deps", str(wheel)], check=True)
    return home / "bin/bbs"


@pytest.fixture
def server(bbs: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [str(bbs), "serve", "--host", "127.0.0.1", "--port", "0", "--admin-port", "0", "--data", "board"]
    with subprocess.Popen(command, cwd=tmp_path, env=plain_environment(), stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def plain_environment() -> dict[str, str]:
    """Leave out what would let the tree or a setting of ours in."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "BBS_"))}


def answer(bbs: Path, folder: Path, *arguments: str) -> str:
    command = [str(bbs), *arguments]
    return subprocess.check_output(command, cwd=folder, env=plain_environment(), text=True)


def port_of(server: subprocess.Popen[str]) -> int:
    assert server.stdout is not None
    for line in server.stdout:
        if match := re.search(r"port (\d+)", line):
            return int(match[1])
    raise AssertionError("the server ended before it named its port")


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    files = {path.relative_to(ROOT) for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file()}
    packed = set(map(Path, zipfile.ZipFile(wheel).namelist()))
    assert {path for path in files - packed if "__pycache__" not in path.parts} == set()


def test_the_command_says_its_version(bbs: Path, tmp_path: Path) -> None:
    assert "2.0.0" in answer(bbs, tmp_path, "--version")


def test_the_command_lists_its_verbs(bbs: Path, tmp_path: Path) -> None:
    assert "serve" in answer(bbs, tmp_path, "--help")


def test_the_installed_server_greets_a_client_and_stops_when_told(server: subprocess.Popen[str]) -> None:
    banner = b"0014BBS Server 1.2"
    with socket.create_connection(("127.0.0.1", port_of(server)), timeout=10) as client:
        assert client.recv(len(banner), socket.MSG_WAITALL) == banner
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=20) == 0
