"""Texts that try to be more than texts, in every place where someone can write one; and what no answer may be made of.

Each text begins with the name of its place, so that a crawl can tell that it has met all of them.
"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

from bbs_core.clock import now_ms
from bbs_core.incidents import Incident, keep
from bbs_core.presence import beat
from bbs_core.reports import report
from bbs_core.rows import visible
from bbs_core.store.items import NewPost
from tests.console.api_cases import user_id
from tests.console.support import Answer, Board, _Author, plugin_status

# What a tag, an attribute or an address of the payloads has, and no page of ours.
MARK = "xpay"
SUM = "{{7919*7919}}${7919*7919}{%set x=7919*7919%}{{x}}"
PRODUCT = str(7919 * 7919)
MARKUP = (
    "</p></option></title></textarea></script>\"'><script>xpay()</script><img src=xpay onerror=xpay()>"
    f"<xpay a=' onfocus=xpay() autofocus='><!--xpay {SUM}"
)
STEER = "\x1b[2J\x1b]0;xpay\x07\x08\x7f\x85\x9b31m\u202e\u2066\u2028 cut\r\nhere"
HOSTILE = f"{MARKUP} javascript:xpay() &lt;xpay&gt; {STEER}"
# Where no control character is taken.
PRINTABLE = "\"'><img src=xpay onerror=xpay()>{{7919*7919}}"
INCIDENT = "1f2e3d4c"
# What a cell of a spreadsheet must not begin with: the wide forms are taken for the others in some countries.
FORMULAE = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# As long as a frame can be, nearly.
LONG = "\u2615\"'>" * 2499
# All that our templates are made of; of scripts and pictures only those that come from here.
TAGS = re.compile(
    "html|head|meta|title|link|script|body|main|header|nav|div|section|p|a|span|strong|em|code|h[1-4]|form|input|button"
    "|label|select|option|pre|textarea|fieldset|legend|details|summary|ul|ol|li|dl|dt|dd|table|thead|tbody|tr|th|td|time"
    "|figure|figcaption|caption|picture|source|img|datalist|br"
)
ADDRESSES = ("href", "src", "srcset", "action", "formaction", "data-url")
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def hostile(place: str) -> str:
    """Return the text for a place."""
    return f"[{place}]{HOSTILE}"


class Page(HTMLParser):
    """What a browser makes of a page: `faults` is what came from a payload, `links` is where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.links: list[str] = []
        self._tag = ""
        if STEERING.search(text):
            self.faults.append(f"{STEERING.findall(text)!r} stands in the page")
        if PRODUCT in re.sub(r'csrf_token" value="[^"]*"', "", text):
            self.faults.append("a template in a text was filled in")
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        found = dict(attributes)
        if not TAGS.fullmatch(tag) or (tag == "script" and found.get("src") != "/static/console.js"):
            self.faults.append(f"a tag: {tag} {found}")
        for name, value in attributes:
            if name.startswith("on") or name in ("style", "srcdoc") or MARK in name:
                self.faults.append(f"an attribute of {tag}: {name}")
            if name in ADDRESSES:
                self._check(tag, value or "")
        if tag in ("a", "img", "source", "link"):
            self.links += [value for name, value in attributes if name in ADDRESSES and value]

    def _check(self, tag: str, address: str) -> None:
        ours = re.fullmatch(r"[/#](?![/\\]).*", address) or (tag == "img" and address.startswith("data:image/svg+xml;"))
        if not ours:
            self.faults.append(f"an address of {tag}: {address[:80]}")

    def handle_data(self, data: str) -> None:
        if self._tag == "script" and data.strip():
            self.faults.append("a script has a text")

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"a comment: {data[:40]}")


def plugin(name: str) -> dict[str, Any]:
    """Return a plugin of which everything that is told is hostile."""
    told: dict[str, Any] = json.loads(plugin_status(name, "quarantined"))["plugins"][0]
    texts = {part: hostile(f"plugin {part}") for part in ("version", "origin", "reason")}
    usage = {part: hostile(part) for part in ("word", "usage", "summary", "help", "may", "rate")}
    schema = {"properties": {HOSTILE: {"description": HOSTILE, "default": HOSTILE}}}
    example = {"typed": hostile("typed"), "like": hostile("like")}
    usages = [{**usage, "schema": schema, "examples": [example]}]
    return {**told, **texts, "commands": [hostile("command")], "usages": usages}


def fill(board: Board) -> None:
    """Put a hostile text into every place that a user, a colleague or a server can write to."""
    name = hostile("user name")
    board.staff()
    board.staff(f"[colleague]{PRINTABLE}", "moderator")
    _users_write(board, name)
    _users_report(board, name)
    status = {"plugins": [plugin(hostile("plugin name")), plugin("dice")], "writer": "ok"}
    board.run(lambda connection: beat(connection, "", json.dumps(status), alone=True))
    plugin_name, hook, caller = (hostile(part) for part in ("incident's plugin", "hook", "caller"))
    failure = Incident(INCIDENT, now_ms(), plugin_name, hook, caller, True, hostile("trace"))
    board.run(lambda connection: keep(connection, [failure]))
    board.health = {"status": "failing", "writer": hostile("writer")}
    _staff_write(board)


def _users_write(board: Board, name: str) -> None:
    board.visit(name, stay=True)
    board.visit(LONG, "192.0.2.8")
    board.visit("", "192.0.2.9")
    board.visit("=cmd|' /C calc'!A0", "192.0.2.9")
    board.post(hostile("post"), LONG, "", *(f" {sign}1+1" for sign in FORMULAE), name=name)
    for text in ("held post", "another held post"):
        held = NewPost(_Author(), name, "192.0.2.7", hostile(text), now_ms(), held_for=hostile("why held"))
        board.writer.put(held)
    board.messages((name, hostile("recipient"), hostile("message")), (hostile("recipient"), name, LONG))


def _users_report(board: Board, name: str) -> None:
    reporter = user_id(board, name)
    for kind in ("post", "message"):
        words = hostile(f"words of a {kind}")
        board.run(lambda c, kind=kind, words=words: report(c, kind, 1, reporter, words))  # type: ignore[misc]


def _staff_write(board: Board) -> None:
    token = board.token("all", name=f"[token]{PRINTABLE}")
    row = f"[a row]{MARKUP}{STEER}".replace("{", "{{").replace("}", "}}") + "{text}"
    values = {
        "board.operator_name": f"[operator]{STEER}{MARKUP}"[:200],
        "board.post_row": row,
        "board.message_row": row,
        "board.visible_controls": False,
    }
    why = {"reason": hostile("reason")}
    for path, body in {
        "/settings": {"values": values, **why},
        "/posts": {"text": hostile("operator's post")},
        "/announcements": {"text": hostile("announcement")},
        "/users/1/notes": {"text": hostile("remark")},
        "/bans": {"kind": "user", "value": hostile("banned"), "note": hostile("note"), **why},
        "/mutes": {"kind": "user", "value": hostile("user name"), "note": hostile("note of a mute"), **why},
        "/posts/3/hide": why,
        "/reports/post/1/claim": {},
    }.items():
        answer = board.api("PATCH" if path == "/settings" else "POST", f"/api/v1{path}", token, body)
        assert answer.status == 200, answer.text


def shown(place: str) -> str:
    """Return how a page shows that it has the text of a place."""
    return visible(f"[{place}]")


def faults(answer: Answer, path: str) -> list[str]:
    """Return what an answer has that no answer may have."""
    found = []
    if answer.status >= 500 and path != "/healthz":
        found.append(f"status {answer.status}")
    if answer.headers["X-Content-Type-Options"] != "nosniff":
        found.append("a browser may guess its type")
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        found += Page(answer.text).faults
    return [f"{path[:120]}: {fault}" for fault in found]
