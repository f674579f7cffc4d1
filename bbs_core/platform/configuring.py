"""The settings of plugins at work, made of what the file and the staff say."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Collection, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import structlog
from pydantic import BaseModel

from bbs_core.errors import InvalidOptions, PluginError
from bbs_core.platform.commands import place
from bbs_core.platform.implementation import taken
from bbs_core.platform.imports import Imports
from bbs_core.public.fields import refuse_many_choices
from bbs_core.public.options import Options, as_json

log = structlog.get_logger(__name__)


class Configured:
    """The settings of one plugin, which are swapped as a whole; calls under way keep those that they were given."""

    def __init__(self, options: Options, origin: str) -> None:
        refuse_many_choices(options.schema, origin)
        self.options = options
        self.settings: BaseModel | None = None
        # Why what was said last is not in force.
        self.problem = ""
        self._origin = origin
        self._values: dict[str, Any] = {}

    def take(self, given: Mapping[str, Any], chosen: Mapping[str, Any]) -> None:
        """Make the settings anew where something else is said.

        Raises PluginError where that does not fit; a plugin at work goes on with what it has.
        """
        values = self.options.together(given, chosen)
        if self.settings is not None and as_json(values) == as_json(self._values):
            return
        try:
            self.settings, self._values, self.problem = self.options.read(values), values, ""
        except InvalidOptions as error:
            if self.settings is None:
                raise PluginError(str(error)) from None
            self.problem = f"It goes on with the settings that it had. {error}"
            log.error("plugin_settings_refused", origin=self._origin, why=str(error))

    def checked(self, values: Mapping[str, Any]) -> BaseModel:
        """Return the settings that these values would make; it takes a bounded time. Raises InvalidOptions."""
        if self.settings is not None and as_json(values) == as_json(self._values):
            return self.settings
        try:
            read = functools.partial(self.options.read, values)
            return Imports().run(read, self._origin, "Checking its settings")
        except PluginError as error:
            raise InvalidOptions(str(error)) from None


def find_settings(plugin: str, origin: str, module: ModuleType) -> Configured | None:
    """Return what the plugin's model makes possible, None where it has no model. Raises PluginError."""
    marked = {one for one in vars(module).values() if isinstance(one, type) and _is_marked(one)}
    if len(marked) > 1:
        names = " and ".join(sorted(model.__name__ for model in marked))
        raise PluginError(f"It has several classes with @settings: {names}.")
    return next((Configured(Options(plugin, model, _place(model)), origin) for model in marked), None)


def refuse_askers(functions: Collection[Any]) -> None:
    """Raise PluginError for a function that asks for settings, where the plugin has none."""
    for function in functions:
        if "settings" in taken(function):
            raise PluginError(f"A function asks for settings ({place(function)}): mark a model with @settings.")


def _is_marked(one: type) -> bool:
    """A class below the model is not it."""
    return issubclass(one, BaseModel) and getattr(one, "bbs_settings", None) is one


def _place(model: type[BaseModel]) -> str:
    try:
        return f"{Path(inspect.getsourcefile(model) or '?').name}:{inspect.getsourcelines(model)[1]}"
    except (OSError, TypeError):
        return model.__name__
