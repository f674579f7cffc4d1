"""Each mistake is one sentence that names its place and key, and says what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from bbs_core.config import load
from bbs_core.errors import ConfigError

ALL_SECTIONS = "server, limits, store, board, admin, plugins, log"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sentence(
    text: str | bytes = "", environ: dict[str, str] | None = None, overrides: dict[str, object] | None = None
) -> str:
    Path("b.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load(Path("b.toml"), environ or {}, overrides)
    assert caught.value.__cause__ is None
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[limits]\n\nconections = 1",
            "b.toml:3: limits.conections is not a setting (did you mean limits.connections?).",
        ),
        ("[server]\nPORT = 1", "b.toml:2: server.PORT is not a setting (did you mean server.port?)."),
        (
            "[server]\nconnections = 1",
            "b.toml:2: server.connections is not a setting (did you mean limits.connections?).",
        ),
        (
            "[limits]\nport = 1",
            "b.toml:2: limits.port is not a setting (did you mean server.port or admin.port?).",
        ),
        ("[log]\nzzz = 1", "b.toml:2: log.zzz is not a setting (there are log.level, log.format)."),
        ("[log]\n[log.zzz]\na = 1", "b.toml:2: log.zzz is not a setting (there are log.level, log.format)."),
        ("\n[sever]\nport = 1", "b.toml:2: [sever] is not a section (did you mean server?)."),
        ("[zzz]\nport = 1", f"b.toml:1: [zzz] is not a section (there are {ALL_SECTIONS})."),
        ("[zzz]\na = 1\n[zzz.b]\nc = 1", f"b.toml:1: [zzz] is not a section (there are {ALL_SECTIONS})."),
        ("level = 'info'", "b.toml:1: level stands outside any section (did you mean log.level?)."),
        ("zzz = 1", f"b.toml:1: zzz stands outside any section (there are {ALL_SECTIONS})."),
        ("server = 5", "b.toml:1: server must be a section (write [server] on a line of its own)."),
        ("[[server]]", "b.toml:1: server must be a section (write [server] on a line of its own)."),
    ],
)
def test_an_unknown_name_gets_the_nearest_one(text: str, expected: str) -> None:
    assert sentence(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[server]\nport = "1"', 'server.port must be a whole number from 0 to 65535, not "1".'),
        ("[server]\nport = 1.5", "server.port must be a whole number from 0 to 65535, not 1.5."),
        ("[server]\nport = true", "server.port must be a whole number from 0 to 65535, not true."),
        ("[server]\nhost = 1", "server.host must be text in quotes, 0 to 255 characters long, not 1."),
        ("[limits]\nframe_timeout_s = '1'", 'limits.frame_timeout_s must be a number from 0.1 to 86400.0, not "1".'),
        ("[limits]\nframe_timeout_s = nan", "limits.frame_timeout_s must be a number from 0.1 to 86400.0, not nan."),
        ("[admin]\nenabled = 1", "admin.enabled must be true or false, not 1."),
        ("[plugins]\ndisabled = 'a'", 'plugins.disabled must be a list of names such as ["help", "who"], not "a".'),
        (
            "[plugins]\ndisabled = [1, 2]",
            'plugins.disabled must be a list of names such as ["help", "who"], not [1, 2].',
        ),
        (
            "[plugins]\nreplace = 5",
            'plugins.replace must be a table of names such as {"list" = "mylist"} (list=mylist in a variable), not 5.',
        ),
        (
            "[plugins]\nreplace = {list = 5}",
            'plugins.replace must be a table of names such as {"list" = "mylist"} (list=mylist in a variable), '
            'not {"list" = 5}.',
        ),
        ("[server]\nport = 1979-05-27", "server.port must be a whole number from 0 to 65535, not 1979-05-27."),
        (
            "[log]\nlevel = 'wraning'",
            'log.level must be one of "debug", "info", "warning", "error", not "wraning" (did you mean warning?).',
        ),
        ("[board]\nslash = 'x'", 'board.slash must be one of "post", "reserved", not "x".'),
    ],
)
def test_a_wrong_type_is_told_the_right_one(text: str, expected: str) -> None:
    assert sentence(text) == f"b.toml:2: {expected}"


@pytest.mark.parametrize(
    ("section", "key", "value", "expected"),
    [
        ("server", "port", 65536, "a whole number from 0 to 65535"),
        ("server", "port", -1, "a whole number from 0 to 65535"),
        ("limits", "connections", 0, "a whole number from 1 to 1000000"),
        ("limits", "unparsed_bytes", 39_999, "a whole number from 40000 to 16777216"),
        ("limits", "pack_bytes", 1023, "a whole number from 1024 to 65536"),
        ("limits", "pack_bytes", 65_537, "a whole number from 1024 to 65536"),
        ("limits", "stop_timeout_s", 8.1, "a number from 0.1 to 8"),
        ("limits", "stop_timeout_s", 0.09, "a number from 0.1 to 8"),
        ("limits", "idle_timeout_s", -1.0, "a number from 0 to 2592000.0"),
        ("server", "data", '""', "text in quotes, 1 to 4096 characters long"),
    ],
)
def test_a_value_out_of_bounds_is_told_the_bounds(section: str, key: str, value: object, expected: str) -> None:
    found = sentence(f"[{section}]\n{key} = {value}")
    assert found == f"b.toml:2: {section}.{key} must be {expected}, not {value}."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[server]\nhost = localhost", "b.toml:2: host is not valid TOML: invalid value at column 8 ("),
        ("[server]\nport = 1\nport = 2", "b.toml:3: port is not valid TOML: cannot overwrite a value"),
        ("[server]\n\n[server]", "b.toml:3: this is not valid TOML: cannot declare ('server',) twice"),
        ("[server]\nhost = 'x", "b.toml:2: host is not valid TOML: "),
        ("[plugins]\ndisabled = [\n'a',\n", "b.toml:4: this is not valid TOML: "),
        ("[server", "b.toml:1: this is not valid TOML: "),
        ("a = " + "9" * 5000, "b.toml:1: a is not valid TOML: "),
        ("a = " + "[" * 50_000, "b.toml:1: a is not valid TOML: "),
    ],
)
def test_broken_toml_names_its_line_and_key(text: str, expected: str) -> None:
    found = sentence(text)
    assert found.startswith(expected)
    assert found.endswith(" (texts need quotes, each section and key stands once).")


def test_a_file_in_another_encoding_names_the_line() -> None:
    assert sentence(b"[server]\n# caf\xe9\n") == ("b.toml:2: this is not UTF-8 text (save the file in that encoding).")


@pytest.mark.parametrize(
    ("key", "template", "expected"),
    [
        ("post_row", "{usrname}: {text}", "{usrname} is not a field (did you mean {username}?)"),
        ("post_row", "{sender} {text}", "{sender} is not a field ("),
        ("message_row", "{ip} {text}", "{ip} is not a field (there are {id}, {sender}, {text}, {time})"),
        ("message_row", "{sender}", "a row must contain {text}"),
        ("message_row", "{text!r}", "{text!r} is not a field (did you mean {text}?)"),
    ],
)
def test_a_bad_row_template_is_named_with_its_key(key: str, template: str, expected: str) -> None:
    assert sentence(f'[board]\n{key} = "{template}"').startswith(f"b.toml:2: board.{key}: {expected}")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("disabled = ['quit']", "plugins.disabled: quit cannot be disabled (stock clients leave by it)."),
        ("bare_words = ['/roll']", "plugins.bare_words: a bare word has no slash and no space ("),
        ("bare_words = ['roll dice']", "plugins.bare_words: a bare word has no slash and no space ("),
        ("bare_words = ['list']", "plugins.bare_words: list is a word of the protocol ("),
    ],
)
def test_plugins_may_not_take_the_words_of_the_protocol(line: str, expected: str) -> None:
    assert sentence(f"[plugins]\n{line}").startswith(f"b.toml:2: {expected}")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"BBS_LIMTS_CONNECTIONS": "1"},
            "BBS_LIMTS_CONNECTIONS: this is not a setting (did you mean BBS_LIMITS_CONNECTIONS?).",
        ),
        ({"BBS_PORT": "1"}, "BBS_PORT: this is not a setting (did you mean BBS_SERVER_PORT or BBS_ADMIN_PORT?)."),
        ({"BBS_SERVER_PORT": "x"}, 'BBS_SERVER_PORT: server.port must be a whole number from 0 to 65535, not "x".'),
        (
            {"BBS_SERVER_PORT": "70000"},
            "BBS_SERVER_PORT: server.port must be a whole number from 0 to 65535, not 70000.",
        ),
        ({"BBS_ADMIN_ENABLED": "yes"}, 'BBS_ADMIN_ENABLED: admin.enabled must be true or false, not "yes".'),
        (
            {"BBS_PLUGINS_DISABLED": "a,"},
            'BBS_PLUGINS_DISABLED: plugins.disabled must be a list of names such as ["help", "who"], not ["a", ""].',
        ),
        (
            {"BBS_PLUGINS_DISABLED": "[who]"},
            'BBS_PLUGINS_DISABLED: plugins.disabled must be a list of names such as ["help", "who"], not "[who]".',
        ),
        ({"BBS_BOARD_POST_ROW": "{ip}"}, "BBS_BOARD_POST_ROW: board.post_row: a row must contain {text}."),
    ],
)
def test_a_wrong_variable_is_named(environ: dict[str, str], expected: str) -> None:
    assert sentence("", environ) == expected


def test_a_wrong_pair_in_a_variable_is_named() -> None:
    found = sentence("", {"BBS_PLUGINS_REPLACE": "list"})
    assert found.startswith("BBS_PLUGINS_REPLACE: plugins.replace must be a table of names")
    assert "(list=mylist in a variable)" in found


def test_a_variable_unlike_any_setting_lists_what_there_is() -> None:
    assert sentence("", {"BBS_XYZZY": "1"}).startswith("BBS_XYZZY: this is not a setting (there are server.host, ")


def test_a_wrong_option_is_named() -> None:
    found = sentence("", overrides={"server.port": 99_999})
    assert found == "command line: server.port must be a whole number from 0 to 65535, not 99999."


def test_the_first_mistake_is_told_and_the_others_are_counted() -> None:
    text = "[log]\nformat = 'x'\n[server]\nprot = 1\nhost = 2\n"
    assert sentence(text).startswith("b.toml:2: log.format must be one of ")
    assert sentence(text).endswith(', not "x", and 2 more mistakes.')
    assert sentence("[server]\nprot = 1\nhost = 2\n").endswith("(did you mean server.port?), and 1 more mistake.")
    assert sentence(text, {"BBS_SERVER_PORT": "x", "BBS_X": "1"}, {"log.level": 1}).endswith(", and 5 more mistakes.")


def test_two_bad_names_in_one_list_are_one_mistake() -> None:
    assert "more mistake" not in sentence("[plugins]\ndisabled = [1, 2]")


def test_a_mistake_counts_even_where_a_later_source_hides_it() -> None:
    assert sentence("[server]\nport = 'x'", {"BBS_SERVER_PORT": "1"}).startswith("b.toml:2: server.port must be ")
