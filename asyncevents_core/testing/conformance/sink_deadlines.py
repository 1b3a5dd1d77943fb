"""A delivery ends in its time, when it is cancelled too, and leaves the loop to others."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from asyncevents_core.domain.outcome import Failure, OutcomeKind
from asyncevents_core.engine.delivering.sinks import OVERTIME
from asyncevents_core.ports.sink import BlockingSink, Sink
from asyncevents_core.testing.conformance.needing import given, left_out
from asyncevents_core.testing.conformance.sink_base import (
    PATIENCE,
    SHORT,
    NewRequest,
    SinkFixtures,
)
from asyncevents_core.testing.conformance.watching import Heartbeat
from asyncevents_core.testing.driver import DEADLINE, reason_of

_UNDER_WAY: Final = 0.2
"""Seconds after which a delivery has reached a target that hangs."""
_CANCELLING: Final = 1.0
"""Seconds that a cancelled delivery may take to end."""
_LONGEST_TURN: Final = 0.4
"""Seconds that a turn of the loop may take, with many deliveries."""
_MANY: Final = 50


class SinkDeadlineTests(SinkFixtures):
    """Deadlines, cancelling, and the loop that all sinks share."""

    async def test_a_target_that_never_answers_times_out(
        self, driven_sink: Sink, hanging: str | None, new_request: NewRequest
    ) -> None:
        request = new_request(target=given(hanging, "hanging"))
        async with Heartbeat() as heartbeat:
            begun = time.monotonic()
            attempt = asyncio.ensure_future(driven_sink.deliver(request, SHORT))
            done, _ = await asyncio.wait([attempt], timeout=SHORT + PATIENCE)
            took = time.monotonic() - begun
        attempt.cancel()
        assert done, f"no outcome {PATIENCE:g} s after the deadline of {SHORT:g} s"
        outcome = attempt.result()
        assert reason_of(outcome) is Failure.TIMED_OUT, outcome
        assert outcome.kind is OutcomeKind.RETRYABLE
        late = took - heartbeat.machine - SHORT
        assert late < OVERTIME, f"its outcome came {late:.2f} s after the deadline"

    async def test_it_works_after_one_that_hung(
        self, driven_sink: Sink, hanging: str | None, new_request: NewRequest
    ) -> None:
        silent = given(hanging, "hanging")
        async with asyncio.timeout(SHORT + PATIENCE):
            await asyncio.gather(
                *(driven_sink.deliver(new_request(target=silent), SHORT) for _ in range(3))
            )
        outcome = await driven_sink.deliver(new_request(), DEADLINE)
        assert outcome.kind is OutcomeKind.DELIVERED, outcome

    async def test_a_cancelled_delivery_ends_at_once(
        self, sink: Sink | BlockingSink, hanging: str | None, new_request: NewRequest
    ) -> None:
        if not isinstance(sink, Sink):
            left_out("a sink that blocks cannot be cancelled")
            return
        request = new_request(target=given(hanging, "hanging"))
        attempt = asyncio.ensure_future(sink.deliver(request, DEADLINE))
        done, _ = await asyncio.wait([attempt], timeout=_UNDER_WAY)
        assert not done, f"nothing was there to cancel: {attempt.result()}"
        async with Heartbeat() as heartbeat:
            begun = time.monotonic()
            attempt.cancel()
            done, _ = await asyncio.wait([attempt], timeout=PATIENCE)
            took = time.monotonic() - begun
        assert done, "it goes on although it is cancelled"
        assert attempt.cancelled(), "let asyncio.CancelledError through"
        assert took - heartbeat.machine < _CANCELLING, f"it took {took:.2f} s to end"
        outcome = await sink.deliver(new_request(), DEADLINE)
        assert outcome.kind is OutcomeKind.DELIVERED, outcome

    async def test_it_leaves_the_loop_to_others(
        self, driven_sink: Sink, new_request: NewRequest
    ) -> None:
        # What is imported and built with the first delivery is not counted.
        await driven_sink.deliver(new_request(), DEADLINE)
        requests = [new_request(data={"number": number}) for number in range(_MANY)]
        async with Heartbeat() as heartbeat:
            await asyncio.gather(*(driven_sink.deliver(one, DEADLINE) for one in requests))
        assert heartbeat.stalled < _LONGEST_TURN, (
            f"the loop stood still for {heartbeat.stalled:.2f} s: use a BlockingSink"
        )
