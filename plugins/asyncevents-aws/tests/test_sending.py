"""What arrives: the corpus, batches, groups, attributes, keys, sources."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from asyncevents_aws import config as configs
from asyncevents_aws import kinds
from asyncevents_core import Failure, InvalidOptions, OutcomeKind
from asyncevents_core.testing.builders import make_request
from asyncevents_core.testing.driver import driven, reason_of
from aws_places import ACCOUNT, KEYS, REGION

CORPUS = Path(__file__).parents[4] / "shared" / "data" / "github-events.jsonl"
SINKS = {
    "sqs": (kinds.SqsSinkType, configs.SqsConfig, "queue"),
    "sns": (kinds.SnsSinkType, configs.SnsConfig, "topic"),
    "eventbridge": (kinds.EventBridgeSinkType, configs.EventBridgeConfig, "bus"),
    "kinesis": (kinds.KinesisSinkType, configs.KinesisConfig, "stream"),
}


async def send(name, settings, requests):
    kind, config, _ = SINKS[name]
    async with driven(kind(), config(**settings)) as sink:
        return await asyncio.gather(*(sink.deliver(one, 15.0) for one in requests))


def delivered(outcomes):
    return {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus ../shared/data is not here")
@pytest.mark.parametrize("name", SINKS)
async def test_the_corpus_arrives_unchanged(name, settings, places):
    place = getattr(places, SINKS[name][2])()
    lines = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    requests = [
        make_request(target=place.target, event_name=one["event_name"], data=one["data"])
        for one in lines
    ]
    outcomes = await send(name, {**settings, "timeout": 15.0}, requests)
    assert delivered(outcomes), outcomes
    assert sorted(place.wait_for(len(requests))) == sorted(one.body for one in requests)


@pytest.mark.parametrize("name", ["sqs", "sns", "eventbridge"])
async def test_twenty_five_deliveries_are_three_calls(name, settings, places, proxy):
    place = getattr(places, SINKS[name][2])()
    outcomes = await send(name, settings, [make_request(target=place.target) for _ in range(25)])
    assert delivered(outcomes), outcomes
    assert len(proxy.calls) == 3
    assert len(place.wait_for(25)) == 25


async def test_hundreds_of_records_are_one_call(settings, places, proxy):
    place = places.stream()
    requests = [make_request(target=place.target) for _ in range(300)]
    assert delivered(await send("kinesis", settings, requests))
    assert len(proxy.calls) == 1
    assert len(place.wait_for(300)) == 300


async def test_targets_by_arn(settings, places):
    queue = places.queue()
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue.target.rpartition('/')[2]}"
    stream = places.stream()
    name = stream.target.rpartition("/")[2]
    assert delivered(await send("sqs", settings, [make_request(target=arn)] * 2))
    assert delivered(await send("kinesis", settings, [make_request(target=name)]))
    assert len(queue.wait_for(2)) == 2
    assert len(stream.wait_for(1)) == 1


async def test_the_originals_form_of_a_bus(settings, places, caplog):
    bus = places.bus()
    name = bus.target.rpartition("/")[2]
    target = f"arn:aws:events:{REGION}:ACCOUNT_ID:rule/{name}"
    kinds.EventBridgeSinkType().validate_target(target, configs.EventBridgeConfig())
    outcomes = await send("eventbridge", settings, [make_request(target=target)])
    assert delivered(outcomes), outcomes
    assert len(bus.wait_for(1)) == 1
    assert [one.bus for one in caplog.records if hasattr(one, "bus")] == [name]


async def test_an_event_on_a_bus_names_its_source_and_type(settings, places):
    bus = places.bus()
    await send("eventbridge", settings, [make_request(target=bus.target, event_name="a.b")])
    await send("eventbridge", {**settings, "source": "shop"}, [make_request(target=bus.target)])
    bus.wait_for(2)
    seen = [json.loads(one["Body"]) for one in bus.messages]
    assert {(one["source"], one["detail-type"]) for one in seen} == {
        ("/conformance", "a.b"),
        ("shop", "sales.order.created"),
    }


async def test_messages_carry_attributes(settings, places):
    queue = places.queue()
    request = make_request(
        target=queue.target,
        tenant="north",
        data={"customer": {"id": 7, "vip": True, "name": "Zoë"}, "none": None},
        options={
            "attributes": ["data.customer.id", "data.customer.vip", "data.customer.name", "data.x"]
        },
    )
    assert delivered(await send("sqs", settings, [request]))
    queue.wait_for(1)
    found = {
        name: (one["DataType"], one["StringValue"])
        for name, one in queue.messages[0]["MessageAttributes"].items()
    }
    assert found == {
        "event_name": ("String", "sales.order.created"),
        "event_id": ("String", str(request.event_id)),
        "delivery_id": ("String", str(request.delivery_id)),
        "tenant": ("String", "north"),
        "data.customer.id": ("Number", "7"),
        "data.customer.vip": ("String", "true"),
        "data.customer.name": ("String", "Zoë"),
    }


@pytest.mark.parametrize(
    ("expression", "group"),
    [
        (None, "subscription-1"),
        ("event_name", "sales.order.created"),
        ("data.customer.id", "7"),
    ],
)
async def test_fifo_groups(settings, places, expression, group):
    queue = places.queue(fifo=True)
    options = {} if expression is None else {"group_id": expression}
    request = make_request(target=queue.target, data={"customer": {"id": 7}}, options=options)
    assert delivered(await send("sqs", settings, [request]))
    queue.wait_for(1)
    attributes = queue.messages[0]["Attributes"]
    assert attributes["MessageGroupId"] == group
    assert attributes["MessageDeduplicationId"] == str(request.delivery_id)


async def test_fifo_topics(settings, places):
    topic = places.topic(fifo=True)
    requests = [make_request(target=topic.target, data={"n": n}) for n in range(3)]
    outcomes = await send("sns", settings, requests)
    assert delivered(outcomes), outcomes


@pytest.mark.parametrize(
    ("expression", "key"), [("subscription", "subscription-1"), ("data.customer.id", "7")]
)
async def test_partition_keys(settings, places, expression, key):
    stream = places.stream()
    request = make_request(
        target=stream.target,
        data={"customer": {"id": 7}},
        options={"partition_key": expression},
    )
    assert delivered(await send("kinesis", settings, [request]))
    stream.wait_for(1)
    assert stream.messages[0]["PartitionKey"] == key


async def test_two_characters_that_sqs_refuses_are_escaped(settings, places):
    queue = places.queue()
    request = make_request(target=queue.target, data={"text": "a\ufffeb\uffffc\x07"})
    assert delivered(await send("sqs", settings, [request]))
    (body,) = queue.wait_for(1)
    assert json.loads(body) == json.loads(request.body)
    assert b"\\ufffe" in body


async def test_a_record_has_a_limit_of_its_own(settings, places):
    stream = places.stream()
    small = make_request(target=stream.target)
    large = make_request(target=stream.target, data={"text": "x" * 1000})
    outcomes = await send("kinesis", {**settings, "max_bytes": 900}, [large, small])
    assert [reason_of(one) for one in outcomes] == [Failure.TOO_LARGE, None]
    assert "takes at most 900" in outcomes[0].detail
    assert stream.wait_for(1) == [small.body]


async def test_subscriptions_sign_as_they_say(settings, places, proxy):
    queue = places.queue()
    sets = {"billing": configs.Credentials(access_key_id="AKIABILLING", secret_access_key="s")}
    chosen = [
        {},
        {"credentials": "billing"},
        {"access_key_id": "AKIAOWN", "secret_access_key": "s", "session_token": "t"},
    ]
    requests = [make_request(target=queue.target, options=one) for one in chosen]
    seen = []
    forward = proxy.RequestHandlerClass._forward

    def spy(handler, body):
        seen.append(handler.headers["Authorization"].split("Credential=")[1].split("/")[0])
        forward(handler, body)

    proxy.RequestHandlerClass._forward = spy
    try:
        assert delivered(await send("sqs", {**settings, "credentials": sets}, requests))
    finally:
        proxy.RequestHandlerClass._forward = forward
    assert sorted(seen) == sorted([KEYS["access_key_id"], "AKIABILLING", "AKIAOWN"])


def test_a_subscription_may_only_name_credentials_that_are_there():
    kind = kinds.SqsSinkType()
    with pytest.raises(InvalidOptions, match="has no 'billing'; it has: none"):
        kind.validate_options({"credentials": "billing"}, "", configs.SqsConfig())


def test_the_plugin_loads_no_sdk():
    code = (
        "import sys, asyncevents_aws.plugin as p; p.asyncevents_register_sinks();"
        "print([one for one in sys.modules if one.split('.')[0] in ('boto3', 'botocore')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
