"""The model of a plugin's settings: what in it and in the file is refused, and what of it is never shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel, Secret, SecretBytes, SecretStr, field_serializer

from bbs_core.errors import InvalidOptions
from bbs_core.host import PluginSet, found_plugins
from bbs_core.live_settings import status_of
from bbs_core.platform import imports
from bbs_core.plugin_settings import PluginSettings
from bbs_core.public.fields import CHOICES_LIMIT
from bbs_core.public.options import Options
from tests.platform.configurable import DICE, NEEDY, SECRET
from tests.platform.outside import put


def loaded(data: Path, chosen: Mapping[str, Mapping[str, Any]] = {}, **options: Any) -> PluginSet:
    """Return the plugins of a folder, with what the file says of their settings, and what staff have chosen."""
    settings = PluginSettings(options=options).choosing(chosen)
    return PluginSet(settings, found_plugins(data / "plugins", settings))


class Open(BaseModel):
    """Tells its secret to whoever asks for JSON, as some do to write it into a file."""

    key: SecretStr = SecretStr(SECRET)

    @field_serializer("key", when_used="json")
    def opened(self, key: SecretStr) -> str:
        return key.get_secret_value()


class SecretsTuple(NamedTuple):
    """Is no model, and has a secret too."""

    key: SecretStr


class Deep(BaseModel):
    """Has secrets of every kind, in every depth."""

    open: Open = Open()
    opens: dict[str, list[Open]] = {"a": [Open()]}
    union: Open | int = Open()
    number: Secret[int] = Secret(8_675_309)
    data: SecretBytes | None = SecretBytes(SECRET.encode())
    typed: SecretsTuple = SecretsTuple(SecretStr(SECRET))
    harmless: dict[str, int] = {"a": 1}


def test_no_serializer_and_no_depth_reveals_a_secret() -> None:
    options = Options("deep", Deep, "deep.py:1")
    made = options.read({})
    assert options.secrets == {*Deep.model_fields} - {"harmless"}
    for told in (options.schema, options.shown(made), options.masked(options.revealed(made)), repr(made)):
        assert not re.search(f"{SECRET}|8675309", str(told))
    assert str(options.revealed(made)).count(SECRET) == 5
    assert options.read(options.revealed(made)) == made


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"sieds": 3}, "dice.sieds: There is no such setting (dice.py:17). Did you mean sides?"),
        ({"sides": SECRET, "key": 7}, "dice.sides: Input should be a valid integer"),
        ({"key": [SECRET]}, "dice.key: Input should be a valid string."),
        ({"accounts": [{"name": 1}]}, "dice.accounts.0.name: Input should be a valid string."),
    ],
)
def test_a_plugin_with_a_mistake_in_the_file_is_left_out_and_the_mistake_is_named(
    tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    path = put(tmp_path, "dice.py", DICE)
    dice = loaded(tmp_path, dice=options)["dice"]
    assert (dice.state, dice.origin) == ("failed", str(path))
    assert reason in dice.reason
    assert SECRET not in dice.reason


def test_a_plugin_waits_for_the_value_that_it_needs(tmp_path: Path) -> None:
    put(tmp_path, "needy.py", NEEDY)
    assert loaded(tmp_path)["needy"].reason == "It needs a value for needy.key."
    assert loaded(tmp_path, needy={"key": SECRET})["needy"].state == "loaded"
    assert loaded(tmp_path, {"needy": {"key": SECRET}})["needy"].state == "loaded"


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        ("", {"key": 1}, "It has no settings, and plugins.options.coin has key."),
        ("@settings\nclass A(BaseModel): ...\n@settings\nclass B(BaseModel): ...", {}, "@settings: A and B."),
        ("@settings\nclass A: ...", {}, "TypeError: Settings are a class, below pydantic's BaseModel. (coin.py:3)"),
        (
            f"import typing\n@settings\nclass A(BaseModel):\n    a: typing.Literal[*range({CHOICES_LIMIT + 1})] = 0",
            {},
            f"a has {CHOICES_LIMIT + 1} choices; a form has room for {CHOICES_LIMIT}",
        ),
        ("@settings\nclass A(BaseModel):\n    a: object = len\n    b: type = int", {}, "have no JSON schema"),
        ("@hookimpl\ndef bbs_session_opened(settings): ...", {}, "asks for settings (coin.py:3): mark a model"),
        ("@every('1s')\ndef tick(settings): ...", {}, "asks for settings (coin.py:3): mark a model"),
        ("@verb('x')\ndef tell(settings): ...", {}, "asks for settings (coin.py:3): mark a model"),
        (
            "@settings\nclass A(BaseModel): ...\n@command('/x', isolation='process')\ndef x(settings): ...",
            {},
            "/x runs in a process of its own and cannot take settings (coin.py:5).",
        ),
    ],
)
def test_what_is_wrong_with_a_plugins_settings_is_named(
    tmp_path: Path, source: str, options: dict[str, Any], reason: str
) -> None:
    head = "from pydantic import BaseModel\nfrom bbs_core.plugin import command, every, hookimpl, settings, verb\n"
    put(tmp_path, "coin.py", f"{head}{source}\n@command('/coin')\ndef coin(): ...\n")
    coin = loaded(tmp_path, coin=options)["coin"]
    assert coin.state == "failed"
    assert reason in coin.reason


def test_settings_of_a_plugin_that_is_not_there_are_a_fault_with_what_may_be_meant(tmp_path: Path) -> None:
    put(tmp_path, "dice.py", DICE)
    assert loaded(tmp_path, dcie={"sides": 8}).faults == [
        "plugins.options names dcie, which is not there. Did you mean dice?"
    ]
    # Nobody could take back what was set of a plugin that has gone.
    assert loaded(tmp_path, {"gone": {"sides": 8}}).faults == []


def test_what_a_newer_version_no_longer_has_is_left_out(tmp_path: Path) -> None:
    put(tmp_path, "dice.py", DICE)
    dice = loaded(tmp_path, {"dice": {"colour": "red", "sides": 4}})["dice"]
    assert (dice.state, dice.runner and dice.runner.settings.sides) == ("loaded", 4)


def test_a_plugin_at_work_goes_on_where_another_version_would_not_take_a_change(tmp_path: Path) -> None:
    put(tmp_path, "dice.py", DICE)
    plugins = loaded(tmp_path, dice={"sides": 8})
    for chosen, problem in ({"sides": 1}, True), ({"sides": 20}, False):
        plugins = plugins.changed(PluginSettings(options={"dice": {"sides": 8}}).choosing({"dice": chosen}), ())
        [status] = [one for one in status_of(plugins) if one["name"] == "dice"]
        assert status["state"] == "loaded"
        assert str(status["reason"]).startswith("It goes on with the settings that it had. dice.sides") is problem
        runner = plugins["dice"].runner
        assert (runner and runner.settings.sides) == (8 if problem else 20)


HOSTILE = """
    from pydantic import BaseModel, field_validator
    from bbs_core.plugin import hookimpl, settings

    @settings
    class Settings(BaseModel):
        deed: str = ""

        @field_validator("deed")
        @classmethod
        def does(cls, deed):
            exec(deed)
            return deed

    @hookimpl
    def bbs_session_opened(settings): ...
"""


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ("while True: pass", r"Checking its settings did not end within 0\.3 s"),
        ("raise SystemExit(3)", r"The settings of dice fail at these values: SystemExit \(dice\.py:5\)\."),
        ("raise KeyError('raise')", r"The settings of dice fail at these values: KeyError \(dice\.py:5\)\."),
    ],
)
def test_a_model_that_misbehaves_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: str, said: str
) -> None:
    monkeypatch.setattr(imports, "ONE_S", 0.3)
    put(tmp_path, "dice.py", HOSTILE)
    configured = loaded(tmp_path).configured("dice")
    assert configured is not None
    with pytest.raises(InvalidOptions, match=said):
        configured.checked({"deed": deed})
