"""Plugins that have settings, for the tests of them."""

from __future__ import annotations

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
