"""Which source wins, what a variable may say, and where each value is said to come from."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from bbs_core.config import VARIABLES, Loaded, default_file, load
from bbs_core.errors import ConfigError
from bbs_core.settings import FIELDS, Settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def from_file(text: str) -> Loaded:
    file = Path("board.toml")
    file.write_text(text, encoding="utf-8")
    return load(file, {})


def test_nothing_given_is_the_defaults() -> None:
    loaded = load(environ={})
    assert loaded.settings == Settings()
    assert loaded.origins == dict.fromkeys(FIELDS, "default")


def test_each_source_goes_before_the_one_below_it() -> None:
    file, environ, overrides = Path("b.toml"), {"BBS_BOARD_WINDOW": "3"}, {"board.window": 4}
    file.write_text('[server]\npreset = "community"\n[board]\nwindow = 2\n', encoding="utf-8")
    preset: dict[str, object] = {"server.preset": "community"}
    found = [
        load(None, {}),
        load(None, {}, preset),
        load(file, {}),
        load(file, environ),
        load(file, environ, overrides),
    ]
    assert [loaded.settings.board.window for loaded in found] == [0, 200, 2, 3, 4]
    assert [loaded.origins["board.window"] for loaded in found] == [
        "default",
        "preset community",
        "b.toml:4",
        "BBS_BOARD_WINDOW",
        "command line",
    ]


def test_a_preset_lies_below_the_keys_that_the_file_names() -> None:
    loaded = from_file('[board]\npost_row = "{text}"\n[server]\npreset = "community"\n')
    assert loaded.settings.board.post_row == "{text}"
    assert loaded.settings.board.message_row == "{sender}: {text}"
    assert loaded.settings.board.window == 200
    assert loaded.origins["board.post_row"] == "board.toml:2"
    assert loaded.origins["board.message_row"] == "preset community"


def test_the_last_source_that_names_a_preset_chooses_it() -> None:
    file = Path("b.toml")
    file.write_text('[server]\npreset = "community"\n', encoding="utf-8")
    assert load(file, {"BBS_SERVER_PRESET": "original"}).settings.board == Settings().board
    assert load(None, {"BBS_SERVER_PRESET": "community"}).settings.board.post_row == "{username}: {text}"


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("# first\n\n[server]\nhost = ''\nport = 1\n", "server.port", 5),
        ("[admin]\nport = 2\n[server]\nport = 1\n", "server.port", 4),
        ("server.port = 1\n", "server.port", 1),
        ("\nserver = {host = '', port = 1}\n", "server.port", 2),
        ('[ "server" ]\n"port" = 1\n', "server.port", 2),
        ("[board]\npost_row = '''\n[server]\nport = 9 {text}'''\n\n[server]\nport = 1\n", "server.port", 7),
        ("[board]\npost_row = '''\n[server]\nport = 9 {text}'''\n\n[server]\nport = 1\n", "board.post_row", 2),
        ("[plugins]\ndisabled = [ # why\n 'a',\n]\nthreads = 1\n", "plugins.threads", 5),
        ("[plugins]\nthreads = 1\n[plugins.replace]\nlist = 'mine'\n", "plugins.replace", 3),
        ("[plugins]\nthreads = 1\nreplace.list = 'mine'\n", "plugins.replace", 3),
        ("[server]\r\nport = 1\r\n", "server.port", 2),
        ("\ufeff[server]\nport = 1\n", "server.port", 2),
    ],
)
def test_a_value_from_the_file_names_its_line(text: str, key: str, line: int) -> None:
    file = Path("board.toml")
    file.write_bytes(text.encode())
    assert load(file, {}).origins[key] == f"board.toml:{line}"


def test_every_setting_has_a_variable_of_its_own() -> None:
    assert len(VARIABLES) == len(FIELDS)
    assert VARIABLES["BBS_LIMITS_CONNECTIONS_PER_ADDRESS"] == "limits.connections_per_address"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("BBS_SERVER_HOST", "::1", "::1"),
        ("BBS_SERVER_PORT", "0", 0),
        ("BBS_LIMITS_STOP_TIMEOUT_S", "1.5", 1.5),
        ("BBS_LIMITS_STOP_TIMEOUT_S", "2", 2.0),
        ("BBS_ADMIN_ENABLED", "false", False),
        ("BBS_ADMIN_ENABLED", "0", False),
        ("BBS_ADMIN_ENABLED", "TRUE", True),
        ("BBS_ADMIN_ENABLED", "1", True),
        ("BBS_PLUGINS_DISABLED", "who, help", ("who", "help")),
        ("BBS_PLUGINS_DISABLED", "", ()),
        ("BBS_PLUGINS_DISABLED", '["who", "help"]', ("who", "help")),
        ("BBS_PLUGINS_DISABLED", ' ["who"]', ("who",)),
        ("BBS_PLUGINS_REPLACE", "list=fancy, /who = mine", {"list": "fancy", "/who": "mine"}),
        ("BBS_PLUGINS_REPLACE", "", {}),
        ("BBS_PLUGINS_OPTIONS", '{"dice": {"sides": 8}}', {"dice": {"sides": 8}}),
        ("BBS_BOARD_POST_ROW", "{text}", "{text}"),
        ("BBS_BOARD_POST_ROW", "{id} {text}, yes", "{id} {text}, yes"),
    ],
)
def test_a_variable_is_read_as_its_setting_is(name: str, text: str, value: object) -> None:
    loaded = load(None, {name: text})
    section, _, key = VARIABLES[name].partition(".")
    assert getattr(getattr(loaded.settings, section), key) == value
    assert loaded.origins[VARIABLES[name]] == name


def test_variables_of_other_programs_are_none_of_ours() -> None:
    assert load(None, {"PATH": "/bin", "XBBS_PORT": "1", "bbs_server_port": "1"}).settings == Settings()


def test_an_option_that_was_not_given_changes_nothing() -> None:
    loaded = load(None, {"BBS_SERVER_PORT": "7"}, {"server.port": None, "server.host": "::1"})
    assert loaded.settings.server.port == 7
    assert loaded.origins["server.host"] == "command line"


def test_the_default_file_is_read_when_it_exists(folder: Path) -> None:
    assert default_file() is None
    (folder / "config").mkdir()
    (folder / "config" / "bbs.toml").write_text("[server]\nport = 5\n", encoding="utf-8")
    assert default_file() == Path("config/bbs.toml")
    assert load(environ={}).origins["server.port"] == "config/bbs.toml:2"


def test_a_named_file_goes_before_the_variable_and_that_before_the_default(folder: Path) -> None:
    (folder / "config").mkdir()
    for port, name in enumerate(("config/bbs.toml", "variable.toml", "named.toml"), 1):
        Path(name).write_text(f"[server]\nport = {port}\n", encoding="utf-8")
    environ = {"BBS_CONFIG": "variable.toml"}
    found = [load(None, {}), load(None, {"BBS_CONFIG": ""}), load(None, environ), load(Path("named.toml"), environ)]
    assert [loaded.settings.server.port for loaded in found] == [1, 1, 2, 3]


@pytest.mark.parametrize("environ", [{}, {"BBS_CONFIG": "gone.toml"}])
def test_a_named_file_must_exist(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"^gone\.toml: there is no such configuration file\.$"):
        load(None if environ else Path("gone.toml"), environ)


def test_a_folder_is_no_file(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read \(Is a directory\)\.$"):
        load(folder, {})


def test_settings_never_change() -> None:
    with pytest.raises(ValidationError):
        Settings().server.port = 1  # type: ignore[misc]
