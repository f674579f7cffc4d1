"""Pages and actions of plugins: each is asked for its content, and all around it is the console's own."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from admin import scopes
from admin.context import board
from admin.extension import filled, performed, room, shown_page
from admin.pages.routing import actor, member, pages, reason
from bbs_core.errors import ActError, InvalidAct
from bbs_core.platform.asking import Answer, entry, find
from bbs_core.platform.discovery import Plugin
from bbs_core.platform.extension import Part
from bbs_core.platform.forms import Filled
from bbs_core.public.fields import Field

DONE = "Done."
BUSY = "Another action of a plugin is still at work: try again when it has ended."
# What is said on the next page travels in a cookie.
SAID_CHARACTERS = 200
QUERY_LIMIT = 50
QUERY_CHARACTERS = 4000


class Sent(NamedTuple):
    """A form that was sent and is shown once more, with what was typed and what is wrong."""

    action: Part
    shown: list[Field]
    fixed: list[Field]
    typed: dict[str, str]
    problems: dict[str, str]
    problem: str


@pages.get("/plugins/<name>/pages/<page>")
@scopes.needs()
def plugin_page(name: str, page: str) -> ResponseReturnValue:
    """Show a page of a plugin."""
    plugin, found = find(board().calls.plugins, name, "pages", page, member().scopes)
    query = dict(list(request.args.items())[:QUERY_LIMIT])
    return _page(plugin, found, _content(plugin, found, query), query)


@pages.post("/plugins/<name>/actions/<action>")
@scopes.needs()
def act_in_plugin(name: str, action: str) -> ResponseReturnValue:
    """Have a plugin do what one of its forms is for; that it is asked to stands in the ledger first."""
    plugin, found = find(board().calls.plugins, name, "actions", action, member().scopes)
    with room() as is_free:
        return _act(plugin, found) if is_free else (_again(plugin, found, Answer(problem=BUSY)), 503)


def _act(plugin: Plugin, found: Part) -> ResponseReturnValue:
    values = filled(plugin, found, _typed(found))
    if isinstance(values, Answer):
        return _again(plugin, found, values), 422 if values.refused else 200
    if values.problems:
        return _again(plugin, found, Answer(problem=values.problems.get("", "")), dict(values.problems)), 422
    try:
        _record(plugin, found, values)
    except InvalidAct as error:
        return _again(plugin, found, Answer(problem=str(error))), 422
    return _done(plugin, found, performed(plugin, found, values, member().name))


def _record(plugin: Plugin, action: Part, values: Filled) -> None:
    if action.records:
        console, told = board(), entry(plugin, action, values, actor(), reason())
        console.access.write(lambda connection: console.ledger.write(connection, told))


def _done(plugin: Plugin, action: Part, answer: Answer) -> ResponseReturnValue:
    """Go back to where the form stood, with what came of it; what is more than a sentence is shown above that page."""
    if answer.refused:
        return _again(plugin, action, answer), 422
    page, query = _stood_on(plugin), _query()
    said = answer.blocks[0].value if answer.blocks else DONE
    if answer.problem or len(answer.blocks) > 1 or not isinstance(said, str) or len(said) > SAID_CHARACTERS:
        content = _content(plugin, page, query)
        return _page(plugin, page, content, query, answer=answer, action=action)
    flash(said, "success")
    if page is None:
        return redirect(url_for("pages.plugin", name=plugin.name), 303)
    ending = f"?{urlencode(query)}" if query else ""
    return redirect(url_for("pages.plugin_page", name=plugin.name, page=page.name) + ending, 303)


def _again(plugin: Plugin, action: Part, answer: Answer, problems: dict[str, str] | None = None) -> str:
    """Show a form once more with all that was typed, and what is wrong at its field."""
    assert action.form is not None
    wrong, fixed = problems or {}, {*request.form.getlist("fixed")}.difference(problems or {})
    fields = action.form.fields({})
    shown, hidden = ([one for one in fields if (one.name in fixed) is is_fixed] for is_fixed in (False, True))
    sent = Sent(action, shown, hidden, _typed(action), wrong, answer.problem)
    return _page(plugin, _stood_on(plugin), Answer(), _query(), sent=sent)


def _stood_on(plugin: Plugin) -> Part | None:
    """Return the page on which the form stood, None where there is none that its sender may see."""
    try:
        return find(board().calls.plugins, plugin.name, "pages", request.form.get("page", ""), member().scopes)[1]
    except ActError:
        return None


def _page(plugin: Plugin, page: Part | None, content: Answer, query: dict[str, str], **more: object) -> str:
    return render_template(
        "plugin_page.html", plugin=plugin.name, page=page, content=content, query=urlencode(query), **more
    )


def _content(plugin: Plugin, page: Part | None, query: dict[str, str]) -> Answer:
    return shown_page(plugin, page, query, member().name) if page else Answer()


def _typed(action: Part) -> dict[str, str]:
    """Return the texts of the form's fields; one that is not there is as if nothing had been typed."""
    assert action.form is not None
    texts = {name: request.form.get(f"option:{name}") for name in action.form.names}
    return {name: text.replace("\r\n", "\n") for name, text in texts.items() if text is not None}


def _query() -> dict[str, str]:
    return dict(parse_qsl(request.form.get("query", "")[:QUERY_CHARACTERS], keep_blank_values=True)[:QUERY_LIMIT])
