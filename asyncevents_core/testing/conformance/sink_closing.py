"""Closing ends what is under way, in time, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import pytest

from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.engine.delivering.threaded_sink import ThreadedSink
from asyncevents_core.ports.sink import AnySinkType, BlockingSink, Sink
from asyncevents_core.testing.conformance.sink_base import (
    CLOSING,
    PATIENCE,
    SHORT,
    NewRequest,
    Received,
    SinkFixtures,
    arrives,
)
from asyncevents_core.testing.conformance.watching import COUNTS, falls_to, uncollected
from asyncevents_core.testing.driver import DEADLINE, deliver, driven

_ROUNDS: Final = 4
_SETTLING: Final = 5.0
"""Seconds after which what a closed sink had is gone."""


class SinkClosingTests(SinkFixtures):
    """What becomes of deliveries, and of what a sink has opened."""

    async def test_closing_during_a_delivery_ends_it(
        self,
        sink_type: AnySinkType,
        config: Any,
        new_request: NewRequest,
        hanging: str | None,
        received: Received,
    ) -> None:
        requests = [new_request(data={"number": number}) for number in range(5)]
        async with driven(sink_type, config) as sink:
            attempts = [asyncio.ensure_future(sink.deliver(one, DEADLINE)) for one in requests]
            # The engine waits for the threads of a blocking sink.
            if hanging is not None and not isinstance(sink, ThreadedSink):
                late = sink.deliver(new_request(target=hanging), SHORT)
                attempts.append(asyncio.ensure_future(late))
            await asyncio.sleep(0)
        done, pending = await asyncio.wait(attempts, timeout=PATIENCE)
        assert not pending, "a delivery goes on although the sink is closed"
        assert len(done) == len(attempts)
        # Each ends with an outcome, or with the error of a connection that was taken away.
        ends = await asyncio.gather(*attempts, return_exceptions=True)
        said = {
            request.body
            for request, end in zip(requests, ends, strict=False)
            if not isinstance(end, BaseException) and end.kind is OutcomeKind.DELIVERED
        }
        until = time.monotonic() + PATIENCE
        while not said <= set(received()) and time.monotonic() < until:
            await asyncio.sleep(0.01)
        assert said <= set(received()), "it said delivered, and dropped it"

    async def test_a_sink_can_be_opened_again(
        self, sink_type: AnySinkType, config: Any, new_request: NewRequest, received: Received
    ) -> None:
        requests = [new_request(), new_request()]
        for request in requests:
            async with driven(sink_type, config) as sink:
                outcome = await sink.deliver(request, DEADLINE)
            assert outcome.kind is OutcomeKind.DELIVERED, outcome
        await arrives(received, requests)

    @pytest.mark.parametrize("used", [True, False], ids=["used", "unused"])
    async def test_closing_is_quick(
        self, sink_type: AnySinkType, config: Any, new_request: NewRequest, used: bool
    ) -> None:
        sink = sink_type.open(config)
        if used:
            await deliver(sink, new_request())
        await _close_in_time(sink)

    async def test_closing_twice_does_no_harm(
        self, sink_type: AnySinkType, config: Any, new_request: NewRequest
    ) -> None:
        sink = sink_type.open(config)
        await deliver(sink, new_request())
        for _ in range(2):
            await _close_in_time(sink)

    @pytest.mark.parametrize("what", COUNTS)
    async def test_nothing_is_left_behind(
        self,
        sink_type: AnySinkType,
        config: Any,
        new_request: NewRequest,
        unreachable: str | None,
        hanging: str | None,
        what: str,
    ) -> None:
        """Opening and closing it time and again does not make them more each time.

        What is left to the garbage collector is left: it may come in an hour.
        """
        count = COUNTS[what]

        async def use() -> None:
            async with driven(sink_type, config) as sink:
                await sink.deliver(new_request(), DEADLINE)
                if unreachable is not None:
                    await sink.deliver(new_request(target=unreachable), 5.0)
                if hanging is not None and what == "files":
                    await sink.deliver(new_request(target=hanging), SHORT)

        with uncollected():
            before = count()
            await use()
            # Some things are made once and shared; what was there before may still be going.
            first = await falls_to(count, before, patience=_SETTLING / 10)
            for _ in range(_ROUNDS):
                await use()
            left = await falls_to(count, first + _ROUNDS - 1, patience=_SETTLING)
        assert left < first + _ROUNDS, f"{left - first} more {what} after {_ROUNDS} sinks"


async def _close_in_time(sink: Sink | BlockingSink) -> None:
    """Close a sink of either kind. What it raises passes through."""
    if isinstance(sink, Sink):
        closing = asyncio.ensure_future(sink.close())
    else:
        closing = asyncio.ensure_future(asyncio.to_thread(sink.close))
    done, _ = await asyncio.wait([closing], timeout=CLOSING)
    assert done, f"it is not closed after {CLOSING:g} s"
    closing.result()
