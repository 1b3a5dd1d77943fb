"""`SinkConformance`: what every sink must do."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import attrs
import pytest
from attrs import evolve

from asyncevents_core.domain.outcome import Outcome, OutcomeKind
from asyncevents_core.errors import InvalidTarget
from asyncevents_core.ports.sink import SECRET, AnySinkType, BlockingSink, DeliveryRequest, Sink
from asyncevents_core.testing.builders import make_request
from asyncevents_core.testing.driver import deliver, opened

PAYLOADS: Sequence[object] = (
    {},
    {"id": 42, "price": "9.90", "paid": True, "note": None},
    {"text": 'Grüße, 你好, \u0000\u2028 "quoted" \\ 🎉'},
    [1, 2.5, [{"deep": [[]]}]],
    {"large": "x" * 200_000},
)
_PATIENCE = 10.0


class SinkConformance:
    """Override the fixtures `sink_type`, `config`, `target` and `received`.

    `received` is a function that returns the bodies that have arrived at the target so far,
    as bytes, in any order. Override `bad_targets` with texts that the sink must refuse, and
    `unreachable` with a target that is well formed and cannot be delivered to.
    """

    @pytest.fixture
    def sink_type(self) -> AnySinkType:
        """Override: the type under test."""
        pytest.fail(f"{type(self).__name__} must override the fixture `sink_type`")

    @pytest.fixture
    def config(self, sink_type: AnySinkType) -> Any:
        """Override where the defaults do not do."""
        return sink_type.config_class()

    @pytest.fixture
    def target(self) -> str:
        """Override: a target that accepts everything."""
        pytest.fail(f"{type(self).__name__} must override the fixture `target`")

    @pytest.fixture
    def received(self) -> Callable[[], Sequence[bytes]]:
        """Override: a function that returns the bodies that have arrived."""
        pytest.fail(f"{type(self).__name__} must override the fixture `received`")

    @pytest.fixture
    def bad_targets(self) -> Sequence[str]:
        """Override: targets that must be refused when subscribing."""
        return [""]

    @pytest.fixture
    def unreachable(self) -> str | None:
        """Override: a target that cannot be delivered to; None where there is no such thing."""
        return None

    @pytest.fixture
    async def sink(self, sink_type: AnySinkType, config: Any) -> AsyncIterator[Sink | BlockingSink]:
        """The open sink under test."""
        async with opened(sink_type, config) as sink:
            yield sink

    def test_it_describes_itself(self, sink_type: AnySinkType) -> None:
        assert sink_type.name == sink_type.name.strip().lower() != ""
        assert sink_type.title
        assert attrs.has(sink_type.config_class)
        assert sink_type.concurrency > 0

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

    @pytest.mark.parametrize("data", PAYLOADS, ids=range(len(PAYLOADS)))
    async def test_the_body_arrives_unchanged(
        self,
        sink: Sink | BlockingSink,
        target: str,
        received: Callable[[], Sequence[bytes]],
        data: object,
    ) -> None:
        request = make_request(target=target, data=data)
        outcome = await deliver(sink, request)
        assert outcome.kind is OutcomeKind.DELIVERED, outcome
        await arrives(received, [request])

    async def test_many_at_once(
        self, sink: Sink | BlockingSink, target: str, received: Callable[[], Sequence[bytes]]
    ) -> None:
        requests = [make_request(target=target, data={"number": n}) for n in range(50)]
        outcomes = await asyncio.gather(*(deliver(sink, one) for one in requests))
        assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
        await arrives(received, requests)

    async def test_a_repeated_attempt_sends_the_same_body(
        self, sink: Sink | BlockingSink, target: str, received: Callable[[], Sequence[bytes]]
    ) -> None:
        first = make_request(target=target, data={"again": True})
        for number in (1, 2):
            await deliver(sink, evolve(first, attempt=number))
        await arrives(received, [first, first])

    async def test_what_cannot_be_reached_is_an_outcome(
        self, sink: Sink | BlockingSink, unreachable: str | None
    ) -> None:
        if unreachable is None:
            return
        outcome = await deliver(sink, make_request(target=unreachable), 5.0)
        assert isinstance(outcome, Outcome)
        assert outcome.kind is not OutcomeKind.DELIVERED
        assert outcome.detail

    async def test_closing_during_a_delivery_ends_it(
        self, sink_type: AnySinkType, config: Any, target: str
    ) -> None:
        async with opened(sink_type, config) as sink:
            attempts = [
                asyncio.ensure_future(deliver(sink, make_request(target=target))) for _ in range(5)
            ]
            await asyncio.sleep(0)
        done, hanging = await asyncio.wait(attempts, timeout=_PATIENCE)
        assert not hanging
        assert len(done) == 5
        # Each ends with an outcome, or with the error of a connection that was taken away.
        await asyncio.gather(*attempts, return_exceptions=True)

    async def test_a_sink_can_be_opened_again(
        self,
        sink_type: AnySinkType,
        config: Any,
        target: str,
        received: Callable[[], Sequence[bytes]],
    ) -> None:
        for _ in range(2):
            async with opened(sink_type, config) as sink:
                await deliver(sink, make_request(target=target))
        assert len(received()) == 2

    async def test_secrets_are_not_shown(
        self,
        sink_type: AnySinkType,
        config: Any,
        target: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        secret = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQh"
        request = make_request(target=target, secrets=(secret,))
        marked = secret_fields(config)
        config = evolve(config, **dict.fromkeys(marked, secret))
        assert secret not in repr(config)
        assert secret not in repr(request)
        async with opened(sink_type, config) as sink:
            outcome = await deliver(sink, request)
        assert secret not in repr(outcome) + outcome.detail
        assert secret not in caplog.text


def secret_fields(config: Any) -> list[str]:
    """Return the text fields of a configuration that are marked as secret."""
    return [
        one.name
        for one in attrs.fields(type(config))
        if one.metadata.get(SECRET) and isinstance(getattr(config, one.name), str)
    ]


async def arrives(
    received: Callable[[], Sequence[bytes]], requests: Sequence[DeliveryRequest]
) -> None:
    """Wait until just these bodies have arrived."""
    wanted = sorted(one.body for one in requests)
    until = time.monotonic() + _PATIENCE
    while len(received()) < len(wanted) and time.monotonic() < until:
        await asyncio.sleep(0.01)
    arrived = sorted(received())
    assert [json.loads(one) for one in arrived] == [json.loads(one) for one in wanted]
    assert arrived == wanted
