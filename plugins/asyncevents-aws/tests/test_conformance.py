"""The suite that core ships, on the five sinks: moto behind a proxy that can fail."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from attrs import evolve

from asyncevents_aws.config import (
    EventBridgeConfig,
    KinesisConfig,
    S3Config,
    SnsConfig,
    SqsConfig,
)
from asyncevents_aws.kinds import (
    EventBridgeSinkType,
    KinesisSinkType,
    S3SinkType,
    SnsSinkType,
    SqsSinkType,
)
from asyncevents_core.plugin import Failure, OutcomeKind
from asyncevents_core.testing import SinkConformance, make_request
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
    def bad_for_it(self):
        """Options that only this sink refuses."""
        return []

    @pytest.fixture
    def too_large(self, sink_type, target):
        return make_request(target=target, sink_type=sink_type, data={"text": TOO_MUCH})

    @pytest.fixture
    def bad_options(self, bad_for_it):
        return [
            *bad_for_it,
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
    def failures(self, named, too_large):
        return {
            Failure.THROTTLED: named("fail-throttled"),
            Failure.UNAVAILABLE: named("fail-broken"),
            Failure.TIMED_OUT: named("fail-hang"),
            Failure.NETWORK: named("fail-reset"),
            Failure.CREDENTIALS: named("fail-expired"),
            Failure.UNKNOWN_TARGET: named("fail-missing"),
            Failure.DENIED: named("fail-denied"),
            Failure.INVALID: named("fail-invalid"),
            Failure.TOO_LARGE: too_large,
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


class TestS3Sink(_Aws):
    """Each event is an object."""

    @pytest.fixture
    def sink_type(self):
        return S3SinkType()

    @pytest.fixture
    def config(self, settings):
        return S3Config(**settings)

    @pytest.fixture
    def place(self, places):
        return places.bucket()

    @pytest.fixture
    def another(self, places):
        return places.bucket()

    @pytest.fixture
    def named(self):
        return lambda name: f"s3://{name}/orders"

    @pytest.fixture
    def unreachable(self, named):
        return named("no-such-bucket")

    @pytest.fixture
    def too_large(self, sink_type, target):
        return make_request(target=target, sink_type=sink_type, options={"max_bytes": 10})

    @pytest.fixture
    def bad_targets(self):
        return [
            "",
            "orders",
            "s3://",
            "s3://or",
            "s3://Orders/x",
            "s3://or..ders/x",
            "s3://192.168.0.1/x",
            "s3://orders//x",
            "s3://orders/../x",
            "s3://orders/x\n",
            "s3://orders/" + "x" * 301,
            "https://orders.s3.amazonaws.com/x",
            "arn:aws:s3:::orders",
            f"arn:aws:s3:{REGION}:{ACCOUNT}:bucket/orders",
            f"arn:aws:s3:{REGION}:{ACCOUNT}:accesspoint/orders/x",
            # Not with an endpoint of one's own, as here.
            f"arn:aws:s3:{REGION}:{ACCOUNT}:accesspoint/orders",
        ]

    @pytest.fixture
    def bad_for_it(self):
        return [
            {"key": "{date}/{event_name}.json"},
            {"key": "{batch_id}"},
            {"key": "{no_such}-{delivery_id}"},
            {"key": "/{delivery_id}"},
            {"key": "a/../{delivery_id}"},
            {"key": "a b {delivery_id}"},
            {"key": "{delivery_id}{"},
            {"key": "{delivery_id}" * 6},
            {"batch": True, "key": "{delivery_id}"},
            {"batch": True, "key": "{date}"},
            {"batch": True, "metadata": ["data.id"]},
            {"metadata": ["customer.id"]},
            {"storage_class": "cold"},
            {"kms_key": "a b"},
            {"content_type": "json"},
            {"max_bytes": 0},
        ]

    async def test_a_batch_arrives_whole(self, sink, new_request):
        """In place of the suite's: nothing travels together."""
        assert sink.group(new_request()) != sink.group(new_request())

    async def test_batches_stay_within_the_limits(self, driven_sink, new_request, received):
        """In place of the suite's: many are as many objects."""
        requests = [new_request(data={"number": number}) for number in range(41)]
        outcomes = await asyncio.gather(*(driven_sink.deliver(one, 15.0) for one in requests))
        assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
        assert sorted(received()) == sorted(one.body for one in requests)

    async def test_a_repeated_attempt_sends_the_same_body(self, driven_sink, new_request, received):
        """In place of the suite's: the second attempt writes the same object."""
        first = new_request(data={"again": True})
        for number in (1, 2):
            outcome = await driven_sink.deliver(evolve(first, attempt=number), 5.0)
            assert outcome.kind is OutcomeKind.DELIVERED
        assert received() == [first.body]


class TestS3Batches(TestS3Sink):
    """Events that wait together are lines of one object."""

    @pytest.fixture
    def options(self):
        return {"batch": True}

    @pytest.fixture
    def received(self, place):
        return lambda: _lines_of(place)

    @pytest.fixture
    def elsewhere(self, another):
        return another.target, lambda: _lines_of(another)

    @pytest.fixture
    def too_large(self, sink_type, target):
        options = {"batch": True, "max_bytes": 10}
        return make_request(target=target, sink_type=sink_type, options=options)

    test_a_batch_arrives_whole = SinkConformance.test_a_batch_arrives_whole
    test_batches_stay_within_the_limits = SinkConformance.test_batches_stay_within_the_limits


def _lines_of(place):
    return [line for body in place.bodies() for line in body.splitlines()]
