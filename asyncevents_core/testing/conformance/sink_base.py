"""The fixtures of `SinkConformance`, and what its tests share."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

import pytest

from asyncevents_core.domain.outcome import Failure
from asyncevents_core.ports.sink import AnySinkType, BlockingSink, DeliveryRequest, Sink
from asyncevents_core.sink_catalog import ConfiguredSink
from asyncevents_core.testing.builders import make_request
from asyncevents_core.testing.driver import driven, opened
from asyncevents_core.testing.secrets import SOME_SECRET, options_with_secret, with_secret

PATIENCE: Final = 30.0
"""Seconds after which a test gives up waiting for what must come."""

SHORT: Final = 0.5
"""The deadline, in seconds, of deliveries that are meant to time out."""

UNHURRIED: Final = 60.0
"""The deadline, in seconds, of many deliveries at once: a busy machine is no fault of theirs."""

CLOSING: Final = 10.0
"""Seconds that a sink may take to close: the engine waits no longer."""

NewRequest = Callable[..., DeliveryRequest]
Received = Callable[[], Sequence[bytes]]
Seen = Callable[[], Sequence[object]]


class SinkFixtures:
    """What a sink's tests override: see `SinkConformance`."""

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
    def received(self) -> Received:
        """Override: a function that returns the bodies that have arrived so far."""
        pytest.fail(f"{type(self).__name__} must override the fixture `received`")

    @pytest.fixture
    def options(self) -> Mapping[str, object]:
        """Override: options with which subscriptions to `target` are made."""
        return {}

    @pytest.fixture
    def own_options(self) -> Mapping[str, object] | None:
        """Override: options with which a delivery uses nothing of the operator's; None: no such."""
        return None

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, object]]:
        """Override: options that must be refused when subscribing."""
        return [{"no_such_option": 1}]

    @pytest.fixture
    def bad_targets(self) -> Sequence[str]:
        """Override: targets that must be refused when subscribing."""
        return [""]

    @pytest.fixture
    def unreachable(self) -> str | None:
        """Override: a target that cannot be delivered to; None where there is no such thing."""
        return None

    @pytest.fixture
    def hanging(self) -> str | None:
        """Override: a target that never answers; None where there is no such thing."""
        return None

    @pytest.fixture
    def failures(self) -> Mapping[Failure, str | DeliveryRequest]:
        """Override: what provokes each kind of failure, a target or a whole request."""
        return {}

    @pytest.fixture
    def elsewhere(self) -> tuple[str, Received] | None:
        """Override: another target that accepts everything, and what returns its bodies."""
        return None

    @pytest.fixture
    def requests_at(self) -> Callable[[str], int] | None:
        """Override: a function that counts all requests that have come to a target so far."""
        return None

    @pytest.fixture
    def seen_beside(self) -> Seen | None:
        """Override: a function that returns what has come beside the bodies so far, in order.

        One value for each body at `target`: what options and configuration make of it.
        """
        return None

    @pytest.fixture
    def other_options(self) -> Mapping[str, object] | None:
        """Override: options that make a difference to `seen_beside`."""
        return None

    @pytest.fixture
    def other_config(self) -> Any:
        """Override: a configuration that makes a difference to `seen_beside`."""
        return None

    @pytest.fixture
    def deduplicates(self) -> bool:
        """Override with True where an event arrives once, however often it is sent."""
        return False

    @pytest.fixture
    def secret(self) -> str:
        """Override where only a secret of a certain form is accepted."""
        return SOME_SECRET

    @pytest.fixture
    def secret_config(self, config: Any, secret: str) -> Any:
        """Override where `secret` cannot stand in every secret field of the configuration."""
        try:
            return with_secret(config, secret)
        except (TypeError, ValueError) as error:
            pytest.fail(f"{type(self).__name__} must override the fixture `secret_config`: {error}")

    @pytest.fixture
    def secret_options(
        self, sink_type: AnySinkType, options: Mapping[str, object], secret: str
    ) -> Mapping[str, object]:
        """Override where `secret` cannot stand in every secret option."""
        return options_with_secret(sink_type.options_class, options, secret)

    @pytest.fixture
    def new_request(
        self, sink_type: AnySinkType, config: Any, target: str, options: Mapping[str, object]
    ) -> NewRequest:
        """Return a function that makes a request: to `target`, with `options`, unless told.

        It takes what `asyncevents_core.testing.make_request` takes, all of it by name.
        """
        usual = {"sink_type": sink_type, "config": config, "target": target, "options": options}

        def make(**wanted: Any) -> DeliveryRequest:
            return make_request(**{**usual, **wanted})

        return make

    @pytest.fixture
    async def sink(self, sink_type: AnySinkType, config: Any) -> AsyncIterator[Sink | BlockingSink]:
        """The open sink under test, as `open` returns it."""
        async with opened(sink_type, config) as sink:
            yield sink

    @pytest.fixture
    async def driven_sink(self, sink_type: AnySinkType, config: Any) -> AsyncIterator[Sink]:
        """The open sink under test, as a worker drives it: a blocking one on its threads."""
        async with driven(sink_type, config) as sink:
            yield sink


def options_of(sink_type: AnySinkType, given: Mapping[str, object]) -> Any:
    """Return options as an instance of their class. Raises `InvalidOptions`."""
    config = sink_type.config_class  # not needed to make them
    sink = ConfiguredSink(name=sink_type.name, kind=sink_type, config=config, isolate=None)
    return sink.options(given)


def request_for(how: str | DeliveryRequest, new_request: NewRequest) -> DeliveryRequest:
    """Return the request that a value of the fixture `failures` stands for."""
    return how if isinstance(how, DeliveryRequest) else new_request(target=how)


async def arrives(received: Received, requests: Sequence[DeliveryRequest]) -> None:
    """Wait until just these bodies have arrived, byte for byte."""
    wanted = sorted(one.body for one in requests)
    until = time.monotonic() + PATIENCE
    while len(received()) < len(wanted) and time.monotonic() < until:
        await asyncio.sleep(0.01)
    arrived = sorted(received())
    assert [json.loads(one) for one in arrived] == [json.loads(one) for one in wanted]
    assert arrived == wanted
