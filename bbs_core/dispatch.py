"""From a frame to its command, from a command to its hook, and from what a plugin answers to rows.

The grammar of the stock words stands here and in no plugin (docs/protocol.md, Commands): whatever has happened to the
plugin that implements them, `dm` takes two more frames, a list is answered, `quit` ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog

from bbs_core.errors import BBSError, PluginError, StoreError, UserError
from bbs_core.host import PluginSet
from bbs_core.platform.permits import Permits
from bbs_core.platform.runner import HookFailed
from bbs_core.platform.screening import Screen
from bbs_core.public.lines import CommandInfo, Session
from bbs_core.rows import encodable
from bbs_core.snapshots import ShelfRows
from bbs_core.words import hook_name

log = structlog.get_logger(__name__)

# A plugin's answer has at most so many rows and characters; a longer one is refused, not cut.
ANSWER_ROWS = 10_000
ANSWER_CHARACTERS = 2_000_000
# Numbers that one plugin tells: each is a series that others keep.
METRICS_LIMIT = 100
METRIC_CHARACTERS = 100


@dataclass(frozen=True)
class Command:
    """What the core knows of a command: its hook, the frames it takes, and whether the client reads an answer."""

    word: str
    hook: str
    frames: tuple[str, ...] = ()
    listing: bool = False
    ends: bool = False


POST = Command("post", "bbs_command_post")
STOCK = {
    "quit": Command("quit", "bbs_command_quit", ends=True),
    "dm": Command("dm", "bbs_command_dm", frames=("to", "text")),
    "list": Command("list", "bbs_command_list", listing=True),
    "listdm": Command("listdm", "bbs_command_listdm", listing=True),
    "listdms": Command("listdms", "bbs_command_listdm", listing=True),
}


class Request(NamedTuple):
    """A command with the texts that came with it."""

    command: Command
    texts: Mapping[str, str]


class Dispatch:
    """Call the hook of each command of one server, and turn every answer or failure into rows."""

    def __init__(self, plugins: PluginSet, slash: str, permits: Permits) -> None:
        self.permits = permits
        self.change(plugins, slash)

    def change(self, plugins: PluginSet, slash: str) -> None:
        """Call these plugins from now on; calls that have begun go on in those that were there before."""
        self.plugins = plugins
        self.permits.change(plugins)
        self._asked = self.permits.asked
        self.post_screen = Screen(plugins.hooks.bbs_screen_post, "post")
        self.message_screen = Screen(plugins.hooks.bbs_screen_message, "message")
        self._reserved = slash == "reserved"
        added = (info.word for info in plugins.commands.values() if hook_name(info.word) not in _STOCK_HOOKS)
        self._added = {word: Command(word, hook_name(word)) for word in added}
        # Almost no post begins like a command, so its first character is all that is looked at.
        self._first_characters = {word[0] for word in self._added}

    async def run_verb(self, plugin: str, verb: str, text: str) -> list[str]:
        """Return the rows of a plugin's command-line verb. Raises NotFound, UserError, HookFailed and PluginError."""
        answer = _checked(await self.plugins.run_verb(plugin, verb, text), Command(verb, ""))
        return answer if isinstance(answer, list) else await fetched(answer)

    async def metrics(self) -> dict[tuple[str, str], float]:
        """Return the numbers that plugins tell, by plugin and name; what is no number is left out."""
        found: dict[tuple[str, str], float] = {}
        for function in self.plugins.hooks.bbs_metrics.functions:
            try:
                told = {} if function.runner.off else dict(await function.call({}) or {})
            except (HookFailed, UserError, TypeError, ValueError):
                continue
            numbers = list(told.items())[:METRICS_LIMIT]
            found |= {(function.runner.plugin, name): value for name, value in filter(None, map(_metric, numbers))}
        return found

    def close(self) -> None:
        """Let go of the plugins' threads."""
        self.plugins.close()

    @property
    def commands(self) -> list[CommandInfo]:
        """The commands that work now, in the order of their words; a post has no word."""
        found = self.plugins.commands.items()
        return [info for word, info in sorted(found) if word != POST.word and self.plugins.works(hook_name(word))]

    def commands_for(self, session: Session) -> list[CommandInfo]:
        """Return those of them that a user may use."""
        who = session.username, session.address
        return [info for info in self.commands if self.permits.admits(hook_name(info.word), *who)]

    def request(self, frame: str) -> Request | Command:
        """Return the request that a frame makes, or the command whose other frames have to be waited for."""
        stock = STOCK.get(frame)
        if stock is not None:
            return stock if stock.frames else Request(stock, {})
        if frame[:1] in self._first_characters:
            added = self._added_request(frame)
            if added is not None:
                return added
        return Request(POST, {"text": frame})

    async def perform(self, session: Session, request: Request) -> list[str]:
        """Run a command that the client reads no answer to; returns notices."""
        if self._reserved and request.command is POST and self._is_mistyped(request.texts["text"]):
            return [f"There is no command {request.texts['text'].split()[0]}; type /help."]
        answer = await self._answer(session, request)
        return answer if isinstance(answer, list) else await fetched(answer)

    def perform_now(self, session: Session, request: Request) -> ShelfRows | list[str] | None:
        """Run a command as `perform` does, where that needs no waiting; else do nothing and return None."""
        command = request.command
        call = getattr(self.plugins.hooks, command.hook)
        if self._reserved or command.hook in self._asked or not call.immediate:
            return None
        try:
            return _checked(call.now(session=session, **request.texts), command)
        except BBSError as error:
            return _refusal(error, command)

    async def rows(self, session: Session, request: Request) -> ShelfRows | list[str]:
        """Run a list; its failure is a row too."""
        return await self._answer(session, request)

    async def _answer(self, session: Session, request: Request) -> ShelfRows | list[str]:
        command = request.command
        if not self.plugins.works(command.hook):
            return [_switched_off(command)]
        try:
            if command.hook in self._asked:
                refused = await self.permits.refusal(command.hook, session.username, session.address)
                if refused:
                    return [refused]
            answer = await getattr(self.plugins.hooks, command.hook)(session=session, **request.texts)
            return _checked(answer, command)
        except BBSError as error:
            return _refusal(error, command)

    def _is_mistyped(self, text: str) -> bool:
        """Whether a post begins as a command would, and not as one whose slash was doubled to post it."""
        return text.startswith("/") and not text.startswith("//") and text.split()[0] not in self._added

    def _added_request(self, frame: str) -> Request | None:
        """The first word is the name of a plugin's command; two slashes are a way to post one."""
        words = frame.split(maxsplit=1)
        if not words or not frame.startswith(words[0]):
            return None
        word = words[0]
        command = self._added.get(word)
        if command is not None:
            return Request(command, {"text": frame[len(word) :].lstrip()})
        if word.startswith("//") and word[1:] in self._added:
            return Request(POST, {"text": frame[1:]})
        return None


_STOCK_HOOKS = {command.hook for command in (POST, *STOCK.values())}


def _refusal(error: BBSError, command: Command) -> list[str]:
    if not isinstance(error, (HookFailed, UserError)):
        log.error("plugin_answer_refused", hook=command.hook, why=str(error))
    return [encodable(str(error))]


def _switched_off(command: Command) -> str:
    if command.frames:
        return "Your message was not sent: dm is switched off."
    if command is POST:
        return "Your post was not kept: posting is switched off."
    return f"{command.word} is switched off."


def _checked(answer: Any, command: Command) -> ShelfRows | list[str]:
    if answer is None:
        return [_unanswered(command)] if command.listing else []
    if isinstance(answer, ShelfRows):
        return answer
    rows = [answer] if isinstance(answer, str) else answer
    # Not isinstance: a list of a plugin's own making may raise when it is looked at.
    is_list = type(rows) in (list, tuple)
    if is_list and len(rows) > ANSWER_ROWS:
        raise PluginError(f"The plugin behind {command.word} answered more than {ANSWER_ROWS} rows.")
    if not is_list or not all(isinstance(row, str) for row in rows):
        raise PluginError(f"The plugin behind {command.word} answered something that is not rows.")
    texts = [encodable(row) for row in rows]
    if sum(map(len, texts)) > ANSWER_CHARACTERS:
        raise PluginError(f"The plugin behind {command.word} answered more than {ANSWER_CHARACTERS:,} characters.")
    return texts


def _unanswered(command: Command) -> str:
    return f"The plugin behind {command.word} gave no answer."


async def fetched(rows: ShelfRows) -> list[str]:
    """Return the rows of the board or the mail that a command has answered, as many as an answer may have."""
    texts: list[str] = []
    try:
        async for row in rows:
            texts.append(row)
            if len(texts) >= ANSWER_ROWS:
                break
    except StoreError as error:
        texts.append(error.sentence)
    return texts


def _metric(told: tuple[Any, Any]) -> tuple[str, float] | None:
    """Return a name and a number as others can read them."""
    name, value = told
    return (encodable(name)[:METRIC_CHARACTERS], float(value)) if _is_metric(name, value) else None


def _is_metric(name: Any, value: Any) -> bool:
    return type(name) is str and type(value) in (int, float)
