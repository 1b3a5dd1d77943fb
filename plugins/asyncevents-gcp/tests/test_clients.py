"""Clients: made when needed, kept, batching, and closed without leaving anything behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time

import pytest
from attrs import evolve
from google.pubsub_v1.types import PublishResponse
from requested import make_request

from asyncevents_core.plugin import Failure, OutcomeKind
from asyncevents_core.testing import opened
from asyncevents_gcp import publisher
from asyncevents_gcp.config import CredentialSet, PubSubConfig
from asyncevents_gcp.kind import PubSubSinkType

TOPIC = "projects/shop/topics/orders"


@pytest.fixture
def config(faulty):
    return PubSubConfig(endpoint=faulty.endpoint)


def test_installing_it_loads_no_sdk():
    code = (
        "import sys; from asyncevents_gcp import plugin;"
        "(kind,) = plugin.asyncevents_register_sinks();"
        "config = kind.config_class();"
        "kind.validate_target('projects/shop/topics/orders', config);"
        "kind.validate_options(kind.options_class(ordering_key='event'), 'orders', config);"
        "print([name for name in sys.modules if name.split('.')[0] in {'google', 'grpc'}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


async def send(sink, count=1, **request):
    requests = [make_request(target=TOPIC, **request) for _ in range(count)]
    return await asyncio.gather(*(sink.deliver(one, 10.0) for one in requests))


async def test_what_is_there_at_once_travels_together(sink, faulty):
    await send(sink, 250)
    assert len(faulty.bodies) == 250
    assert len(faulty.requests) <= 25
    assert max(len(one.messages) for one in faulty.requests) <= 100


async def test_batches_are_bounded_by_number_and_size(config, faulty):
    async with opened(PubSubSinkType(), evolve(config, batch_messages=1)) as sink:
        await send(sink, 20)
    assert {len(one.messages) for one in faulty.requests} == {1}
    faulty.requests.clear()
    async with opened(PubSubSinkType(), evolve(config, batch_bytes=5_000)) as sink:
        await send(sink, 20, data="x" * 2_000)
    assert max(len(one.messages) for one in faulty.requests) <= 2


async def test_one_client_for_each_set_of_credentials(monkeypatch, config):
    made = []
    monkeypatch.setattr(
        "asyncevents_gcp.publishers.new_client",
        lambda config, source: made.append(source) or publisher.new_client(config, source),
    )
    sets = {"a": CredentialSet(project="a"), "b": CredentialSet(project="b")}
    async with opened(PubSubSinkType(), evolve(config, credentials=sets)) as sink:
        for name in ("a", "b"):
            await send(sink, 20, options={"credentials": name})
        await send(sink, 20)
        await send(sink, 20)
    assert made == [sets["a"], sets["b"], CredentialSet()]


@pytest.fixture
def ten_sets():
    return {str(number): CredentialSet(project=f"p{number}") for number in range(10)}


async def test_the_clients_used_last_are_kept(config, ten_sets):
    config = evolve(config, credentials=ten_sets, clients=3)
    async with opened(PubSubSinkType(), config) as sink:
        for name in ten_sets:
            await send(sink, options={"credentials": name})
        assert list(sink._publishers._kept) == [ten_sets["7"], ten_sets["8"], ten_sets["9"]]


async def test_clients_in_use_are_not_closed_however_many(config, faulty, ten_sets):
    config = evolve(config, credentials=ten_sets, clients=3)
    async with opened(PubSubSinkType(), config) as sink:
        outcomes = await asyncio.gather(
            *(send(sink, 20, options={"credentials": name}) for name in ten_sets)
        )
        assert {one.kind for some in outcomes for one in some} == {OutcomeKind.DELIVERED}
        assert len(sink._publishers._kept) == 3
    assert len(faulty.bodies) == 200


async def test_a_client_with_too_many_failed_keys_is_replaced(monkeypatch, sink, faulty):
    monkeypatch.setattr(publisher, "KEYS_KEPT", 3)
    await send(sink)
    (first,) = sink._publishers._kept.values()
    behaviour, faulty.behaviour = faulty.behaviour, lambda *_: PublishResponse()
    for number in range(3):
        await send(sink, data={"key": number}, options={"ordering_key": "data.key"})
    faulty.behaviour = behaviour
    (outcome,) = await send(sink)
    assert outcome.kind is OutcomeKind.DELIVERED
    (second,) = sink._publishers._kept.values()
    assert second is not first
    assert sink._publishers._worn == []


async def test_closing_sends_what_is_there(monkeypatch, config, faulty):
    monkeypatch.setattr(publisher, "FLUSH", 30.0)
    async with opened(PubSubSinkType(), evolve(config, batch_latency=0.1)) as sink:
        await send(sink)
        (kept,) = sink._publishers._kept.values()
        running = [asyncio.ensure_future(send(sink)) for _ in range(5)]
        while kept.made.result().under_way < 5:
            await asyncio.sleep(0)
    outcomes = [outcome for (outcome,) in await asyncio.gather(*running)]
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
    assert len(faulty.bodies) == 6


@pytest.mark.parametrize("options", [{}, {"ordering_key": "event"}])
async def test_closing_cuts_off_what_hangs(monkeypatch, config, faulty, options):
    monkeypatch.setattr(publisher, "FLUSH", 0.1)
    end = threading.Event()
    faulty.behaviour = lambda *_: end.wait(30) and PublishResponse(message_ids=["1"])
    async with opened(PubSubSinkType(), config) as sink:
        running = asyncio.ensure_future(send(sink, 3, options=options))
        while not faulty.requests:
            await asyncio.sleep(0.01)
    outcomes = await running
    end.set()
    assert {one.kind for one in outcomes} == {OutcomeKind.RETRYABLE}
    assert all(Failure.UNAVAILABLE in one.detail for one in outcomes)


async def test_after_closing_nothing_is_sent(config, faulty):
    sink = PubSubSinkType().open(config)
    await sink.close()
    (outcome,) = await send(sink)
    assert outcome.detail == "unavailable: the sink is being closed"
    assert faulty.requests == []


async def test_no_thread_outlives_the_sink(config):
    before = set(threading.enumerate())
    sets = {str(number): CredentialSet(project=f"p{number}") for number in range(3)}
    async with opened(PubSubSinkType(), evolve(config, credentials=sets)) as sink:
        for options in ({}, *({"credentials": name} for name in sets)):
            await send(sink, 50, options=options)
            await send(sink, 50, options={**options, "ordering_key": "event"})

    def ours():
        return [
            one
            for one in set(threading.enumerate()) - before
            if not one.name.startswith("faulty-server")
        ]

    until = time.monotonic() + 10
    while ours() and time.monotonic() < until:
        await asyncio.sleep(0.02)
    assert ours() == []
