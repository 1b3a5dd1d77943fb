"""What accompanies a message: attributes, groups, keys; and characters that SQS refuses."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from attrs import evolve

from amazon import make_request
from asyncevents_aws.expressions import (
    Event,
    check_expression,
    check_path,
    group_id,
    partition_key,
    value_of,
)
from asyncevents_aws.kinds import KinesisSinkType, SnsSinkType, SqsSinkType
from asyncevents_aws.messages import attributes_of, carried
from asyncevents_aws.options import MIB, SnsOptions
from asyncevents_core.plugin import OutcomeKind

ORDER = {"id": 42, "customer": {"id": "c-7", "vip": True}, "tags": ["a", 1, None], "none": None}


@pytest.fixture
def opened(amazon):
    made = []

    def make(kind):
        made.append(kind.open(kind.config_class(**amazon.settings())))
        return made[-1]

    yield make
    for one in made:
        one.close()


def event(data=ORDER, **more):
    return Event(make_request(target="t", data=data, **more))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("event_name", "sales.order.created"),
        ("tenant", "acme"),
        ("subscription", "subscription-1"),
        ("data.id", "42"),
        ("data.customer.id", "c-7"),
        ("data.customer.vip", "true"),
    ],
)
def test_expressions(expression, value):
    assert value_of(expression, event(tenant="acme")) == value


@pytest.mark.parametrize(
    "expression",
    ["event_id", "tenant", "data.none", "data.customer", "data.tags", "data.no.such", "data.id.x"],
)
def test_what_an_event_does_not_have_gives_its_id(expression):
    found = event()
    assert value_of(expression, found) == str(found.request.event_id)
    assert value_of(expression, event(data=[1])) != ""


def test_groups_and_keys_that_aws_would_refuse_are_digests_that_stay_the_same():
    for text in ("größe", "a b", "x" * 129):
        first, second = (group_id("data.k", event(data={"k": text})) for _ in range(2))
        assert first == second
        assert len(first) == 64
    assert partition_key("data.k", event(data={"k": "größe"})) == "größe"
    assert len(partition_key("data.k", event(data={"k": "x" * 257}))) == 64
    assert group_id("data.k", event(data={"k": "x" * 128})) == "x" * 128


@pytest.mark.parametrize("text", ["", "id", "data", "data.", "data..x", "data.a b", "Data.x"])
def test_what_is_no_expression_is_refused(text):
    with pytest.raises(ValueError, match=r"neither|not a path"):
        check_expression(text)
    with pytest.raises(ValueError, match="not a path"):
        check_path(text)


def test_attributes_have_the_types_that_filter_policies_want():
    found = attributes_of(
        event(
            {**ORDER, "text": "x", "price": 9.5, "long": "x" * 257, "bell": "\a", "empty": "",
             "huge": 10**38, "deep": [[1]]},
            tenant="acme",
        ),
        ["data.id", "data.customer.vip", "data.tags", "data.text", "data.price", "data.long",
         "data.bell", "data.empty", "data.customer", "data.none", "data.huge", "data.deep"],
    )  # fmt: skip
    assert {name: (one["DataType"], one["StringValue"]) for name, one in found.items()} == {
        "event_id": ("String", found["event_id"]["StringValue"]),
        "event_name": ("String", "sales.order.created"),
        "delivery_id": ("String", found["delivery_id"]["StringValue"]),
        "tenant": ("String", "acme"),
        "data.id": ("Number", "42"),
        "data.customer.vip": ("String", "true"),
        "data.tags": ("String.Array", '["a", 1, null]'),
        "data.text": ("String", "x"),
        "data.price": ("Number", "9.5"),
        "data.huge": ("String", str(10**38)),
    }


def test_all_of_unicode_is_carried_with_two_characters_escaped():
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x11000), 0x1F389, 0x10FFFF]))
    body = make_request(target="t", data=text).body
    sent = carried(body)
    assert json.loads(sent) == json.loads(body)
    refused = [
        one for one in sent.decode()
        if one not in "\t\n\r" and not (" " <= one <= "\ud7ff" or "\ue000" <= one <= "\ufffd"
                                        or one >= "\U00010000")
    ]  # fmt: skip
    assert refused == []
    assert carried(b'{"plain": 1}') == b'{"plain": 1}'


def test_the_characters_that_sqs_refuses_arrive(opened, amazon):
    queue = amazon.queue()
    request = make_request(target=queue, data={"text": "\x00\x1f\ufffe\uffff\u2028🎉"})
    assert opened(SqsSinkType()).deliver(request, 15.0).kind is OutcomeKind.DELIVERED
    (message,) = amazon.messages(queue)
    assert json.loads(message["Body"]) == json.loads(request.body)


def test_a_queue_gets_the_attributes(opened, amazon):
    queue = amazon.queue()
    request = make_request(
        target=queue, data=ORDER, tenant="acme", options={"attributes": ["data.customer.id"]}
    )
    opened(SqsSinkType()).deliver(request, 15.0)
    (message,) = amazon.messages(queue)
    found = {name: one["StringValue"] for name, one in message["MessageAttributes"].items()}
    assert found == {
        "event_id": str(request.event_id),
        "event_name": request.event_name,
        "delivery_id": str(request.delivery_id),
        "tenant": "acme",
        "data.customer.id": "c-7",
    }


def test_filter_policies_of_a_topic_choose_by_the_attributes(opened, amazon):
    topic = amazon.topic()
    policies = [
        {"event_name": ["sales.order.created"]},
        {"event_name": ["other"]},
        {"tenant": ["acme"], "data.id": [{"numeric": [">", 40]}]},
        {"data.tags": ["a"]},
        {"data.customer.vip": ["false"]},
    ]
    queues = [amazon.queue() for _ in policies]
    for queue, policy in zip(queues, policies, strict=True):
        amazon.hear(topic, queue, policy=policy)
    paths = ["data.id", "data.tags", "data.customer.vip"]
    request = make_request(target=topic, data=ORDER, tenant="acme", options={"attributes": paths})
    opened(SnsSinkType()).deliver(request, 15.0)
    assert [len(amazon.messages(queue)) for queue in queues] == [1, 0, 1, 1, 0]


def test_a_queue_without_raw_delivery_gets_the_body_as_the_message(opened, amazon):
    topic, queue = amazon.topic(), amazon.queue()
    amazon.hear(topic, queue, raw=False)
    request = make_request(target=topic)
    opened(SnsSinkType()).deliver(request, 15.0)
    (message,) = amazon.messages(queue)
    assert json.loads(message["Body"])["Message"].encode() == request.body


@pytest.mark.parametrize(
    ("options", "group"),
    [({}, "subscription-1"), ({"group_id": "data.customer.id"}, "c-7")],
)
def test_a_fifo_queue_gets_a_group_and_the_delivery_as_deduplication_id(
    opened, amazon, options, group
):
    queue = amazon.queue(fifo=True)
    request = make_request(target=queue, data=ORDER, options=options)
    opened(SqsSinkType()).deliver(request, 15.0)
    (message,) = amazon.messages(queue)
    assert message["Attributes"]["MessageGroupId"] == group
    assert message["Attributes"]["MessageDeduplicationId"] == str(request.delivery_id)


def test_other_subscriptions_and_replays_are_not_taken_for_the_same_message(opened, amazon):
    queue = amazon.queue(fifo=True)
    first = make_request(target=queue)
    sink = opened(SqsSinkType())
    for one in (first, evolve(first, attempt=2), evolve(first, delivery_id=uuid4()),
                evolve(first, delivery_id=uuid4(), subscription_id=2)):  # fmt: skip
        assert sink.deliver(one, 15.0).kind is OutcomeKind.DELIVERED
    assert len(amazon.messages(queue)) == 3


def test_a_batch_keeps_its_order_in_a_fifo_queue(opened, amazon):
    queue = amazon.queue(fifo=True)
    requests = [make_request(target=queue, data=number) for number in range(10)]
    opened(SqsSinkType()).deliver_batch(requests, 15.0)
    assert [json.loads(one["Body"])["data"] for one in amazon.messages(queue)] == [*range(10)]


@pytest.mark.parametrize(("options", "sent"), [({}, False), ({"group_id": "tenant"}, True)])
def test_a_standard_queue_gets_a_group_only_where_it_is_asked_for(
    amazon, opened, calls, options, sent
):
    request = make_request(target=amazon.queue(), tenant="acme", options=options)
    opened(SqsSinkType()).deliver(request, 15.0)
    (entry,) = dict(calls)["SendMessageBatch"]["Entries"]
    assert entry.get("MessageGroupId") == ("acme" if sent else None)
    assert "MessageDeduplicationId" not in entry


@pytest.mark.parametrize(
    ("options", "key"),
    [({}, None), ({"partition_key": "data.customer.id"}, "c-7")],
)
def test_a_stream_gets_the_partition_key(opened, amazon, options, key):
    stream = amazon.stream(shards=2)
    request = make_request(kind="kinesis", target=stream, data=ORDER, options=options)
    opened(KinesisSinkType()).deliver(request, 15.0)
    (record,) = amazon.records(stream)
    assert record["PartitionKey"] == (key or str(request.event_id))


def test_a_stream_may_be_named_by_its_arn(opened, amazon):
    stream = amazon.stream()
    arn = f"arn:aws:kinesis:eu-central-1:123456789012:stream/{stream}"
    outcome = opened(KinesisSinkType()).deliver(make_request(target=arn), 15.0)
    assert outcome.kind is OutcomeKind.DELIVERED
    assert outcome.detail.startswith("shardId-")
    assert len(amazon.records(stream)) == 1


def test_the_limit_of_one_message_is_an_option(opened, amazon):
    request = make_request(target=amazon.topic(), data="x" * 300_000, options={"max_bytes": MIB})
    sink = opened(SnsSinkType())
    assert "too large" not in sink.deliver(request, 15.0).detail
    refused = sink.deliver(evolve(request, options=SnsOptions(max_bytes=1000)), 15.0)
    assert refused.detail.startswith("too large: ")
    assert "1,000 are allowed" in refused.detail
