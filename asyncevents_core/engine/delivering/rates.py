"""Rates of subscriptions hold over all workers together: turns are taken from the ledger."""

from __future__ import annotations

import math
from typing import Final

from asyncevents_core.engine.delivering.permits import Permits, Plan
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.ports.ledger.rates import Wish

_AHEAD: Final = 0.1
"""Seconds for which turns are taken ahead, where many deliveries wait."""


def take_turns(ledger: Ledger, permits: Permits, plan: Plan) -> float | None:
    """Take turns for the subscriptions that their rate alone has held up in a plan.

    A transaction of its own, after that of the plan: it is short, and nobody waits for what it
    locks. Return in how many seconds to look again: at once (0) where there are some; None where
    there is nothing to take now. Raises `LedgerError`.
    """
    wishes = {
        one: Wish(
            rate=plan.rates[one],
            count=max(plan.starved[one], math.ceil(plan.rates[one] * _AHEAD)),
        )
        for one in permits.asks(plan.starved)
    }
    if not wishes:
        return None
    turns = ledger.run(lambda tx: tx.rates.take(wishes))
    permits.grant(
        {number: one.count for number, one in turns.items()},
        {number: one.wait for number, one in turns.items()},
    )
    return min(0.0 if one.count else one.wait for one in turns.values())
