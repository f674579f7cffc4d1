"""What all plugins say of one text: each sees what those before it have made of it, and the strictest word counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bbs_core.errors import PluginError, UserError
from bbs_core.platform.implementation import Implementation
from bbs_core.platform.relay import HookCall
from bbs_core.platform.runner import HookFailed
from bbs_core.public.verdicts import Hold, Mute, Refuse, Rewrite
from bbs_core.rows import encodable

SET_ASIDE = "The plugin {plugin}, which screens {kind}s, is set aside."


class Screen:
    """The screening of one kind of text, a "post" or a "message", by the plugins of one set."""

    __slots__ = ("_call", "_holds", "_kind", "idle", "immediate")

    def __init__(self, call: HookCall, kind: str) -> None:
        self._call = call
        self._kind = kind
        self._holds = call.on_error == "hold"
        self.idle = not call.functions
        # Whether nothing has to be waited for; then `now` may be called, in the loop's thread.
        self.immediate = all(function.immediate for function in call.functions)

    def now(self, **values: Any) -> Screened:
        """Return what becomes of a text. Raises UserError and HookFailed where it is refused."""
        screened = Screened(values["text"])
        for function in self._asked(screened):
            try:
                verdict = function.call_now(values)
                # Almost every post passes, and each comes by here.
                if verdict is not None:
                    screened.take(function, verdict, values)
                    values["text"] = screened.text
            except HookFailed as error:
                self._failed(screened, error)
        return self._decided(screened)

    async def later(self, **values: Any) -> Screened:
        """Return what `now` would, where that has to be waited for."""
        screened = Screened(values["text"])
        for function in self._asked(screened):
            try:
                given = {**values, "text": screened.text}
                screened.take(function, await function.call(given), given)
            except HookFailed as error:
                self._failed(screened, error)
        return self._decided(screened)

    def _decided(self, screened: Screened) -> Screened:
        """Nobody reviews messages, so one that a plugin would hold is not sent."""
        if screened.held_for and not self._holds:
            raise UserError(screened.held_for)
        return screened

    def _asked(self, screened: Screened) -> Iterator[Implementation]:
        """What a plugin in quarantine would have screened is not let through unseen."""
        for function in self._call.functions:
            if not function.runner.off:
                yield function
                continue
            why = SET_ASIDE.format(plugin=function.runner.plugin, kind=self._kind)
            if not self._holds:
                raise UserError(why)
            screened.hold(why)

    def _failed(self, screened: Screened, error: HookFailed) -> None:
        if not self._holds:
            raise error
        screened.hold(str(error))


class Screened:
    """A text on its way through the screens."""

    __slots__ = ("held_for", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.held_for = ""

    def hold(self, reason: str) -> None:
        """Have it wait for its review; the first reason counts."""
        self.held_for = self.held_for or encodable(reason) or "A plugin holds it."

    def take(self, function: Implementation, verdict: Any, given: dict[str, Any]) -> None:
        """Take a plugin's word. Raises UserError where it refuses, HookFailed for what is no verdict."""
        try:
            if isinstance(verdict, Mute):
                function.runner.server.mute_soon(given["session"].username, verdict.minutes, verdict.reason)
            self._take(verdict)
        except (PluginError, TypeError) as error:
            raise function.caught(error, given) from error

    def _take(self, verdict: Any) -> None:
        match verdict:
            case None:
                pass
            case Rewrite(text):
                self.text = encodable(text)
            case Hold(reason):
                self.hold(reason)
            case Refuse(reason) | Mute(reason):
                raise UserError(encodable(reason))
            case _:
                raise PluginError("It answered something that is no verdict.")
