"""Do what was asked for under an idempotency key once."""

from __future__ import annotations

from collections.abc import Callable

from asyncevents_core.domain.idempotency import IdempotentRequest
from asyncevents_core.errors import IdempotencyConflict
from asyncevents_core.ports.ledger import LedgerTransaction


def do_idempotently(
    tx: LedgerTransaction, request: IdempotentRequest | None, work: Callable[[], str]
) -> str:
    """Return the id of what `work` makes, or of what it made when it was asked for before.

    Key and work are in one transaction: both happened, or neither. Raises
    `IdempotencyConflict` where the key was used for another request.
    """
    if request is None:
        return work()
    answer = tx.access.begin_request(request)
    if answer is None:
        result = work()
        tx.access.finish_request(request, result)
        return result
    if answer.digest != request.digest:
        raise IdempotencyConflict(
            "this idempotency key was used for another request in the last 24 hours: "
            "send a new key with a new request"
        )
    return answer.result
