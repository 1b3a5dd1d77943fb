"""What a sink is, what it refuses, and that what it delivers arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import attr
import attrs
import pytest
from attrs import evolve

from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.engine.delivering.threaded_sink import ThreadedSink
from asyncevents_core.errors import InvalidOptions, InvalidTarget
from asyncevents_core.ports.sink import AnySinkType, BlockingSink, Sink
from asyncevents_core.structuring import structure
from asyncevents_core.testing.conformance.sink_base import (
    PATIENCE,
    SHORT,
    NewRequest,
    Received,
    SinkFixtures,
    arrives,
    options_of,
)
from asyncevents_core.testing.driver import DEADLINE, deliver, driven

PAYLOADS: Sequence[object] = (
    {},
    {"id": 42, "price": "9.90", "paid": True, "note": None},
    {"text": 'Grüße, 你好, \u0000\u2028 "quoted" \\ 🎉'},
    [1, 2.5, [{"deep": [[]]}]],
    {"large": "x" * 200_000},
)


class SinkDescriptionTests(SinkFixtures):
    """What its type says of it, and what can be subscribed."""

    def test_it_describes_itself(self, sink_type: AnySinkType) -> None:
        assert sink_type.name == sink_type.name.strip().lower() != ""
        assert sink_type.title
        assert attrs.has(sink_type.config_class)
        assert attrs.has(sink_type.options_class)
        assert sink_type.concurrency > 0

    def test_opening_it_gives_a_sink(self, sink: object) -> None:
        assert isinstance(sink, Sink | BlockingSink)

    def test_the_settings_can_say_its_configuration(
        self, sink_type: AnySinkType, config: Any
    ) -> None:
        problems: list[str] = []
        values = attr.asdict(config, retain_collection_types=True)
        assert structure(sink_type.config_class, values, "SINKS", problems) == config
        assert problems == []

    def test_a_working_target_is_valid(
        self, sink_type: AnySinkType, config: Any, target: str
    ) -> None:
        sink_type.validate_target(target, config)

    def test_bad_targets_are_refused(
        self, sink_type: AnySinkType, config: Any, bad_targets: Sequence[str]
    ) -> None:
        for bad in bad_targets:
            with pytest.raises(InvalidTarget):
                sink_type.validate_target(bad, config)

    def test_good_options_are_accepted(
        self, sink_type: AnySinkType, config: Any, target: str, options: Mapping[str, object]
    ) -> None:
        sink_type.validate_options(options_of(sink_type, options), target, config)

    def test_bad_options_are_refused(
        self,
        sink_type: AnySinkType,
        config: Any,
        target: str,
        bad_options: Sequence[Mapping[str, object]],
    ) -> None:
        for bad in bad_options:
            with pytest.raises(InvalidOptions):
                sink_type.validate_options(options_of(sink_type, bad), target, config)


class SinkDeliveryTests(SinkFixtures):
    """What it delivers arrives, byte for byte, however many are under way."""

    @pytest.mark.parametrize("data", PAYLOADS, ids=range(len(PAYLOADS)))
    async def test_the_body_arrives_unchanged(
        self,
        sink: Sink | BlockingSink,
        new_request: NewRequest,
        received: Received,
        data: object,
    ) -> None:
        request = new_request(data=data)
        outcome = await deliver(sink, request)
        assert outcome.kind is OutcomeKind.DELIVERED, outcome
        await arrives(received, [request])

    async def test_many_at_once(
        self, driven_sink: Sink, new_request: NewRequest, received: Received
    ) -> None:
        requests = [new_request(data={"number": n}) for n in range(50)]
        outcomes = await asyncio.gather(*(driven_sink.deliver(one, DEADLINE) for one in requests))
        assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}, outcomes
        await arrives(received, requests)

    async def test_a_repeated_attempt_sends_the_same_body(
        self, sink: Sink | BlockingSink, new_request: NewRequest, received: Received
    ) -> None:
        first = new_request(data={"again": True})
        for number in (1, 2):
            await deliver(sink, evolve(first, attempt=number))
        await arrives(received, [first, first])

    async def test_closing_during_a_delivery_ends_it(
        self, sink_type: AnySinkType, config: Any, new_request: NewRequest, hanging: str | None
    ) -> None:
        async with driven(sink_type, config) as sink:
            attempts = [
                asyncio.ensure_future(sink.deliver(new_request(), DEADLINE)) for _ in range(5)
            ]
            # The engine waits for the threads of a blocking sink.
            if hanging is not None and not isinstance(sink, ThreadedSink):
                late = sink.deliver(new_request(target=hanging), SHORT)
                attempts.append(asyncio.ensure_future(late))
            await asyncio.sleep(0)
        done, pending = await asyncio.wait(attempts, timeout=PATIENCE)
        assert not pending, "a delivery goes on although the sink is closed"
        assert len(done) == len(attempts)
        # Each ends with an outcome, or with the error of a connection that was taken away.
        await asyncio.gather(*attempts, return_exceptions=True)

    async def test_a_sink_can_be_opened_again(
        self, sink_type: AnySinkType, config: Any, new_request: NewRequest, received: Received
    ) -> None:
        requests = [new_request(), new_request()]
        for request in requests:
            async with driven(sink_type, config) as sink:
                outcome = await sink.deliver(request, DEADLINE)
            assert outcome.kind is OutcomeKind.DELIVERED, outcome
        await arrives(received, requests)
