"""Replay what a search finds: each delivery once, newest first, a batch per transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from attrs import evolve, frozen

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.delivery import TERMINAL
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.replay import FoundFilter, ReplayRequest
from asyncevents_core.engine.replaying.replay import BATCH, Replayed, Step, note_request, send_again
from asyncevents_core.engine.searching.search import LogSearch
from asyncevents_core.ports.indexer import COUNTED
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction, LedgerView

_LOOKED_AT: Final = 1000


@frozen(kw_only=True)
class FoundCount:
    """How many deliveries a replay would send; at least so many if not `exact`."""

    deliveries: int
    exact: bool


def found_filter(ledger: Ledger, query: str, *, tenant: str | None = None) -> FoundFilter:
    """Return what a query means now: nothing that is made from here on."""

    def read(view: LedgerView) -> FoundFilter:
        before = view.log.newest_id() + 1
        return FoundFilter(query=query, asked_at=view.now(), before=before, tenant=tenant)

    return ledger.read(read)


def count_found(ledger: Ledger, search: LogSearch, wanted: FoundFilter) -> FoundCount:
    """Count the deliveries, looking at the newest 10,000 attempts. Raises as `LogSearch`."""
    seen: set[UUID] = set()
    looked_at, rest = 0, wanted
    while looked_at < COUNTED:
        ids = search.find(rest, _LOOKED_AT)
        if not ids:
            return FoundCount(deliveries=len(seen), exact=True)
        rows = ledger.read(lambda view, ids=ids: view.log.rows(ids, tenant=wanted.tenant))  # type: ignore[misc]
        seen |= {one.attempt.delivery_id for one in rows if one.delivery_state in TERMINAL}
        looked_at += len(ids)
        rest = evolve(rest, before=ids[-1])
    return FoundCount(deliveries=len(seen), exact=not search.find(rest, 1))


def replay_found(
    ledger: Ledger,
    search: LogSearch,
    wanted: FoundFilter,
    *,
    by: Actor,
    progress: Callable[[int], None] = lambda _: None,
) -> Replayed:
    """Replay each delivery that is found once; `progress` hears of attempts looked at.

    Those under way by themselves are passed over; those whose subscription is disabled or
    deleted, or whose body is no longer kept, are refused. Raises as `LogSearch`.
    """
    request = ReplayRequest(id=uuid7(), requested_by=by.who, what=str(wanted))
    ledger.run(lambda tx: note_request(tx, request, by=by, tenant=wanted.tenant))
    made = refused = passed_over = 0
    rest = wanted
    while ids := search.find(rest, BATCH):
        step = ledger.run(
            lambda tx, ids=ids: found_batch(tx, ids, request.id, tenant=wanted.tenant)  # type: ignore[misc]
        )
        made += step.made
        refused += step.refused
        passed_over += step.passed_over
        rest = evolve(rest, before=ids[-1])
        progress(len(ids))
    return Replayed(request=request.id, made=made, refused=refused, passed_over=passed_over)


def found_batch(
    tx: LedgerTransaction, log_ids: Sequence[int], request: UUID, *, tenant: str | None
) -> Step:
    """Replay the deliveries of these attempts under a request's id; the step counts attempts."""
    over = [one for one in tx.replays.lock_found(log_ids, tenant=tenant) if one.state in TERMINAL]
    step = send_again(tx, over, request)
    return evolve(step, passed_over=len(log_ids) - step.made - step.refused)
