"""The worker of a plugin: a process that can be killed, whose memory is bounded, and that is asked in lines of JSON.

What its plugin does there is done in worker.py; here nothing of it is imported, typed or believed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

from bbs_core.errors import UserError, WorkerError
from bbs_core.platform.pool import QUEUE_LIMIT, busy
from bbs_core.platform.worker import LINE_BYTES
from bbs_core.public.lines import Session

MODULE = "bbs_core.platform.worker"
NO_REPLY = "Its process said what is no reply."


class Worker:
    """Calls functions of one plugin in a process of its own, one after the other; belongs to the loop's thread.

    The process is started when first needed. It is never forked: the server has threads, and much in its memory.
    """

    def __init__(self, plugin: str, entry: str, origin: str, memory_bytes: int) -> None:
        self._plugin = plugin
        self._arguments = (str(memory_bytes), entry, str(Path(origin).absolute()))
        self._turn = asyncio.Lock()
        self._calls = 0
        self._closed = False
        self._process: Process | None = None
        self._ready = False

    async def call(self, word: str, session: Session, text: str) -> Any:
        """Return what a command answers. Raises UserError and WorkerError; being cancelled kills the process."""
        if self._closed or self._calls > QUEUE_LIMIT:
            raise busy(self._plugin)
        self._calls += 1
        question = {"word": word, "username": session.username, "address": session.address, "text": text}
        try:
            async with self._turn:
                reply = await self._ask(json.dumps(question))
        finally:
            self._calls -= 1
        return _opened(reply)

    async def close(self) -> None:
        """End the process, after the calls that have begun: each has its deadline."""
        self._closed = True
        async with self._turn:
            await self._kill()

    async def _ask(self, question: str) -> dict[str, Any]:
        process = await self._started()
        try:
            assert process.stdin is not None
            process.stdin.write(question.encode() + b"\n")
            reply = await _reply(process)
        except BaseException:
            await self._kill()
            raise
        if not reply.get("fit", True):
            await self._kill()
        return reply

    async def _started(self) -> Process:
        """Return the process when it has imported the plugin.

        It goes on with that though this is cancelled: where an import takes longer than a call may, no call would ever
        find it ready.
        """
        if self._process is None or self._process.returncode is not None:
            self._process, self._ready = await _spawn(self._arguments), False
        try:
            if not self._ready:
                _opened(await _reply(self._process))
                self._ready = True
        except Exception:
            await self._kill()
            raise
        return self._process

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                # Its group: what the plugin has started there ends too. It may be gone before the loop hears of it.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _spawn(arguments: tuple[str, ...]) -> Process:
    """Start a worker that finds the modules that this process would, and none in the folder where it is started."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-P", "-m", MODULE, *arguments]
    return await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, env=environment, limit=LINE_BYTES, start_new_session=True
    )


async def _reply(process: Process) -> dict[str, Any]:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line.endswith(b"\n"):
        raise WorkerError(_ending(await process.wait()))
    reply = json.loads(line)
    if not isinstance(reply, dict):
        raise WorkerError(NO_REPLY)
    return reply


def _ending(code: int) -> str:
    how = signal.strsignal(-code) if code < 0 else f"exit code {code}"
    return f"Its process ended: {how}."


def _opened(reply: dict[str, Any]) -> Any:
    match reply:
        case {"answer": answer}:
            return answer
        case {"told": str(text)}:
            raise UserError(text)
        case {"failed": str(trace)}:
            raise WorkerError("It failed in its own process.", trace)
    raise WorkerError(NO_REPLY)
