"""Changing at run time what the settings say: audited, and heard by workers within seconds."""

from __future__ import annotations

from collections.abc import Mapping

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.engine.shared.audit import audit
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.settings.run_time import CHANGEABLE, check_value


def set_run_time_values(ledger: Ledger, values: Mapping[str, object], *, by: Actor) -> None:
    """Set values, all or none; None goes back to the setting. Workers hear of it in seconds.

    Raises `InvalidValue`.
    """
    checked = {
        name: None if value is None and name in CHANGEABLE else check_value(name, value)
        for name, value in values.items()
    }
    entry_id = uuid7()

    def work(tx: LedgerTransaction) -> None:
        for name, value in checked.items():
            tx.access.set_override(name, value, by=by.who)
        audit(tx, by, "configuration.change", entry_id=entry_id, details=checked)

    ledger.run(work)
