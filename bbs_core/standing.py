"""What one user may do at the moment: what the rules say of them, and what was said when they came."""

from __future__ import annotations

from bbs_core.errors import UserError
from bbs_core.rules import BAN, USER, Rules, Ruling

HELD = "Every post is reviewed before it is shown."


class Standing:
    """Bans and mutes of one line, looked up anew where a rule has changed; belongs to the loop's thread."""

    __slots__ = ("_address", "_judged", "_refusal", "_rules", "_username", "ban", "mute")

    def __init__(self, rules: Rules, address: str) -> None:
        self._rules = rules
        self._address = address
        self._username = ""
        self._judged = 0
        self._refusal: Ruling | None = None
        self.ban: Ruling | None = None
        self.mute: Ruling | None = None

    def refuse(self, name: str, reason: str) -> None:
        """Keep a user out, as a plugin wants it, like one who is banned."""
        self._refusal = Ruling(0, BAN, USER, name, reason, None)

    def judge(self, username: str) -> None:
        """Look the user up, who is known by this name from now on."""
        self._username = username
        self._judged = self._rules.version
        self.ban = self._refusal or self._rules.ban(username, self._address)
        self.mute = self._rules.mute(username, self._address)

    def is_banned(self) -> bool:
        """Whether a ban holds now."""
        if self._judged != self._rules.version:
            self.judge(self._username)
        return self.ban is not None and self.ban.holds()

    def may_write(self, kind: str) -> str:
        """Return why a "post" or "message" is held, or nothing. Raises UserError where it may not be written."""
        mode = self._rules.mode
        if mode == "open" and self.mute is None:
            return ""
        if refused := self._rules.writing_refused(kind, self.mute):
            raise UserError(refused)
        return HELD if mode == "hold" and kind == "post" else ""
