"""On a shared database, one of the servers tells a plugin what was committed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform.outside import put
from tests.support import BoardProcess, fresh_postgres_database

# Says on a pipe what it hears, and who it is that hears.
EAR = """
    import os
    from bbs_core.plugin import hookimpl

    @hookimpl
    def bbs_posts_committed(posts):
        with open({pipe!r}, "w") as file:
            file.writelines(f"{{os.getpid()}} {{post.text}}\\n" for post in posts)
"""


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Iterator[str]]:
    """The lines that the plugins of both servers say."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for node in ("one", "two"):
        put(tmp_path / node, "ear.py", EAR.format(pipe=str(pipe)))
    # Open for both, so that it never comes to an end.
    with os.fdopen(os.open(pipe, os.O_RDWR)) as lines:
        yield (line.rstrip("\n") for line in lines)


def test_one_server_tells_and_the_other_goes_on_when_it_stops(
    tmp_path: Path, postgres_url: str, heard: Iterator[str]
) -> None:
    with (
        fresh_postgres_database(postgres_url) as url,
        BoardProcess(tmp_path / "one", url) as one,
        BoardProcess(tmp_path / "two", url) as two,
        one.client("ann") as ann,
        two.client("bob") as bob,
    ):
        # Whoever is first has told the plugin that it begins here.
        for client in (ann, bob):
            client.list()
        texts = [f"row {number}" for number in range(20)]
        for number, text in enumerate(texts):
            client = (ann, bob)[number % 2]
            client.post(text)
            client.list()
        told = [next(heard).partition(" ") for _ in texts]
        assert [text for _, _, text in told] == texts
        assert len({pid for pid, _, _ in told}) == 1
        teller, client = (one, bob) if told[0][0] == str(one.process.pid) else (two, ann)
        teller.terminate()
        client.post("after")
        client.list()
        pid = (two if teller is one else one).process.pid
        # At least once: what was told, and was not yet written down as told, comes again.
        again = {f"{pid} {text}" for text in texts}
        assert next(line for line in heard if line not in again) == f"{pid} after"
