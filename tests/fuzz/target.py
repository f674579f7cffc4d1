"""`make fuzz`: search for bytes that break what must hold (tests/fuzz/wire.py and tests/fuzz/conversation.py).

`python -m tests.fuzz.target wire SECONDS FOLDER` writes what reached new code into FOLDER, and what broke something
beside it; words after these are passed to libFuzzer.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent / "corpus"
LONGEST_BYTES = {"wire": 12_000, "conversation": 400}
WORDS = {
    "wire": b"0000 0001a 0004quit 1000 9999 10000 +001 1_00 -001 0x01 \xf0\x9f\x98\x80 \xe2\x80\xae".split(),
    "conversation": [b"\nlist", b"\nlistdm", b"\nlistdms", b"\ndm\n", b"\nquit\n", b"\n/help", b"\n//help", b"\n/who"],
}


def main(name: str, seconds: int, folder: Path, *options: str) -> None:
    # Only `make fuzz` installs it.
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["bbs_core"]):
        check = target(name)
    folder.mkdir(parents=True, exist_ok=True)
    words = folder.with_suffix(".dict")
    words.write_text("".join(f'"{escaped(word)}"\n' for word in WORDS[name]))
    arguments = [f"-max_total_time={seconds}", f"-max_len={LONGEST_BYTES[name]}", f"-dict={words}"]
    arguments += [f"-artifact_prefix={folder}-", "-timeout=20", "-verbosity=1", *options]
    atheris.Setup([sys.argv[0], *arguments, str(folder), str(CORPUS / name)], check)
    atheris.Fuzz()


def target(name: str) -> Callable[[bytes], None]:
    """Return what is called with each input; raises where something does not hold."""
    if name == "wire":
        return importlib.import_module("tests.fuzz.wire").check  # type: ignore[no-any-return]
    return importlib.import_module("tests.fuzz.conversation").Fuzzed().check  # type: ignore[no-any-return]


def escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), *sys.argv[4:])
