"""The control socket: how a command-line verb hands a named act to the server that holds the data folder.

One connection carries one request and one reply, each a line of JSON: `{"act": name, "arguments": {...}}`, then
`{"result": {...}}` or `{"error": {"kind": class, "sentence": text}}`. Whoever may open the socket may do anything: it
has mode 0600.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import structlog

from bbs_core import errors
from bbs_core.errors import BBSError, BoardInUse, InvalidAct, StoreError, StoreUnavailable

log = structlog.get_logger(__name__)

SOCKET_FILE = "control.sock"
LINE_LIMIT_BYTES = 65_536  # an act has a few short arguments
TIMEOUT_S = 45.0  # longer than the writer's own limit, so that its sentence arrives
CLOSE_TIMEOUT_S = 2.0  # an act under way is a hash and a commit; the whole stop has 10 s
CONNECTIONS = 8  # people type; more than a few at once are a mistake
THREADS = 2  # each may hash, and two hashes at a time are what a small machine bears
STOPPING = "The board is stopping: look whether the act was done once it is back."
PATH_LIMIT_BYTES = 100  # the kernel's own is 108 on Linux and 104 elsewhere

Perform = Callable[[str, dict[str, Any]], dict[str, Any]]


class ControlServer:
    """Listen on a socket file; `perform` runs in a thread of its own and may raise any BBSError."""

    def __init__(self, path: Path, perform: Perform) -> None:
        self._path = path
        self._perform = perform
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="control")
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; a file that an earlier server left is replaced, as the caller holds the data folder's lock."""
        self._server = await asyncio.start_unix_server(self._accept, sock=_bound(self._path), limit=LINE_LIMIT_BYTES)

    async def close(self) -> None:
        """Stop listening, and let acts under way end; who would have to wait longer is told why not."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_TIMEOUT_S)
        for task in self._tasks:
            task.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            with contextlib.suppress(TimeoutError, ConnectionError):
                async with asyncio.timeout(TIMEOUT_S):
                    writer.write(_line(await self._reply(reader)))
                    await writer.drain()
        except asyncio.CancelledError:
            # By `close` alone; and asyncio reports it as an error where the task of a stream ends as cancelled.
            writer.write(_line(_refusal(StoreUnavailable(STOPPING))))
        finally:
            writer.close()

    async def _reply(self, reader: asyncio.StreamReader) -> dict[str, Any]:
        try:
            if len(self._tasks) > CONNECTIONS:
                raise StoreUnavailable("The board has too many commands to do at once: try again.")
            name, arguments = _request(await _read_line(reader))
            loop = asyncio.get_running_loop()
            return {"result": await loop.run_in_executor(self._pool, self._perform, name, arguments)}
        except BBSError as error:
            return _refusal(error)
        except Exception:
            log.exception("control_failed")
            return _refusal(BBSError("The board failed at this: see its log."))


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError:
        raise _too_long() from None


def _request(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        raise InvalidAct("A request is one line of JSON.") from None
    match request:
        case {"act": str(name), "arguments": dict(arguments), **others} if not others:
            return name, arguments
    raise InvalidAct('A request is {"act": name, "arguments": {...}}.')


def send(data: Path, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Hand an act to the server of a data folder and wait for its outcome.

    Raises BoardInUse where no server can be reached, StoreUnavailable where it falls silent, and what the act raises.
    """
    request = _line({"act": name, "arguments": arguments})
    if len(request) > LINE_LIMIT_BYTES:
        raise _too_long()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(TIMEOUT_S)
        _connect(connection, data / SOCKET_FILE)
        try:
            connection.sendall(request)
            return _outcome(connection.makefile("rb").readline())
        except OSError:
            raise StoreUnavailable("The board did not answer in time: look whether the act was done.") from None


def _connect(connection: socket.socket, path: Path) -> None:
    try:
        with _address(path) as address:
            connection.connect(address)
    except OSError as error:
        raise BoardInUse(
            f"Another process serves the board in {path.parent}, and does not listen to commands ({error.strerror})."
        ) from None


def _outcome(line: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(line)
    except ValueError:
        raise StoreUnavailable("The board stopped before it answered: look whether the act was done.") from None
    if "error" not in reply:
        result: dict[str, Any] = reply["result"]
        return result
    kind = getattr(errors, reply["error"]["kind"], BBSError)
    raise kind(reply["error"]["sentence"])


def _refusal(error: BBSError) -> dict[str, Any]:
    return {"error": {"kind": type(error).__name__, "sentence": str(error)}}


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _too_long() -> InvalidAct:
    return InvalidAct(f"A request has at most {LINE_LIMIT_BYTES} bytes.")


def _bound(path: Path) -> socket.socket:
    """Nobody can connect before the socket listens, and by then it has its mode."""
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        with _address(path) as address:
            bound.bind(address)
        path.chmod(0o600)
    except OSError as error:
        bound.close()
        raise StoreError(f"The control socket {path} cannot be made ({error.strerror or error}).") from None
    return bound


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    """Yield a name of the socket that is short enough for the kernel, which Linux allows for every path."""
    if len(os.fsencode(path)) <= PATH_LIMIT_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
