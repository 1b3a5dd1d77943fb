"""EAGER = True: resolve and deliver inside `publish()`, for development and tests.

The same state machine on the same ledger, driven by the caller: no broker, no worker, no
retries. What fails is recorded as a dead letter and raised.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from attrs import evolve

from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import Outcome, OutcomeKind
from asyncevents_core.engine.delivering.calls import UnlimitedCalls
from asyncevents_core.engine.delivering.leases import Claimant, Claimed, Lease, Resolved, Resolving
from asyncevents_core.engine.delivering.outcomes import Finished, book
from asyncevents_core.engine.delivering.permits import NO_LIMIT, UnlimitedPermits
from asyncevents_core.engine.delivering.policy import Policy
from asyncevents_core.engine.delivering.round import Round, claim_round
from asyncevents_core.engine.delivering.services import ServiceCaller
from asyncevents_core.engine.delivering.sinks import SinkOpener, SinkRack
from asyncevents_core.engine.shared.carrier import IdCarrier
from asyncevents_core.engine.shared.running import on_own_thread, run_in_time
from asyncevents_core.errors import EagerDeliveryFailed
from asyncevents_core.ports.clock import Clock
from asyncevents_core.ports.filters import FilterCompiler
from asyncevents_core.ports.ledger import Ledger
from asyncevents_core.ports.resolver import Definitions
from asyncevents_core.ports.tracing import NO_TRACING, Tracing

T = TypeVar("T")


class EagerDelivery(IdCarrier):
    """Delivers events that were just committed, on the calling thread. Thread-safe."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        definitions: Definitions,
        policy: Policy,
        clock: Clock,
        services: ServiceCaller,
        sinks: SinkOpener,
        filters: FilterCompiler,
        tracing: Tracing = NO_TRACING,
    ) -> None:
        self._ledger = ledger
        self._definitions = definitions
        self._policy = evolve(policy, retries=False)
        self._clock = clock
        self._services = services
        self._sinks = sinks
        self._filters = filters
        self._tracing = tracing

    def submit(self, ids: Sequence[UUID]) -> None:
        """Resolve and deliver these events.

        An exception of a service passes through, after it was recorded; failed deliveries are
        raised together as `EagerDeliveryFailed`.
        """
        claimant = Claimant(
            owner=uuid7(),
            definitions=self._definitions,
            policy=self._policy,
            filters=self._filters,
        )
        claimed = self._claim(claimant, Round(room=NO_LIMIT, event_ids=frozenset(ids)))
        leases = claimed.leases
        if claimed.resolving:
            leases += self._resolve(claimant, claimed.resolving)
        finished = _run_anywhere(self._attempt_all(leases))
        if finished:
            booking = book(finished, policy=self._policy, clock=self._clock, owner=claimant.owner)
            self._ledger.run(booking.write)
        failed = [one for one in finished if one.outcome.kind is not OutcomeKind.DELIVERED]
        if failed:
            raise EagerDeliveryFailed("\n".join(_line(one) for one in failed))

    def _claim(self, claimant: Claimant, wanted: Round) -> Claimed:
        permits, calls = UnlimitedPermits(), UnlimitedCalls()
        return self._ledger.run(
            lambda tx: claim_round(tx, claimant, wanted, permits, calls)
        ).claimed

    def _resolve(self, claimant: Claimant, resolving: Sequence[Resolving]) -> tuple[Lease, ...]:
        resolved: list[Resolved] = []
        failure: Exception | None = None
        for one in resolving:
            try:
                resolved.append(self._call(one))
            except Exception as error:
                failure = failure or error
                resolved.append(evolve(Resolved.failed(one, error), final=True))
        leases = self._claim(claimant, Round(room=NO_LIMIT, resolved=resolved)).leases
        if failure is not None:
            raise failure
        return leases

    def _call(self, resolving: Resolving) -> Resolved:
        if resolving.definition is None:
            return Resolved(resolving=resolving)
        data = self._services.call(resolving.definition, resolving.event.published)
        return Resolved(resolving=resolving, data=data)

    async def _attempt_all(self, leases: Sequence[Lease]) -> list[Finished]:
        rack = SinkRack(self._sinks, self._tracing)
        try:
            return [await self._attempt(rack, lease) for lease in leases]
        finally:
            await rack.close()

    async def _attempt(self, rack: SinkRack, lease: Lease) -> Finished:
        begun = self._clock.monotonic()
        outcome = await rack.attempt_in_time(lease, self._policy.sink_deadline)
        return Finished(
            lease=lease,
            outcome=outcome,
            started=0.0,
            duration=self._clock.monotonic() - begun,
        )


def _line(finished: Finished) -> str:
    subscription, outcome = finished.lease.subscription, finished.outcome
    return (
        f"{finished.lease.event.name} to {subscription.target} (subscription {subscription.id}): "
        f"{_what(outcome)}. Trace: asyncevents trace {finished.lease.delivery.id}"
    )


def _what(outcome: Outcome) -> str:
    return outcome.detail or outcome.kind.value


def _run_anywhere(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, also where the calling thread has a running loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return run_in_time(work)
    return on_own_thread(partial(run_in_time, work), name="eager")
