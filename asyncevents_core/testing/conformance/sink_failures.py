"""What fails is an outcome, with the reason in the words that all sinks share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from asyncevents_core.domain.outcome import Failure, Outcome, OutcomeKind
from asyncevents_core.ports.sink import DeliveryRequest, Sink
from asyncevents_core.testing.conformance.needing import given, left_out
from asyncevents_core.testing.conformance.sink_base import (
    SHORT,
    UNHURRIED,
    NewRequest,
    Received,
    SinkFixtures,
    arrives,
    request_for,
)
from asyncevents_core.testing.driver import DEADLINE, reason_of

_TRIED_AGAIN: Final = frozenset({Failure.THROTTLED, Failure.UNAVAILABLE, Failure.CREDENTIALS})
"""What a sink could be tempted to try again by itself."""
_BETWEEN: Final = 8
"""Deliveries that succeed, for each that fails."""


class SinkFailureTests(SinkFixtures):
    """Failures, alone and among what succeeds."""

    async def test_what_cannot_be_reached_is_an_outcome(
        self, driven_sink: Sink, unreachable: str | None, new_request: NewRequest
    ) -> None:
        request = new_request(target=given(unreachable, "unreachable"))
        outcome = await driven_sink.deliver(request, 5.0)
        assert outcome.kind is not OutcomeKind.DELIVERED
        assert reason_of(outcome), f"use Outcome.failed(Failure.…, …): {outcome}"

    async def test_each_failure_is_told_by_its_reason(
        self,
        driven_sink: Sink,
        failures: Mapping[Failure, str | DeliveryRequest],
        new_request: NewRequest,
    ) -> None:
        wrong = []
        for failure, how in given(failures, "failures").items():
            deadline = SHORT if failure is Failure.TIMED_OUT else DEADLINE
            outcome = await driven_sink.deliver(request_for(how, new_request), deadline)
            wrong += _mistakes(failure, outcome)
        assert not wrong, "\n".join(wrong)

    async def test_each_of_many_has_its_own_outcome(
        self,
        driven_sink: Sink,
        failures: Mapping[Failure, str | DeliveryRequest],
        new_request: NewRequest,
        received: Received,
    ) -> None:
        """Those that fail are under way together with others that do not."""
        given(failures, "failures")
        wanted: list[tuple[Failure | None, DeliveryRequest]] = []
        for failure, how in failures.items():
            if failure is Failure.TIMED_OUT:
                continue
            wanted += [(None, new_request(data={"beside": failure})) for _ in range(_BETWEEN)]
            wanted.append((failure, request_for(how, new_request)))
        outcomes = await asyncio.gather(
            *(driven_sink.deliver(request, UNHURRIED) for _, request in wanted)
        )
        wrong = []
        for (reason, _), outcome in zip(wanted, outcomes, strict=True):
            if reason is not None:
                wrong += _mistakes(reason, outcome)
            elif outcome.kind is not OutcomeKind.DELIVERED:
                wrong.append(f"should be delivered: {outcome}")
        assert not wrong, "\n".join(wrong)
        await arrives(received, [request for reason, request in wanted if reason is None])

    async def test_it_makes_one_attempt_only(
        self,
        driven_sink: Sink,
        failures: Mapping[Failure, str | DeliveryRequest],
        requests_at: Callable[[str], int] | None,
        new_request: NewRequest,
    ) -> None:
        """The engine tries again, when it is time."""
        count = given(requests_at, "requests_at")
        tried = {one: how for one, how in failures.items() if one in _TRIED_AGAIN}
        if not tried:
            left_out("the fixture `failures` has none that could be tried again")
        for failure, how in tried.items():
            request = request_for(how, new_request)
            before = count(request.target)
            await driven_sink.deliver(request, DEADLINE)
            assert count(request.target) - before == 1, f"requests for {failure.name}"


def _mistakes(failure: Failure, outcome: Outcome) -> list[str]:
    """Return what is wrong about the outcome of an attempt that failed for this reason."""
    kind = OutcomeKind.RETRYABLE if failure.retried else OutcomeKind.PERMANENT
    told = len(outcome.detail) > len(f"{failure}: ")
    if (outcome.kind, reason_of(outcome), told) == (kind, failure, True):
        return []
    return [f"{failure.name} should be {kind}: {outcome}"]
