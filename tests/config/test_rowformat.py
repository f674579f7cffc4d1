"""Row templates: what they mean, and that nothing but bare fields gets in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbs_core.rowformat import Template, parse

FIELDS = frozenset({"ip", "text", "username"})
VALUES = {"ip": "10.0.0.7", "text": "{ip}", "username": "Zoë"}


def rendered(template: Template) -> str:
    return "".join(literal + (VALUES[field] if field else "") for literal, field in template)


def test_a_template_becomes_pairs_of_literal_and_field() -> None:
    assert parse("{ip} {text}", FIELDS) == (("", "ip"), (" ", "text"))
    assert parse("<{username}> {text}!", FIELDS) == (("<", "username"), ("> ", "text"), ("!", None))


def test_doubled_braces_stand_for_themselves() -> None:
    assert parse("{{ip}} {{{text}}}", FIELDS) == (("{ip} {", "text"), ("}", None))


@given(st.lists(st.sampled_from(["{ip}", "{username}", "{text}", "{{", "}}", " ", "a", "日", "\n"])))
def test_a_good_template_means_what_python_means_by_it(pieces: list[str]) -> None:
    template = "{text}" + "".join(pieces)
    assert rendered(parse(template, FIELDS)) == template.format(**VALUES)


def refusal(template: str) -> str | None:
    try:
        parse(template, FIELDS)
    except ValueError as error:
        return str(error)
    return None


@given(st.text(alphabet="{}textip.![]:0_ ", max_size=20).map(lambda text: "{text}" + text))
def test_any_text_is_refused_with_one_sentence_or_means_what_python_means(template: str) -> None:
    reason = refusal(template)
    if reason is None:
        assert rendered(parse(template, FIELDS)) == template.format(**VALUES)
    else:
        assert " is not a field (" in reason or "has no partner" in reason


@pytest.mark.parametrize(
    ("template", "part"),
    [
        ("{ip}", "a row must contain {text}"),
        ("", "a row must contain {text}"),
        ("{{text}}", "a row must contain {text}"),
        ("{usrname}: {text}", "{usrname} is not a field (did you mean {username}?)"),
        ("{zzz} {text}", "{zzz} is not a field (there are {ip}, {text}, {username})"),
        ("{} {text}", "{} is not a field"),
        ("{0} {text}", "{0} is not a field"),
        ("{text.__class__}", "{text.__class__} is not a field"),
        ("{text[0]}", "{text[0]} is not a field"),
        ("{text!r}", "{text!r} is not a field (did you mean {text}?)"),
        ("{text:>9999}", "{text:>9999} is not a field"),
        ("{text:}", "{text:} is not a field"),
        ("{ text }", "{ text } is not a field"),
        ("{text", "a single { has no partner (write {{ for the character itself)"),
        ("{text}}", "a single } has no partner (write }} for the character itself)"),
    ],
)
def test_a_bad_template_is_refused_with_its_reason(template: str, part: str) -> None:
    assert part in (refusal(template) or "")
