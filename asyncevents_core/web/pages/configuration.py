"""What can be changed at run time: where each value comes from, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from attrs import field, frozen
from litestar import Request, get, post
from litestar.response import Redirect, Template

from asyncevents_core.domain.access import Resource
from asyncevents_core.engine.managing.configuration import set_run_time_values
from asyncevents_core.errors import InvalidValue
from asyncevents_core.settings.run_time import ConfiguredValue, configured
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import GivenActor, GivenBackend
from asyncevents_core.web.backend import RequestBackend
from asyncevents_core.web.pages.filters import sentence
from asyncevents_core.web.pages.form import Form, form_of
from asyncevents_core.web.pages.frame import GivenFrame, done, shown

PATH: Final = "/configuration"
_WORDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "MAXIMUM_DEATHS": (
            "Maximum deaths",
            "Retries after the first attempt, for subscriptions that do not say it themselves.",
        ),
        "INDEXING_ENABLED": ("Indexing", "Whether attempts are indexed, to be searched for."),
        "LOG_CLEANUP_ENABLED": (
            "Clean-up",
            "Whether what is over is deleted when its lifetime has passed.",
        ),
        "LOG_LIFETIME_DAYS": ("Lifetime", "Days after which the clean-up deletes what is over."),
    }
)
_SWITCHES: Final = {"true": True, "false": False}


@frozen(kw_only=True)
class Configuration:
    """All values, and what is wrong with one that was to be set, by its name."""

    values: Sequence[ConfiguredValue]
    words: Mapping[str, tuple[str, str]] = _WORDS
    errors: Mapping[str, str] = field(factory=dict)

    @staticmethod
    def is_switch(one: ConfiguredValue) -> bool:
        """Tell whether a value is on or off, not a number."""
        return isinstance(one.setting, bool)


@get(PATH, opt=needs(Resource.MANAGE, unbound=True))
async def read(backend: GivenBackend, frame: GivenFrame) -> Template:
    """Show the values that hold."""
    return shown(frame, "configuration.html", await _configuration(backend, {}))


@post(PATH, opt=needs(Resource.MANAGE, unbound=True))
async def change(
    request: Request[Any, Any, Any], backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template | Redirect:
    """Set one value, or go back to its setting."""
    form = await form_of(request)
    name = form.get("name")
    title, _ = _WORDS.get(name, (name, ""))
    try:
        await backend.run(set_run_time_values, backend.ledger, {name: _value(form)}, by=actor)
    except InvalidValue as error:
        view = await _configuration(backend, {name: sentence(str(error))})
        return shown(frame, "configuration.html", view, status=400)
    reset = "reset" in form.fields
    what = f"{title} is as the settings say again" if reset else f"{title} is changed"
    return done(frame, PATH, f"{what}. Workers hear of it within seconds.")


HANDLERS: Final = [read, change]


def _value(form: Form) -> object:
    """Return what a form wants to set; what is no number stays a text, to be refused."""
    if "reset" in form.fields:
        return None
    text = form.text("value")
    if text in _SWITCHES:
        return _SWITCHES[text]
    return int(text) if text.isascii() and text.lstrip("-").isdigit() and len(text) < 19 else text


async def _configuration(backend: RequestBackend, errors: Mapping[str, str]) -> Configuration:
    values = await backend.run(configured, backend.runtime.settings, backend.ledger)
    return Configuration(values=values, errors=errors)
