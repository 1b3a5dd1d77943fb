"""What operators change at run time: which values, what holds, and where each comes from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import frozen

from asyncevents_core.domain.limits import LARGEST_COUNT, LONGEST_DAYS, count_mistake
from asyncevents_core.errors import InvalidValue, suggestion
from asyncevents_core.ports.ledger import Ledger, LedgerView
from asyncevents_core.ports.ledger.access import Override
from asyncevents_core.settings.schema import DEFAULT, Settings
from asyncevents_core.showing import shown

_BOUNDS: Final[Mapping[str, tuple[int, int] | None]] = {
    "MAXIMUM_DEATHS": (0, LARGEST_COUNT),
    "INDEXING_ENABLED": None,
    "LOG_CLEANUP_ENABLED": None,
    "LOG_LIFETIME_DAYS": (1, LONGEST_DAYS),
}
CHANGEABLE: Final = tuple(_BOUNDS)
"""The settings that have a value in the ledger instead, where one is set."""


def check_value(name: str, value: object) -> int | bool:
    """Return the value if the setting of that name can have it. Raises `InvalidValue`."""
    if name not in _BOUNDS:
        close = suggestion(name, _BOUNDS)
        raise InvalidValue(f"{name} cannot be changed at run time{close}", field=name)
    bounds = _BOUNDS[name]
    if bounds is None:
        if isinstance(value, bool):
            return value
        raise InvalidValue(f"{name} must be true or false, not {shown(value)}", field=name)
    if mistake := count_mistake(value, *bounds):
        raise InvalidValue(f"{name} {mistake}", field=name)
    assert isinstance(value, int)  # noqa: S101
    return value


class RunTimeValues:
    """What operators have set instead of settings, as this process last heard. Thread-safe."""

    def __init__(self, values: Mapping[str, int | bool] = MappingProxyType({})) -> None:
        self._values = values

    @classmethod
    def of(cls, view: LedgerView) -> RunTimeValues:
        """Return what is set now."""
        return cls({one.name: one.value for one in view.access.overrides()})

    def refresh(self, ledger: Ledger) -> None:
        """Hear of what is set now. Raises `LedgerError`."""
        self._values = ledger.read(RunTimeValues.of)._values

    def number(self, name: str, setting: float) -> float:
        """Return the number of that name, or the setting where none is set."""
        return self._values.get(name, setting)

    def switch(self, name: str, setting: bool) -> bool:
        """Tell whether something is on; `setting` says so where nothing is set."""
        return bool(self._values.get(name, setting))


LEDGER: Final = "ledger"
"""The origin of a value that is set at run time."""


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
