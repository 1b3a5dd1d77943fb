"""What arrives at a real Pub/Sub."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from attrs import evolve
from requested import make_request

from asyncevents_core.plugin import OutcomeKind
from asyncevents_core.testing import opened
from asyncevents_gcp.config import CredentialSet
from asyncevents_gcp.kind import PubSubSinkType

CORPUS = Path(__file__).parents[4] / "shared" / "data" / "github-events.jsonl"


async def send(sink, *requests):
    outcomes = await asyncio.gather(*(sink.deliver(one, 15.0) for one in requests))
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}, outcomes
    return outcomes


async def test_a_structured_cloudevent_with_its_attributes(sink, inbox):
    request = make_request(target=inbox.topic, data={"text": "Grüße"}, tenant="north")
    (outcome,) = await send(sink, request)
    (message,) = inbox.wait_for(1)
    event = json.loads(request.body)
    assert message.data == request.body
    assert dict(message.attributes) == {
        "content-type": "application/cloudevents+json",
        "asyncevents-delivery": str(request.delivery_id),
        "ce-specversion": "1.0",
        "ce-id": str(request.event_id),
        "ce-source": "/conformance",
        "ce-type": "sales.order.created",
        "ce-time": event["time"],
        "ce-tenant": "north",
    }
    assert message.ordering_key == ""
    assert outcome.detail == f"published as message {message.message_id}"


async def test_binary_mode_carries_the_data_as_it_is(sink, inbox):
    request = make_request(
        target=inbox.topic, data={"price": 9.90, "who": "é"}, options={"content_mode": "binary"}
    )
    await send(sink, request)
    (message,) = inbox.wait_for(1)
    assert request.body.endswith(b'"data": ' + message.data + b"}")
    assert json.loads(message.data) == {"price": 9.90, "who": "é"}
    assert message.attributes["content-type"] == "application/json"
    assert message.attributes["ce-id"] == str(request.event_id)
    assert "ce-tenant" not in message.attributes


async def test_a_bare_topic_is_in_the_project_of_the_configuration(sink, inbox):
    await send(sink, make_request(target=inbox.name))
    assert len(inbox.wait_for(1)) == 1


async def test_a_bare_topic_is_in_the_project_of_named_credentials(config, inbox):
    sets = {"theirs": CredentialSet(project=config.project)}
    async with opened(PubSubSinkType(), evolve(config, project="other", credentials=sets)) as sink:
        await send(sink, make_request(target=inbox.name, options={"credentials": "theirs"}))
    assert len(inbox.wait_for(1)) == 1


async def test_a_bare_topic_is_in_the_project_of_the_subscriptions_key(config, inbox):
    key = json.dumps({"type": "service_account", "project_id": config.project})
    async with opened(PubSubSinkType(), evolve(config, project="other")) as sink:
        await send(sink, make_request(target=inbox.name, options={"credentials_json": key}))
    assert len(inbox.wait_for(1)) == 1


async def test_the_emulator_of_the_environment_is_used(monkeypatch, config, pubsub, inbox):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub.host)
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", config.project)
    async with opened(PubSubSinkType(), evolve(config, endpoint=None, project=None)) as sink:
        await send(sink, make_request(target=inbox.name))
    assert len(inbox.wait_for(1)) == 1


@pytest.mark.parametrize(
    ("by", "key"),
    [
        ("subscription", "subscription-1"),
        ("event", "sales.order.created"),
        ("data.customer.id", "17"),
        ("data.lines.1", "second"),
        ("data.paid", "true"),
        ("data.customer", ""),
        ("data.lines.7", ""),
        ("data.nobody.id", ""),
    ],
)
async def test_ordering_keys(sink, inbox, by, key):
    data = {"customer": {"id": 17}, "lines": ["first", "second"], "paid": True}
    await send(sink, make_request(target=inbox.topic, data=data, options={"ordering_key": by}))
    (message,) = inbox.wait_for(1)
    assert message.ordering_key == key


async def test_messages_with_one_key_keep_their_order(config, make_inbox):
    inbox = make_inbox(ordered=True)
    options = {"ordering_key": "data.customer"}
    requests = [
        make_request(
            target=inbox.topic,
            data={"customer": "ab"[number % 2], "number": number},
            options=options,
        )
        for number in range(200)
    ]
    async with opened(PubSubSinkType(), evolve(config, batch_messages=7)) as sink:
        await send(sink, *requests)
    arrived = [json.loads(one.data)["data"] for one in inbox.wait_for(200)]
    for customer, parity in (("a", 0), ("b", 1)):
        numbers = [one["number"] for one in arrived if one["customer"] == customer]
        assert numbers == [number for number in range(200) if number % 2 == parity]


async def test_a_topic_that_comes_later_is_found_by_a_retry_with_its_key(sink, clients, inbox):
    target = f"{inbox.topic}-later"
    request = make_request(target=target, options={"ordering_key": "subscription"})
    assert "unknown target" in (await sink.deliver(request, 15.0)).detail
    clients.publisher.create_topic(name=target)
    await send(sink, request)


async def test_many_topics_and_subscriptions_at_once(sink, make_inbox):
    inboxes = [make_inbox() for _ in range(4)]
    requests = [
        make_request(target=inbox.topic, data={"number": number})
        for number in range(100)
        for inbox in inboxes
    ]
    await send(sink, *requests)
    for inbox in inboxes:
        numbers = {json.loads(one.data)["data"]["number"] for one in inbox.wait_for(100)}
        assert numbers == set(range(100))


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus ../shared/data is not here")
@pytest.mark.parametrize("mode", ["structured", "binary"])
async def test_the_corpus_arrives_unchanged(sink, inbox, mode):
    lines = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    assert len(lines) == 184
    requests = {}
    for line in lines:
        request = make_request(
            target=inbox.topic,
            event_name=line["event_name"],
            data=line["data"],
            options={"content_mode": mode},
        )
        requests[str(request.event_id)] = (request, line)
    await send(sink, *(request for request, _ in requests.values()))
    arrived = {one.attributes["ce-id"]: one for one in inbox.wait_for(184)}
    assert arrived.keys() == requests.keys()
    for number, (request, line) in requests.items():
        message = arrived[number]
        assert message.attributes["ce-type"] == line["event_name"]
        assert message.attributes["asyncevents-delivery"] == str(request.delivery_id)
        if mode == "structured":
            assert message.data == request.body
            assert json.loads(message.data)["data"] == line["data"]
        else:
            assert json.loads(message.data) == line["data"]
