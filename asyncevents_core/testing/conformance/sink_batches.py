"""What a `BatchingSink` must do; for other sinks there is nothing to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final

from asyncevents_core.domain.outcome import Failure, Outcome, OutcomeKind
from asyncevents_core.engine.delivering.threaded_sink import ThreadedSink
from asyncevents_core.ports.sink import (
    AnySinkType,
    BatchingSink,
    BlockingSink,
    DeliveryRequest,
    Sink,
)
from asyncevents_core.testing.conformance.needing import given, left_out
from asyncevents_core.testing.conformance.sink_base import (
    NewRequest,
    Received,
    SinkFixtures,
    arrives,
    request_for,
)
from asyncevents_core.testing.driver import DEADLINE, close, reason_of

_NO_BATCHES: Final = "it is no BatchingSink"
_MOST_ENTRIES: Final = 20
_LARGEST_PAYLOAD: Final = 200_000
_LARGEST_REFUSED: Final = 50_000_000
_ALONE: Final = frozenset({Failure.TIMED_OUT, Failure.NETWORK, Failure.TOO_LARGE})
"""Failures of a call as a whole, or that the engine keeps out of batches."""


class SinkBatchTests(SinkFixtures):
    """Batches arrive whole, within limits, and each request has its own outcome."""

    async def test_a_batch_arrives_whole(
        self, sink: Sink | BlockingSink, new_request: NewRequest, received: Received
    ) -> None:
        if not isinstance(sink, BatchingSink):
            left_out(_NO_BATCHES)
            return
        count = min(sink.limits.entries, _MOST_ENTRIES)
        requests = [new_request(data={"number": number}) for number in range(count)]
        outcomes = await _deliver_batch(sink, requests)
        assert [one.kind for one in outcomes] == [OutcomeKind.DELIVERED] * count, outcomes
        await arrives(received, requests)

    async def test_each_request_of_a_batch_has_its_own_outcome(
        self,
        sink: Sink | BlockingSink,
        new_request: NewRequest,
        failures: Mapping[Failure, str | DeliveryRequest],
        received: Received,
    ) -> None:
        if not isinstance(sink, BatchingSink) or sink.limits.entries < 3:
            left_out("it is no BatchingSink with room for three")
            return
        sent: list[DeliveryRequest] = []
        for failure, how in given(failures, "failures").items():
            for place in range(3):
                batch = [new_request(), new_request()]
                batch.insert(place, request_for(how, new_request))
                if failure in _ALONE or len({sink.group(one) for one in batch}) > 1:
                    continue
                outcomes = list(await _deliver_batch(sink, batch))
                failed = outcomes.pop(place)
                assert reason_of(failed) is failure, failed
                assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}, outcomes
                batch.pop(place)
                sent += batch
        if not sent:
            left_out("no failure of the fixture `failures` travels together with others")
        await arrives(received, sent)

    async def test_sizes_count_the_body(
        self, sink: Sink | BlockingSink, new_request: NewRequest
    ) -> None:
        if not isinstance(sink, BatchingSink):
            left_out(_NO_BATCHES)
            return
        for length in (0, 1_000, _LARGEST_PAYLOAD // 2):
            request = new_request(data={"text": "ü" * length})
            assert sink.size(request) >= len(request.body)

    async def test_batches_stay_within_the_limits(
        self, sink_type: AnySinkType, config: Any, new_request: NewRequest, received: Received
    ) -> None:
        sink = sink_type.open(config)
        if not isinstance(sink, BatchingSink):
            await close(sink)
            left_out(_NO_BATCHES)
            return
        spy = _Spy(sink)
        driven = ThreadedSink(spy, concurrency=1, name="conformance")
        limits = sink.limits
        count = 2 * min(limits.entries, _MOST_ENTRIES) + 1
        size = min((limits.bytes or 0) // 4, _LARGEST_PAYLOAD)
        requests = [new_request(data={"number": n, "text": "x" * size}) for n in range(count)]
        try:
            outcomes = await asyncio.gather(*(driven.deliver(one, DEADLINE) for one in requests))
        finally:
            await driven.close()
        assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}, outcomes
        await arrives(received, requests)
        groups = {sink.group(one) for one in requests}
        assert max(len(call) for call in spy.calls) > 1 or limits.entries == 1 or len(groups) > 1
        for call in spy.calls:
            assert len(call) <= limits.entries
            within = limits.bytes is None or sum(map(sink.size, call)) <= limits.bytes
            assert within or len(call) == 1

    async def test_what_is_larger_than_the_limit_is_refused(
        self, sink: Sink | BlockingSink, new_request: NewRequest, received: Received
    ) -> None:
        if not isinstance(sink, BatchingSink) or sink.limits.bytes is None:
            left_out("it is no BatchingSink with a limit of bytes")
            return
        if sink.limits.bytes > _LARGEST_REFUSED:
            left_out(f"its limit is above {_LARGEST_REFUSED:,} bytes")
        request = new_request(data={"text": "x" * (sink.limits.bytes + 1)})
        assert sink.size(request) > sink.limits.bytes
        (outcome,) = await _deliver_batch(sink, [request])
        assert reason_of(outcome) is Failure.TOO_LARGE, outcome
        await arrives(received, [])


class _Spy(BatchingSink):
    """Passes everything on, and keeps what travelled together."""

    def __init__(self, sink: BatchingSink) -> None:
        self.limits = sink.limits
        self.calls: list[Sequence[DeliveryRequest]] = []
        self._sink = sink

    def group(self, request: DeliveryRequest) -> Hashable:
        return self._sink.group(request)

    def size(self, request: DeliveryRequest) -> int:
        return self._sink.size(request)

    def deliver_batch(
        self, requests: Sequence[DeliveryRequest], deadline: float
    ) -> Sequence[Outcome]:
        self.calls.append(list(requests))
        return self._sink.deliver_batch(requests, deadline)

    def close(self) -> None:
        self._sink.close()


async def _deliver_batch(
    sink: BatchingSink, requests: Sequence[DeliveryRequest]
) -> Sequence[Outcome]:
    """Deliver a batch on a thread, as the engine does."""
    if len({sink.group(one) for one in requests}) > 1:
        left_out("its group lets no two requests travel together")
    outcomes = await asyncio.to_thread(sink.deliver_batch, requests, DEADLINE)
    assert len(outcomes) == len(requests)
    return outcomes
