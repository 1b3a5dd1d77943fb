"""What fails is an outcome, with the reason in the words that all sinks share, and in time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from asyncevents_core.domain.outcome import Failure, OutcomeKind
from asyncevents_core.ports.sink import DeliveryRequest, Sink
from asyncevents_core.testing.conformance.sink_base import (
    PATIENCE,
    SHORT,
    NewRequest,
    SinkFixtures,
    request_for,
)
from asyncevents_core.testing.driver import DEADLINE, reason_of


class SinkFailureTests(SinkFixtures):
    """Failures and deadlines."""

    async def test_what_cannot_be_reached_is_an_outcome(
        self, driven_sink: Sink, unreachable: str | None, new_request: NewRequest
    ) -> None:
        if unreachable is None:
            return
        outcome = await driven_sink.deliver(new_request(target=unreachable), 5.0)
        assert outcome.kind is not OutcomeKind.DELIVERED
        assert reason_of(outcome), f"use Outcome.failed(Failure.…, …): {outcome}"

    async def test_each_failure_is_told_by_its_reason(
        self,
        driven_sink: Sink,
        failures: Mapping[Failure, str | DeliveryRequest],
        new_request: NewRequest,
    ) -> None:
        wrong = []
        for failure, how in failures.items():
            deadline = SHORT if failure is Failure.TIMED_OUT else DEADLINE
            outcome = await driven_sink.deliver(request_for(how, new_request), deadline)
            kind = OutcomeKind.RETRYABLE if failure.retried else OutcomeKind.PERMANENT
            told = len(outcome.detail) > len(f"{failure}: ")
            if (outcome.kind, reason_of(outcome), told) != (kind, failure, True):
                wrong.append(f"{failure.name} should be {kind}: {outcome}")
        assert not wrong, "\n".join(wrong)

    async def test_a_target_that_never_answers_times_out(
        self, driven_sink: Sink, hanging: str | None, new_request: NewRequest
    ) -> None:
        if hanging is None:
            return
        attempt = asyncio.ensure_future(driven_sink.deliver(new_request(target=hanging), SHORT))
        done, _ = await asyncio.wait([attempt], timeout=SHORT + PATIENCE)
        attempt.cancel()
        assert done, f"no outcome {PATIENCE:g} s after the deadline of {SHORT:g} s"
        outcome = attempt.result()
        assert reason_of(outcome) is Failure.TIMED_OUT, outcome
        assert outcome.kind is OutcomeKind.RETRYABLE

    async def test_it_works_after_one_that_hung(
        self, driven_sink: Sink, hanging: str | None, new_request: NewRequest
    ) -> None:
        if hanging is None:
            return
        async with asyncio.timeout(SHORT + PATIENCE):
            await asyncio.gather(
                *(driven_sink.deliver(new_request(target=hanging), SHORT) for _ in range(3))
            )
        outcome = await driven_sink.deliver(new_request(), DEADLINE)
        assert outcome.kind is OutcomeKind.DELIVERED, outcome
