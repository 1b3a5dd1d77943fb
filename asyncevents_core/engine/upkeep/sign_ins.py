"""Delete sessions that are over, links that expired, guesses and networks that are old."""

from __future__ import annotations

from typing import Final

from asyncevents_core.domain.guessing import FORGOTTEN_AFTER, KNOWN_FOR, MOST_KEPT
from asyncevents_core.domain.instant import micros
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction

_TASK: Final = "sign-ins"
_EVERY: Final = 300.0
_MOST_ROWS: Final = 1000


def forget_old_sign_ins(ledger: Ledger, *, idle: float) -> int:
    """Delete what signing in has left; return how many rows it was.

    `idle` is the seconds after which a session that nobody uses is over. In small transactions,
    until there is nothing left.
    """

    def step(tx: LedgerTransaction) -> tuple[int, int, int]:
        now = tx.now()
        return (
            tx.users.delete_sessions(unseen_since=now - micros(idle), limit=_MOST_ROWS),
            tx.users.delete_networks(before=now - micros(KNOWN_FOR), limit=_MOST_ROWS),
            tx.users.delete_guesses(
                before=now - micros(FORGOTTEN_AFTER), most=MOST_KEPT, limit=_MOST_ROWS
            ),
        )

    rows = 0
    while True:
        done = ledger.run(step, patient=True)
        rows += sum(done)
        if max(done) < _MOST_ROWS:
            return rows


def forget_old_sign_ins_if_due(ledger: Ledger, *, idle: float) -> int:
    """Do so every five minutes, in one process; return how many rows it was."""

    def take(tx: LedgerTransaction) -> bool:
        return tx.tasks.take(_TASK, first=tx.now(), until=tx.now() + micros(_EVERY))

    return forget_old_sign_ins(ledger, idle=idle) if ledger.run(take) else 0
