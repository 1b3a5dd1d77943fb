"""What EventBridge gets beside the CloudEvent, and which bus."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from amazon import ACCOUNT, REGION, make_request
from asyncevents_aws.eventbridge import source_of
from asyncevents_aws.kinds import EventBridgeSinkType
from asyncevents_aws.targets import read_bus
from asyncevents_core.plugin import OutcomeKind

KIND = EventBridgeSinkType()


@pytest.fixture
def opened(amazon):
    made = []

    def make(**more):
        made.append(KIND.open(KIND.config_class(**amazon.settings(**more))))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def queue(amazon):
    return amazon.queue()


@pytest.fixture
def bus(amazon, queue):
    return amazon.bus(queue)


def arrived(amazon, queue):
    return [json.loads(one["Body"]) for one in amazon.messages(queue)]


def test_source_type_time_and_detail(opened, amazon, bus, queue):
    request = make_request(target=bus, tenant="acme", data={"id": 1})
    outcome = opened().deliver(request, 15.0)
    (event,) = arrived(amazon, queue)
    content = json.loads(request.body)
    assert event["source"] == "/conformance"
    assert event["detail-type"] == request.event_name
    assert event["detail"] == content
    assert datetime.fromisoformat(event["time"]) == datetime.fromisoformat(content["time"])
    assert outcome.detail == f"event {event['id']}"


def test_the_detail_type_is_cut_at_what_aws_takes(opened, amazon, bus, queue):
    request = make_request(target=bus, event_name="a" * 128 + ".longer")
    assert opened().deliver(request, 15.0).kind is OutcomeKind.DELIVERED
    assert [one["detail-type"] for one in arrived(amazon, queue)] == ["a" * 128]


def test_the_source_may_be_configured(opened, amazon, bus, queue):
    opened(source="com.example.shop").deliver(make_request(target=bus), 15.0)
    assert [one["source"] for one in arrived(amazon, queue)] == ["com.example.shop"]


@pytest.mark.parametrize(
    ("source", "sent"),
    [
        ("https://shop.example.com/orders", "shop.example.com"),
        ("//shop.example.com", "shop.example.com"),
        ("/asyncevents", "/asyncevents"),
        ("urn:example:shop", "urn:example:shop"),
        ("http://[::1", "http://[::1"),
    ],
)
def test_the_source_is_the_host_of_the_cloudevents_source(source, sent):
    assert source_of(source) == sent


@pytest.mark.parametrize(
    ("form", "of_rule"),
    [
        ("{bus}", False),
        (f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{{bus}}", False),
        (f"arn:aws:events:{REGION}:ACCOUNT_ID:event-bus/{{bus}}", False),
        (f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{{bus}}", True),
        (f"arn:aws:events:{REGION}:ACCOUNT_ID:rule/{{bus}}", True),
        (f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{{bus}}/everything", True),
    ],
)
def test_a_bus_has_several_names(opened, amazon, bus, queue, caplog, form, of_rule):
    target = form.format(bus=bus)
    KIND.validate_target(target, KIND.config_class())
    assert ("names a rule" in caplog.text) == of_rule
    caplog.clear()
    sink = opened()
    for _ in range(2):
        assert sink.deliver(make_request(target=target), 15.0).kind is OutcomeKind.DELIVERED
    assert len(arrived(amazon, queue)) == 2
    # Once for a target, not for each event.
    assert caplog.text.count("names a rule") == of_rule


def test_a_bus_of_another_account_keeps_its_arn():
    arn = "arn:aws-cn:events:cn-north-1:999999999999:event-bus/orders"
    assert (read_bus(arn).name, read_bus(arn).region) == (arn, "cn-north-1")


def test_a_bus_that_is_missing_is_found_out_where_that_is_asked_for(opened, calls, bus):
    sink = opened(check_bus=True)
    outcome = sink.deliver(make_request(target="nowhere"), 15.0)
    assert outcome.kind is OutcomeKind.PERMANENT
    assert outcome.detail.startswith("unknown target: ResourceNotFoundException: ")
    for _ in range(2):
        assert sink.deliver(make_request(target=bus), 15.0).kind is OutcomeKind.DELIVERED
    names = [name for name, _ in calls if name in {"DescribeEventBus", "PutEvents"}]
    assert names == ["DescribeEventBus", "DescribeEventBus", "PutEvents", "PutEvents"]
