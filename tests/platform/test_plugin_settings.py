"""The settings of a plugin: its model says what they may be, the file and the staff what they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from pydantic import BaseModel, Secret, SecretBytes, SecretStr, field_serializer
from structlog.testing import capture_logs

from bbs_core import plugin_options, undo
from bbs_core.audit import get_act
from bbs_core.cli import main
from bbs_core.errors import Conflict, InvalidAct, InvalidOptions, NotFound
from bbs_core.host import PluginSet, found_plugins
from bbs_core.live_settings import status_of
from bbs_core.platform import imports
from bbs_core.public.options import MASK, Options
from bbs_core.settings import PluginSettings
from tests.effects.kit import STAFF, act, the_act
from tests.platform.outside import put
from tests.support import BoardProcess
from tests.wire.live import LiveBoard

WAIT_S = 20
SECRET = "hunter2-Geheim"
# Whatever a plugin may have, and each asks for its settings.
DICE = """
    import asyncio
    import queue

    from pydantic import BaseModel, Field, SecretStr, model_validator

    from bbs_core.plugin import Rewrite, async_wrapper, command, every, hookimpl, never_blocks, settings, verb

    heard, gates = queue.SimpleQueue(), []


    class Account(BaseModel):
        name: str = ""
        password: SecretStr = SecretStr("")


    @settings
    class Settings(BaseModel):
        sides: int = Field(6, ge=2, description="How many sides a die has.")
        least: int = 1
        words: list[str] = []
        key: SecretStr = Field(SecretStr(""), description="For the service.")
        accounts: list[Account] = []

        @model_validator(mode="after")
        def has_a_side(self):
            if self.least > self.sides:
                raise ValueError(f"least is above sides, and the key is {self.key.get_secret_value()}")
            return self


    @command("/sides")
    def sides(settings, extra: int = 0):
        return f"{settings.sides + extra} sides"

    @command("/wait")
    async def wait(settings):
        gates.append(asyncio.Event())
        heard.put("waits")
        await gates[-1].wait()
        return f"{settings.sides} sides"

    @command("/key")
    @never_blocks
    def key(settings):
        return settings.key.get_secret_value()

    @hookimpl(wrapper=True)
    def bbs_command_who(settings):
        return [*(yield), f"{settings.sides} sides"]

    @async_wrapper
    async def bbs_command_help(settings, server):
        answer = yield
        yield [f"{settings.sides} sides, {len(server.online)} on line"]

    @hookimpl
    @never_blocks
    def bbs_screen_post(text, settings):
        return Rewrite(f"{text} [{settings.sides}]")

    @hookimpl
    async def bbs_session_opened(session, settings, server):
        heard.put(("opened", settings.sides, [*server.online]))

    @hookimpl
    def bbs_settings_changed(settings):
        heard.put(("changed", settings.sides))

    @every("1s")
    def tick(settings):
        heard.put(("tick", settings.sides))

    @verb("tell")
    def tell(settings, server):
        return f"{settings.sides} sides"
"""
# Is registered before the command that it wraps, whose hook it knows nothing of.
WRAPPER = """
    from pydantic import BaseModel
    from bbs_core.plugin import hookimpl, settings

    @settings
    class Settings(BaseModel):
        mark: str = "!"

    @hookimpl(wrapper=True)
    def bbs_command_needy(settings):
        return (yield) + settings.mark
"""
NEEDY = """
    from pydantic import BaseModel, SecretStr
    from bbs_core.plugin import command, settings

    @settings
    class Settings(BaseModel):
        key: SecretStr

    @command("/needy")
    def needy(settings):
        return "It works."
"""


def configure(board: LiveBoard, values: Mapping[str, Any], plugin: str = "dice", version: int | None = None) -> int:
    """Set settings of a plugin as staff do."""
    app = board.app
    models = app.plugins.configured
    return plugin_options.change(
        app.access, app.ledger, STAFF, board.settings, models, plugin, values, "a new game", version
    )


def view(board: LiveBoard, plugin: str = "dice") -> plugin_options.View:
    found = plugin_options.view(board.app.access, board.settings, board.app.plugins.configured, plugin)
    assert found is not None
    return found


def hear(board: LiveBoard, what: str) -> Any:
    """Wait until the plugin has heard something, and return it."""
    while True:
        told = board.app.plugins["dice"].module.heard.get(timeout=WAIT_S)  # type: ignore[union-attr]
        if what in told:
            return told


def loaded(data: Path, chosen: Mapping[str, Mapping[str, Any]] = {}, **options: Any) -> PluginSet:
    """Return the plugins of a folder, with what the file says of their settings, and what staff have chosen."""
    settings = PluginSettings(options=options).choosing(chosen)
    return PluginSet(settings, found_plugins(data / "plugins", settings))


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveBoard]:
    data = tmp_path_factory.mktemp("board")
    for name, source in {"a_wrapper": WRAPPER, "dice": DICE, "needy": NEEDY}.items():
        put(data, f"{name}.py", source)
    with LiveBoard(data, plugins={"options": {"dice": {"sides": 8, "key": SECRET}}}) as live:
        yield live


def test_every_function_of_a_plugin_is_given_what_the_file_says(board: LiveBoard) -> None:
    with board.client("ann") as ann:
        assert hear(board, "opened")[1:] == (8, ["ann"])
        assert hear(board, "tick")[1:] == (8,)
        ann.post("hello")
        for command in ("/sides", "/sides 2", "/key", "/who", "/help"):
            ann.post(command)
        assert ann.list() == [
            "127.0.0.1 hello [8]",
            "* 8 sides",
            "* 10 sides",
            f"* {SECRET}",
            "* 1 on line:",
            "* ann",
            "* 8 sides",
            "* 8 sides, 1 on line",
        ]
    assert board.wait(board.app.dispatch.run_verb("dice", "tell", "")) == ["8 sides"]


def test_a_change_counts_from_the_next_call_and_calls_under_way_keep_what_they_were_given(board: LiveBoard) -> None:
    with board.client("ann") as ann, board.client("bob") as bob:
        ann.post("/wait")
        hear(board, "waits")
        before = board.app.plugins["dice"].runner.settings  # type: ignore[union-attr]
        act_id = configure(board, {"sides": 20})
        bob.post("/sides")
        assert bob.list()[-1] == "* 20 sides"
        assert hear(board, "changed") == ("changed", 20)
        assert before.sides == 8
        board.call(board.app.plugins["dice"].module.gates.pop().set)  # type: ignore[union-attr]
        assert ann.list()[-1] == "* 8 sides"
        act(board, undo.undo, board.settings, act_id, "as before")
        bob.post("/sides")
        assert bob.list()[-1] == "* 8 sides"
        assert hear(board, "changed") == ("changed", 8)


def test_another_change_of_the_board_makes_no_new_settings(board: LiveBoard) -> None:
    before = board.app.plugins["dice"].runner.settings  # type: ignore[union-attr]
    configure(board, {"key": "1234"}, "needy")
    with board.client("ann") as ann:
        ann.post("/needy")
        assert ann.list()[-1] == "* It works.!"
    assert board.app.plugins["dice"].runner.settings is before  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        ({"sides": 1}, {("sides",): "Input should be greater than or equal to 2."}),
        ({"sides": "many"}, {("sides",): "Input should be a valid integer, unable to parse string as an integer."}),
        ({"sieds": 3}, {("sieds",): "There is no such setting (dice.py:17). Did you mean sides?"}),
        (
            {"accounts": [{"nmae": "ann"}]},
            {("accounts", 0, "nmae"): "There is no such setting (dice.py:17). Did you mean name?"},
        ),
        ({"least": 9}, {(): f"least is above sides, and the key is {MASK}."}),
        ({"key": MASK, "sides": 3, "words": 7}, {("words",): "Input should be a valid list."}),
        ({"accounts": [{"password": MASK}]}, {("accounts",): "Write the secret itself."}),
    ],
)
def test_what_does_not_fit_is_refused_with_its_path(
    board: LiveBoard, values: dict[str, Any], problems: dict[tuple[Any, ...], str]
) -> None:
    before = view(board)
    with pytest.raises(InvalidOptions) as refused:
        configure(board, values)
    assert refused.value.problems == problems
    assert SECRET not in str(refused.value)
    assert view(board) == before


def test_of_two_who_edit_the_second_hears_who_was_first(board: LiveBoard) -> None:
    version = view(board).version
    configure(board, {"words": ["one"]}, version=version)
    with pytest.raises(Conflict, match="The settings of dice were changed meanwhile: olga was first"):
        configure(board, {"words": ["two"]}, version=version)
    with pytest.raises(Conflict, match="are so already"):
        configure(board, {"words": ["one"]})
    configure(board, {"words": None})
    assert (view(board).values["words"], view(board).changed) == ([], [])
    with pytest.raises(NotFound):
        configure(board, {"words": []}, "help")
    with pytest.raises(InvalidAct):
        configure(board, {})


def test_a_secret_is_shown_nowhere(board: LiveBoard) -> None:
    another = f"{SECRET}-2"
    with capture_logs() as lines:
        act_id = configure(board, {"key": another, "accounts": [{"name": "ann", "password": SECRET}]})
        configure(board, {"accounts": [{"name": "ann", "password": SECRET}, {"name": "bob"}], "key": MASK})
    kept = view(board)
    assert kept.values["key"] == MASK
    assert kept.values["accounts"] == [{"name": "ann", "password": MASK}, {"name": "bob", "password": ""}]
    written = the_act(board, act_id)
    assert json.loads(written["after"])["values"] == {"key": MASK, "accounts": [{"name": "ann", "password": MASK}]}
    now = board.app.settings
    acts = board.app.access.read(lambda connection: get_act(connection, act_id + 1))
    for told in (status_of(board.app.plugins), kept, dict(written), acts, now, now.plugins, lines, kept.options.schema):
        assert SECRET not in repr(told)
    with board.client("ann") as ann:
        ann.post("/key")
        assert ann.list()[-1] == f"* {another}"
    with pytest.raises(InvalidAct, match="does not hold secrets"):
        act(board, undo.undo, board.settings, act_id, "as before")
    assert not acts["undoable"]
    configure(board, {"key": None, "accounts": None})


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


def test_changes_are_undone_from_the_last_and_none_below_another(board: LiveBoard) -> None:
    start = view(board).values
    first, second = configure(board, {"sides": 10}), configure(board, {"least": 9})
    with pytest.raises(Conflict, match="were changed since: olga was first"):
        act(board, undo.undo, board.settings, first, "it would not fit")
    again = act(board, undo.undo, board.settings, second, "back")
    act(board, undo.undo, board.settings, first, "back")
    assert (view(board).values, view(board).changed) == (start, [])
    with pytest.raises(Conflict):
        act(board, undo.undo, board.settings, again, "too late")


def test_what_staff_have_set_survives_a_restart_and_stands_above_the_file(tmp_path: Path, database_url: str) -> None:
    put(tmp_path, "dice.py", DICE)
    where: dict[str, Any] = {"server": {"database": database_url}, "plugins": {"options": {"dice": {"sides": 8}}}}
    with LiveBoard(tmp_path, **where) as board:
        configure(board, {"sides": 20, "key": SECRET})
        configure(board, {"sides": 12})
    with LiveBoard(tmp_path, **where) as board, board.client("ann") as ann:
        for command in ("/sides", "/key"):
            ann.post(command)
        assert ann.list() == ["* 12 sides", f"* {SECRET}"]
        assert (view(board).changed, view(board).version) == (["key", "sides"], 2)
        configure(board, {"sides": None})
        ann.post("/sides")
        assert ann.list() == ["* 8 sides"]


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


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardProcess]:
    data = tmp_path_factory.mktemp("running")
    put(data, "dice.py", DICE)
    put(data, "needy.py", NEEDY)
    options = {"dice": {"key": SECRET, "words": ["a"]}}
    with BoardProcess(data, plugins_options=json.dumps(options)) as process:
        yield process


def bbs(board: BoardProcess, *words: str, stdin: str = "") -> tuple[int, list[str]]:
    """Return the exit code of `bbs plugin`, and the lines that it printed."""
    done = CliRunner().invoke(main, ["plugin", *words, "--data", str(board.data)], stdin)
    assert SECRET not in done.output
    return done.exit_code, done.output.splitlines()


def test_the_command_line_shows_and_sets_them(running: BoardProcess) -> None:
    assert bbs(running, "settings", "dice") == (
        0,
        [
            "sides = 6  # How many sides a die has.",
            "least = 1",
            'words = ["a"]',
            f'key = "{MASK}"  # For the service.',
            "accounts = []",
        ],
    )
    assert bbs(running, "set", "dice", "sides=20", "words=a,b c", "--reason", "a game") == (
        0,
        ["The settings of dice are in force."],
    )
    assert bbs(running, "settings", "dice")[1][:3] == [
        "sides = 20  # How many sides a die has. Set by the staff.",
        "least = 1",
        'words = ["a", "b c"]  # Set by the staff.',
    ]
    bbs(running, "set", "dice", "key", "--default", "sides", "--reason", "another", stdin=f"{SECRET}-3\n")
    with running.client("ann") as ann:
        for command in ("/sides", "/key"):
            ann.post(command)
        assert ann.list() == ["* 6 sides", f"* {SECRET}-3"]


def test_the_command_line_names_mistakes_and_a_plugin_begins_once_it_has_its_value(running: BoardProcess) -> None:
    code, [error] = bbs(running, "set", "dice", "sieds=20", "--reason", "a game")
    assert (code, error) == (
        2,
        "Error: dice.sieds: There is no such setting (dice.py:17). Did you mean sides?",
    )
    code, [error] = bbs(running, "settings", "nothing")
    assert (code, error) == (2, "Error: There is no plugin 'nothing' with settings at work here.")
    assert bbs(running, "settings", "needy") == (0, ["It needs a value for needy.key."])
    assert bbs(running, "set", "needy", "key", "--reason", "it came", stdin=SECRET)[0] == 0
    with running.client("ann") as ann:
        ann.post("/needy")
        assert ann.list()[-1] == "* It works."
    assert SECRET not in running.output


def test_without_a_server_there_is_one_sentence(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["plugin", "settings", "dice", "--data", str(tmp_path)])
    assert (done.exit_code, done.output) == (2, "Error: No board that could do it is running in this data folder.\n")
