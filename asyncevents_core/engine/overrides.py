"""Values that operators set at run time: which there are, and how workers hear of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.identifiers import uuid7
from asyncevents_core.domain.limits import LARGEST_COUNT, LONGEST_DAYS, count_mistake
from asyncevents_core.engine.shared.audit import audit
from asyncevents_core.errors import InvalidValue, suggestion
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction, LedgerView
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


def set_overrides(ledger: Ledger, values: Mapping[str, object], *, by: Actor) -> None:
    """Set values, all or none; None goes back to the setting. Workers hear of it in seconds.

    Raises `InvalidValue`.
    """
    checked = {
        name: None if value is None and name in _BOUNDS else check_value(name, value)
        for name, value in values.items()
    }
    entry_id = uuid7()

    def work(tx: LedgerTransaction) -> None:
        for name, value in checked.items():
            tx.access.set_override(name, value, by=by.who)
        audit(tx, by, "configuration.change", entry_id=entry_id, details=checked)

    ledger.run(work)


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
