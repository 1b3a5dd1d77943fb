"""The suite that core ships, on the four sinks: moto behind a proxy that can fail."""

from __future__ import annotations

import json
import re

import pytest
from attrs import evolve

from asyncevents_aws.config import (
    EventBridgeConfig,
    KinesisConfig,
    SnsConfig,
    SqsConfig,
)
from asyncevents_aws.kinds import (
    EventBridgeSinkType,
    KinesisSinkType,
    SnsSinkType,
    SqsSinkType,
)
from asyncevents_core.plugin import Failure
from asyncevents_core.testing import SinkConformance
from aws_places import ACCOUNT, REGION

TOO_MUCH = "x" * 1_100_000


class _Aws(SinkConformance):
    @pytest.fixture
    def target(self, place):
        return place.target

    @pytest.fixture
    def received(self, place):
        return place.bodies

    @pytest.fixture
    def elsewhere(self, another):
        return another.target, another.bodies

    @pytest.fixture
    def requests_at(self, proxy):
        def count(target):
            name = re.split("[:/]", target)[-1].encode()
            return sum(name in path.encode() + body for path, body in proxy.calls)

        return count

    @pytest.fixture
    def secret_config(self, config, secret):
        return evolve(config, secret_access_key=secret, session_token=secret)

    @pytest.fixture
    def secret_options(self, secret):
        return {
            "access_key_id": "AKIAOTHER",
            "secret_access_key": secret,
            "session_token": secret,
        }

    @pytest.fixture
    def own_options(self):
        return {"access_key_id": "AKIAOWN", "secret_access_key": "own"}

    @pytest.fixture
    def bad_options(self):
        return [
            {"no_such_option": 1},
            {"access_key_id": "AKIAHALF"},
            {"session_token": "alone"},
            {"profile": "a", "access_key_id": "b", "secret_access_key": "c"},
            {"profile": "a", "credentials": "b"},
            {"region": "eu-west-1.evil.example/#"},
            {"region": "evil.example"},
        ]

    @pytest.fixture
    def hanging(self, named):
        return named("fail-hang")

    @pytest.fixture
    def failures(self, named, new_request):
        return {
            Failure.THROTTLED: named("fail-throttled"),
            Failure.UNAVAILABLE: named("fail-broken"),
            Failure.TIMED_OUT: named("fail-hang"),
            Failure.NETWORK: named("fail-reset"),
            Failure.CREDENTIALS: named("fail-expired"),
            Failure.UNKNOWN_TARGET: named("fail-missing"),
            Failure.DENIED: named("fail-denied"),
            Failure.INVALID: named("fail-invalid"),
            Failure.TOO_LARGE: new_request(data={"text": TOO_MUCH}),
        }


class TestSqsSink(_Aws):
    @pytest.fixture
    def sink_type(self):
        return SqsSinkType()

    @pytest.fixture
    def config(self, settings):
        return SqsConfig(**settings)

    @pytest.fixture
    def place(self, places):
        return places.queue()

    @pytest.fixture
    def another(self, places):
        return places.queue()

    @pytest.fixture
    def named(self, proxy):
        return lambda name: f"{proxy.url}/{ACCOUNT}/{name}"

    @pytest.fixture
    def unreachable(self, named):
        return named("no-such-queue")

    @pytest.fixture
    def bad_targets(self):
        return [
            "",
            "orders",
            "https://example.com/123456789012/orders",
            "http://sqs.eu-central-1.amazonaws.com/123456789012/orders",
            "https://sqs.eu-central-1.amazonaws.com/12345/orders",
            "https://sqs.eu-central-1.amazonaws.com/123456789012/or ders",
            "arn:aws:sqs:eu-central-1:123456789012",
            "arn:aws:sns:eu-central-1:123456789012:orders",
        ]

    @pytest.fixture
    def seen_beside(self, place):
        def look():
            place.bodies()
            return [sorted(one["MessageAttributes"]) for one in place.messages]

        return look

    @pytest.fixture
    def other_options(self):
        return {"attributes": ["data.id"]}


class TestSqsFifo(TestSqsSink):
    @pytest.fixture
    def place(self, places):
        return places.queue(fifo=True)

    @pytest.fixture
    def another(self, places):
        return places.queue(fifo=True)

    @pytest.fixture
    def named(self, proxy):
        return lambda name: f"{proxy.url}/{ACCOUNT}/{name}.fifo"

    @pytest.fixture
    def deduplicates(self):
        return True


class TestSnsSink(_Aws):
    @pytest.fixture
    def sink_type(self):
        return SnsSinkType()

    @pytest.fixture
    def config(self, settings):
        return SnsConfig(**settings)

    @pytest.fixture
    def place(self, places):
        return places.topic()

    @pytest.fixture
    def another(self, places):
        return places.topic()

    @pytest.fixture
    def named(self):
        return lambda name: f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}"

    @pytest.fixture
    def unreachable(self, named):
        return named("no-such-topic")

    @pytest.fixture
    def bad_targets(self):
        return [
            "",
            "orders",
            "arn:aws:sns:eu-central-1:12345:orders",
            "arn:aws:sqs:eu-central-1:123456789012:orders",
            "arn:aws:sns:eu-central-1:123456789012:or ders",
        ]


class TestEventBridgeSink(_Aws):
    @pytest.fixture
    def sink_type(self):
        return EventBridgeSinkType()

    @pytest.fixture
    def config(self, settings):
        return EventBridgeConfig(**settings)

    @pytest.fixture
    def place(self, places):
        return places.bus()

    @pytest.fixture
    def another(self, places):
        return places.bus()

    @pytest.fixture
    def named(self):
        return lambda name: name

    @pytest.fixture
    def unreachable(self):
        return "fail-reset"

    @pytest.fixture
    def bad_targets(self):
        return [
            "",
            "or ders",
            "arn:aws:events:eu-central-1:123456789012:archive/orders",
            "arn:aws:sqs:eu-central-1:123456789012:orders",
        ]

    @pytest.fixture
    def seen_beside(self, place):
        def look():
            place.bodies()
            return [json.loads(one["Body"])["source"] for one in place.messages]

        return look

    @pytest.fixture
    def other_config(self, config):
        return evolve(config, source="the-till")


class TestKinesisSink(_Aws):
    @pytest.fixture
    def sink_type(self):
        return KinesisSinkType()

    @pytest.fixture
    def config(self, settings):
        return KinesisConfig(**settings)

    @pytest.fixture
    def place(self, places):
        return places.stream()

    @pytest.fixture
    def another(self, places):
        return places.stream()

    @pytest.fixture
    def named(self):
        return lambda name: name

    @pytest.fixture
    def unreachable(self):
        return "no-such-stream"

    @pytest.fixture
    def bad_targets(self):
        return [
            "",
            "or ders",
            "arn:aws:kinesis:eu-central-1:123456789012:consumer/orders",
            "arn:aws:sqs:eu-central-1:123456789012:orders",
        ]

    @pytest.fixture
    def seen_beside(self, place):
        def look():
            place.bodies()
            # By default the key is the id of the event, which is another one each time.
            return [len(one["PartitionKey"]) for one in place.messages]

        return look

    @pytest.fixture
    def other_options(self):
        return {"partition_key": "data.id"}
