"""A password in the database URL is shown nowhere: not in `config show`, an error, or a repr."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bbs_core.config import load, shown
from bbs_core.errors import ConfigError

PASSWORD = "hunter2-Geheim"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"postgresql://ann:{PASSWORD}@db:5432/board", "postgresql://ann:***@db:5432/board"),
        (f"postgresql://ann:{PASSWORD}@x/y@db/board", "postgresql://ann:***@db/board"),
        (f"postgresql://:{PASSWORD}@db/board", "postgresql://:***@db/board"),
        (f"postgresql://db/board?user=ann&password={PASSWORD}&a=b", "postgresql://db/board?user=ann&password=***&a=b"),
        (f"ann:{PASSWORD}@db/board", "***"),
        ("postgresql://ann@db:5432/board", "postgresql://ann@db:5432/board"),
        ("sqlite:///board.sqlite3", "sqlite:///board.sqlite3"),
        ("", ""),
    ],
)
def test_a_password_in_the_database_url_is_masked(url: str, expected: str) -> None:
    assert shown("server.database", url) == f'"{expected}"'


@given(st.text(min_size=1).map(lambda text: f"{PASSWORD}{text}{PASSWORD}"))
def test_no_password_whatever_its_letters_is_shown(password: str) -> None:
    assert PASSWORD not in shown("server.database", f"postgresql://ann:{password}@db/board")


@pytest.mark.parametrize(
    "environ",
    [
        {"BBS_SERVER_DATABASE": f"mysql://ann:{PASSWORD}@db/board"},
        {"BBS_SERVER_DATABASE": f"ann:{PASSWORD}@db/board"},
        {"BBS_SERVER_DATABASE": f"postgresql://ann:{PASSWORD}@db/" + "x" * 5000},
        {"BBS_SERVER_DATABASE": f"postgresql://ann:{PASSWORD}\udcff@db/board"},
        {"BBS_SERVER_PORT": f"postgresql://ann:{PASSWORD}@db/board"},
        {"BBS_DATABSE": f"postgresql://ann:{PASSWORD}@db/board"},
    ],
)
def test_no_mistake_repeats_a_password(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, environ)
    assert PASSWORD not in str(caught.value)
    assert caught.value.__context__ is None
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("url", ["mysql://db/board", "postgres://db/board", "board.sqlite3"])
def test_another_database_is_refused_with_the_two_that_work(url: str) -> None:
    with pytest.raises(ConfigError, match=r"\(write postgresql://user@host/name or sqlite:///path\)\.$"):
        load(None, {"BBS_SERVER_DATABASE": url})


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite:///:memory:"])
def test_a_board_that_would_be_lost_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^BBS_SERVER_DATABASE: server\.database: a board in memory would be lost"):
        load(None, {"BBS_SERVER_DATABASE": url})


def test_the_settings_do_not_print_the_database() -> None:
    loaded = load(None, {"BBS_SERVER_DATABASE": f"postgresql://ann:{PASSWORD}@db/board"})
    assert PASSWORD in loaded.settings.server.database
    assert PASSWORD not in repr(loaded)


@pytest.mark.parametrize("value", [True, False, 0, 1.5, "", 'a "b" \\ \n 日', ["a"], [], {"/who": "x y"}, {}])
def test_other_values_are_shown_as_toml(value: object) -> None:
    assert tomllib.loads(f"a = {shown('board.window', value)}") == {"a": value}


def test_no_value_of_a_plugins_settings_is_shown_as_only_the_plugin_knows_which_are_secret() -> None:
    options = {"dice": {"key": PASSWORD, "sides": 8, "more": [PASSWORD, {"deep": PASSWORD}]}}
    loaded = load(None, {}, {"plugins.options": options})
    assert loaded.settings.plugins.options == options
    assert PASSWORD not in repr(loaded)
    assert shown("plugins.options", options) == ('{"dice" = {"key" = ***, "sides" = ***, "more" = ***}}')
    for wrong in (f"{{{PASSWORD}", f'{{"dice": "{PASSWORD}"}}', PASSWORD, f"dice={PASSWORD}"):
        with pytest.raises(
            ConfigError, match=r"must be a table for each plugin, such as \[plugins\.options\.dice\]"
        ) as caught:
            load(None, {"BBS_PLUGINS_OPTIONS": wrong})
        assert PASSWORD not in str(caught.value)


def test_text_that_is_no_unicode_can_still_be_printed() -> None:
    assert shown("server.host", "\udcff").encode() == rb'"\udcff"'
