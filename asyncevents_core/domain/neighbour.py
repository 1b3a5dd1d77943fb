"""Others that use a queue of ours."""

from __future__ import annotations

from uuid import UUID

from attrs import frozen


@frozen(kw_only=True)
class Neighbour:
    """Somebody else whose messages arrive in a queue of this application.

    `ledger_id` None: the messages are no hand-offs; `source` says what they look like. Else it is
    the other ledger's, and `source` is that application's SOURCE. `seen_at` is the time of the last
    message, microseconds; 0 until it is written down.
    """

    queue: str
    ledger_id: UUID | None
    source: str
    seen_at: int = 0
