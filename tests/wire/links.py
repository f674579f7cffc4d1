"""The ways from a client to a board: loopback, and two whose segments are those of an Ethernet."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.stock import double

DOUBLE = Path(double.__file__)
ETHERNET_BYTES = 1500


@dataclass(frozen=True)
class Link:
    """Where the server listens, and how a double is started that dials it."""

    host: str
    prefix: tuple[str, ...] = ()
    script: Path = DOUBLE


@contextmanager
def loopback() -> Iterator[Link]:
    """Yield the link of this machine to itself."""
    yield Link("127.0.0.1")


@contextmanager
def short_segments() -> Iterator[Link]:
    """Yield loopback to a client that asks for the segments of an Ethernet."""
    yield Link("127.0.0.1", script=Path(__file__).with_name("short_segments.py"))


@contextmanager
def ethernet() -> Iterator[Link]:
    """Yield a pair of virtual cards into a namespace; short segments where this process may not make one."""
    name = f"bbs{os.getpid()}"
    try:
        if shutil.which("ip") and all(map(_ip, _pair(name))):
            yield Link(_address(1), prefix=("ip", "netns", "exec", name))
        else:
            with short_segments() as link:
                yield link
    finally:
        if shutil.which("ip"):
            # The pair goes with the namespace.
            _ip(f"netns del {name}")


def _pair(name: str) -> Iterator[str]:
    """Yield the commands that make a namespace, and a card on each side of its border."""
    yield f"netns add {name}"
    yield f"link add {name}a type veth peer name {name}b netns {name}"
    yield f"link set {name}a mtu {ETHERNET_BYTES} up"
    yield f"addr add {_address(1)}/30 dev {name}a"
    yield f"-n {name} link set {name}b mtu {ETHERNET_BYTES} up"
    yield f"-n {name} addr add {_address(2)}/30 dev {name}b"


def _address(host: int) -> str:
    """Return an address of this process's own net of four, out of those reserved for tests (RFC 2544)."""
    net = os.getpid() % 16_384 * 4
    return f"198.18.{net >> 8}.{net % 256 + host}"


def _ip(arguments: str) -> bool:
    return subprocess.run(["ip", *arguments.split()], capture_output=True, check=False, timeout=10).returncode == 0
