"""184 real webhook payloads, through each sink, unchanged."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from asyncevents_azure.kinds import EventGridSinkType, ServiceBusSinkType
from asyncevents_core.plugin import OutcomeKind
from azure_grid import topic
from azure_requests import bus_config, bus_request, grid_config, grid_request, queue_target

CORPUS = Path(__file__).parents[4] / "shared" / "data" / "github-events.jsonl"
needs_corpus = pytest.mark.skipif(not CORPUS.exists(), reason="the corpus ../shared/data is absent")


def lines():
    found = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    assert len(found) == 184
    return found


async def delivered(sink, requests):
    outcomes = await asyncio.gather(*(sink.deliver(one, 60.0) for one in requests))
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}, outcomes


@pytest.mark.corpus
@needs_corpus
async def test_every_payload_arrives_at_event_grid_unchanged(grid, threaded):
    config = grid_config(grid)
    requests = [
        grid_request(config, target=topic("orders"), event_name=one["event_name"], data=one["data"])
        for one in lines()
    ]
    await delivered(threaded(EventGridSinkType(), config), requests)
    assert sorted(grid.arrived("orders")) == sorted(one.body for one in requests)


@pytest.mark.corpus
@needs_corpus
async def test_every_payload_arrives_at_service_bus_unchanged(bus, threaded):
    config = bus_config(bus)
    queue = bus.queue("orders")
    requests = {}
    for one in lines():
        request = bus_request(
            config, target=queue_target("orders"), event_name=one["event_name"], data=one["data"]
        )
        requests[str(request.delivery_id)] = request
    await delivered(threaded(ServiceBusSinkType(), config), requests.values())
    assert len(queue.messages) == 184
    for message in queue.messages:
        request = requests.pop(message.message_id)
        assert message.body == request.body
        assert message.subject == request.event_name
