"""What a sink is, what it refuses, and that what it delivers arrives."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attr
import attrs
import pytest
from attrs import evolve

from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.errors import InvalidOptions, InvalidTarget
from asyncevents_core.ports.sink import AnySinkType, BlockingSink, DeliveryRequest, Sink
from asyncevents_core.structuring import structure
from asyncevents_core.testing.conformance.needing import given
from asyncevents_core.testing.conformance.sink_base import (
    PATIENCE,
    UNHURRIED,
    NewRequest,
    Received,
    Seen,
    SinkFixtures,
    arrives,
    options_of,
)
from asyncevents_core.testing.conformance.sink_purity import is_same
from asyncevents_core.testing.driver import DEADLINE, deliver, driven
from asyncevents_core.testing.secrets import SOME_SECRET

_MANY: Final = 100
_PAIRS: Final = 10
_NOTHING_MORE: Final = 0.2
"""Seconds in which what is sent twice has come twice."""

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
        requests = [new_request(data={"number": n, "text": "x" * n}) for n in range(_MANY)]
        outcomes = await asyncio.gather(*(driven_sink.deliver(one, UNHURRIED) for one in requests))
        assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}, outcomes
        await arrives(received, requests)

    async def test_a_repeated_attempt_sends_the_same_body(
        self,
        sink: Sink | BlockingSink,
        new_request: NewRequest,
        received: Received,
        deduplicates: bool,
    ) -> None:
        first = new_request(data={"again": True})
        for number in (1, 2):
            outcome = await deliver(sink, evolve(first, attempt=number))
            assert outcome.kind is OutcomeKind.DELIVERED, outcome
        await arrives(received, [first] if deduplicates else [first, first])

    async def test_every_attempt_and_every_tenant_is_delivered(
        self, driven_sink: Sink, new_request: NewRequest, received: Received
    ) -> None:
        requests = [new_request(attempt=number) for number in (2, 3, 6, 21)]
        requests += [new_request(tenant=tenant) for tenant in ("acme", "Größe 7")]
        requests += [new_request(tenant="acme", attempt=4, event_name="stock.item.counted")]
        outcomes = [await driven_sink.deliver(one, UNHURRIED) for one in requests]
        assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}, outcomes
        await arrives(received, requests)

    async def test_what_is_delivered_was_sent_once(
        self, sink_type: AnySinkType, config: Any, new_request: NewRequest, received: Received
    ) -> None:
        request = new_request()
        async with driven(sink_type, config) as sink:
            outcome = await sink.deliver(request, DEADLINE)
            assert outcome.kind is OutcomeKind.DELIVERED, outcome
            await arrives(received, [request])
            # Nothing tells that nothing comes: all that one can do is wait.
            await asyncio.sleep(_NOTHING_MORE)
        await arrives(received, [request])

    async def test_each_of_two_targets_gets_what_is_its_own(
        self,
        driven_sink: Sink,
        new_request: NewRequest,
        received: Received,
        elsewhere: tuple[str, Received] | None,
    ) -> None:
        other, received_there = given(elsewhere, "elsewhere")
        here = [new_request(data={"here": number}) for number in range(_PAIRS)]
        there = [new_request(target=other, data={"there": number}) for number in range(_PAIRS)]
        mixed = [one for pair in zip(here, there, strict=True) for one in pair]
        outcomes = await asyncio.gather(*(driven_sink.deliver(one, UNHURRIED) for one in mixed))
        assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}, outcomes
        await arrives(received, here)
        await arrives(received_there, there)

    async def test_a_request_is_left_as_it_was(
        self, driven_sink: Sink, new_request: NewRequest, options: Mapping[str, object]
    ) -> None:
        """The engine makes the next attempt with the same options."""
        request = new_request(tenant="acme", secrets=(SOME_SECRET,))
        before, given_options = evolve(request), copy.deepcopy(request.options)
        await driven_sink.deliver(request, DEADLINE)
        assert is_same(request.options, given_options), "it changes the options of a request"
        for one in attrs.fields(DeliveryRequest):
            if one.name not in {"options", "prepared"}:
                assert getattr(request, one.name) == getattr(before, one.name), one.name
        assert request.options is before.options


class SinkInfluenceTests(SinkFixtures):
    """Options and configuration make the difference that they are there for."""

    async def test_options_make_a_difference(
        self,
        driven_sink: Sink,
        new_request: NewRequest,
        seen_beside: Seen | None,
        other_options: Mapping[str, object] | None,
    ) -> None:
        look, other = given(seen_beside, "seen_beside"), given(other_options, "other_options")
        for number, chosen in enumerate([{}, {"options": other}], start=1):
            await driven_sink.deliver(new_request(**chosen), DEADLINE)
            await comes(look, number)
        one, two = look()
        assert one != two, "it ignores the options of the subscription"

    async def test_the_configuration_makes_a_difference(
        self,
        sink_type: AnySinkType,
        config: Any,
        other_config: Any,
        new_request: NewRequest,
        seen_beside: Seen | None,
    ) -> None:
        look = given(seen_beside, "seen_beside")
        for number, chosen in enumerate([config, given(other_config, "other_config")], start=1):
            async with driven(sink_type, chosen) as sink:
                await sink.deliver(new_request(config=chosen), DEADLINE)
            await comes(look, number)
        one, two = look()
        assert one != two, "it ignores its configuration"

    async def test_subscriptions_are_not_mixed_up(
        self,
        driven_sink: Sink,
        new_request: NewRequest,
        seen_beside: Seen | None,
        other_options: Mapping[str, object] | None,
        secret: str,
    ) -> None:
        """They have one target, and are under way together, in one batch perhaps."""
        look, other = given(seen_beside, "seen_beside"), given(other_options, "other_options")
        kinds: Sequence[Mapping[str, Any]] = [{}, {"options": other}, {"secrets": (secret,)}]
        for number, chosen in enumerate(kinds, start=1):
            await driven_sink.deliver(new_request(**chosen), DEADLINE)
            await comes(look, number)
        alone = list(look())
        requests = [
            evolve(new_request(**chosen), subscription_id=number)
            for _ in range(_PAIRS)
            for number, chosen in enumerate(kinds, start=1)
        ]
        await asyncio.gather(*(driven_sink.deliver(one, UNHURRIED) for one in requests))
        await comes(look, len(alone) + len(requests))
        together = list(look())[len(alone) :]
        assert sorted(map(repr, together)) == sorted(map(repr, alone * _PAIRS))


async def comes(look: Seen, count: int) -> None:
    """Wait until so many have been seen."""
    until = time.monotonic() + PATIENCE
    while len(look()) < count and time.monotonic() < until:
        await asyncio.sleep(0.01)
    assert len(look()) == count
