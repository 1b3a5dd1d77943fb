"""What operators change at run time: each value, and where it comes from."""

from __future__ import annotations

from attrs import frozen

from asyncevents_core.engine.overrides import CHANGEABLE
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.ports.ledger.access import Override
from asyncevents_core.settings import DEFAULT, Settings


@frozen(kw_only=True)
class ConfiguredValue:
    """A value that holds. `setting` is what would hold without the one in the ledger.

    `origin` is "ledger", "default", the settings module or an environment variable.
    """

    name: str
    value: int | bool
    origin: str
    setting: int | bool
    setting_origin: str
    changed_by: str | None = None
    changed_at: int | None = None


LEDGER = "ledger"


def configured(settings: Settings, ledger: Ledger) -> list[ConfiguredValue]:
    """Return all values that can be changed at run time."""
    overrides = {one.name: one for one in ledger.read(lambda view: view.access.overrides())}
    return [_value(name, settings, overrides.get(name)) for name in CHANGEABLE]


def log_lifetime_days(settings: Settings, ledger: Ledger) -> int:
    """Return the days after which what is over may be deleted."""
    (found,) = [one for one in configured(settings, ledger) if one.name == "LOG_LIFETIME_DAYS"]
    return int(found.value)


def _value(name: str, settings: Settings, override: Override | None) -> ConfiguredValue:
    setting: int | bool = getattr(settings, name.lower())
    origin = settings.origins.get(name, DEFAULT)
    return ConfiguredValue(
        name=name,
        value=setting if override is None else override.value,
        origin=origin if override is None else LEDGER,
        setting=setting,
        setting_origin=origin,
        changed_by=None if override is None else override.changed_by,
        changed_at=None if override is None else override.changed_at,
    )
