"""Connections: shared, bounded, opened again where they broke, closed; and brokers that hang."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time

import pytest
from aiormq.channel import Channel

from asyncevents_amqp.connections import Connections
from asyncevents_amqp.plugin import AmqpSinkType
from asyncevents_core.plugin import Failure, Outcome, OutcomeKind
from asyncevents_core.testing import opened
from exchanges import Broker, make_request

KIND = AmqpSinkType()


def failed(outcome: Outcome, failure: Failure, words: str = "") -> None:
    assert outcome.detail.startswith(f"{failure}: "), outcome
    assert words in outcome.detail


async def until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it does not come to that"
        await asyncio.sleep(0.02)


def names(rabbitmq):
    """Return the ports of the sink's connections that are open at the broker."""
    listed = rabbitmq.control("list_connections", "peer_port", "client_properties", "--formatter",
                              "json")  # fmt: skip
    ours = [one for one in json.loads(listed) if "asyncevents-amqp" in str(one)]
    return sorted(one["peer_port"] for one in ours)


async def opened_connections(rabbitmq, count):
    end = time.monotonic() + 60
    while True:
        found = await asyncio.to_thread(names, rabbitmq)
        if len(found) == count:
            return found
        assert time.monotonic() < end, found
        await asyncio.sleep(0.1)


def inbox_on(rabbitmq):
    """Return a new inbox and a configuration, and leave no connection to the server."""
    with contextlib.closing(Broker(rabbitmq)) as broker:
        return broker.exchange(), broker.config()


@pytest.fixture
def through(broker, proxy):
    """A configuration, and a target through the proxy with its inbox."""
    inbox = broker.exchange()
    return broker.config(proxy.port), broker.target(inbox.name, port=proxy.port), inbox


async def test_many_deliveries_share_one_connection(sink, config, broker, rabbitmq):
    inbox = broker.exchange()
    requests = [make_request(config, inbox.target, data=n) for n in range(300)]
    outcomes = await asyncio.gather(*(sink.deliver(one, 30.0) for one in requests))
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
    assert sorted(inbox.bodies()) == sorted(one.body for one in requests)
    await opened_connections(rabbitmq, 1)


async def test_users_have_connections_of_their_own_within_the_bound(broker, rabbitmq, limited):
    config = broker.config(connections=1)
    inbox = broker.exchange()
    async with opened(KIND, config) as sink:
        for options in ({}, limited, {}, limited):
            await sink.deliver(make_request(config, inbox.target, options=options), 15.0)
        await opened_connections(rabbitmq, 1)
    await opened_connections(rabbitmq, 0)


async def test_more_deliveries_than_channels_wait_for_each_other(broker):
    config = broker.config(channels=2)
    inbox = broker.exchange()
    requests = [make_request(config, inbox.target, data=n) for n in range(50)]
    async with opened(KIND, config) as sink:
        outcomes = await asyncio.gather(*(sink.deliver(one, 30.0) for one in requests))
        (slot,) = sink._connections._kept.values()
        assert len(slot.link._free) == 2
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}


@pytest.fixture
def numbers(monkeypatch):
    """The numbers of the channels that are opened, in order."""
    found, opens = [], Channel.open

    async def noted(channel, **options):
        found.append(channel.number)
        return await opens(channel, **options)

    monkeypatch.setattr(Channel, "open", noted)
    return found


@pytest.mark.parametrize("most", [1, 4, 50])
async def test_numbers_of_channels_do_not_run_out(broker, numbers, most, monkeypatch):
    """A connection whose channels got all of them is replaced, also for those that wait there."""
    opens = Connections._open

    async def bounded(connections, server):
        link = await opens(connections, server)
        link._connection.connection_tune.channel_max = most
        return link

    monkeypatch.setattr(Connections, "_open", bounded)
    config = broker.config(channels=8)
    inbox = broker.exchange()
    good = [make_request(config, inbox.target, data=n) for n in range(60)]
    missing = [make_request(config, broker.target("nowhere")) for _ in range(60)]
    mixed = [one for pair in zip(good, missing, strict=True) for one in pair]
    async with opened(KIND, config) as sink:
        outcomes = await asyncio.gather(*(sink.deliver(one, 60.0) for one in mixed))
    assert {one.kind for one in outcomes[::2]} == {OutcomeKind.DELIVERED}
    for one in outcomes[1::2]:
        failed(one, Failure.UNKNOWN_TARGET)
    assert sorted(inbox.bodies()) == sorted(one.body for one in good)
    assert max(numbers) == most


async def test_no_channel_has_the_number_of_one_that_was_closed(broker, numbers):
    """It might be opened before the broker knows that the other one is closed: an error of all."""
    config = broker.config()
    missing = [make_request(config, broker.target("nowhere")) for _ in range(10)]
    async with opened(KIND, config) as sink:
        for one in missing:
            failed(await sink.deliver(one, 15.0), Failure.UNKNOWN_TARGET)
        await asyncio.gather(*(sink.deliver(one, 15.0) for one in missing))
    assert numbers == list(range(1, 21))


async def test_a_connection_that_is_reset_is_opened_again(through, proxy):
    config, target, inbox = through
    async with opened(KIND, config) as sink:
        first = await sink.deliver(make_request(config, target), 15.0)
        (slot,) = sink._connections._kept.values()
        link = slot.link
        proxy.reset()
        await until(lambda: not link.usable)
        second = await sink.deliver(make_request(config, target), 15.0)
    assert (first.kind, second.kind) == (OutcomeKind.DELIVERED, OutcomeKind.DELIVERED)
    assert len(inbox.bodies()) == 2


async def test_deliveries_under_way_end_when_their_connection_breaks(through, proxy):
    config, target, _ = through
    async with opened(KIND, config) as sink:
        await sink.deliver(make_request(config, target), 15.0)
        proxy.hush("to_client")
        attempts = [
            asyncio.ensure_future(sink.deliver(make_request(config, target), 25.0))
            for _ in range(20)
        ]
        await asyncio.sleep(0)
        (slot,) = sink._connections._kept.values()
        await until(lambda: slot.users == 20)
        proxy.reset()
        done, pending = await asyncio.wait(attempts, timeout=15.0)
        proxy.speak()
    assert not pending
    assert {one.result().kind for one in done} == {OutcomeKind.RETRYABLE}


async def test_a_confirm_that_never_comes_is_a_time_out_and_the_connection_is_left(through, proxy):
    config, target, inbox = through
    async with opened(KIND, config) as sink:
        await sink.deliver(make_request(config, target), 15.0)
        proxy.hush("to_client")
        lost = make_request(config, target, data="no confirm")
        failed(await sink.deliver(lost, 0.5), Failure.TIMED_OUT, "no confirm of 127.0.0.1")
        # It was taken nevertheless: at least once.
        assert lost.body in inbox.wait_for(2)
        proxy.cut()
        outcome = await sink.deliver(make_request(config, target), 15.0)
        assert outcome.kind is OutcomeKind.DELIVERED, outcome


async def test_a_broker_that_does_not_shake_hands_is_a_time_out(sink, config, broker, silent_port):
    request = make_request(config, broker.target("orders", port=silent_port))
    failed(await sink.deliver(request, 0.5), Failure.TIMED_OUT, "no connection to 127.0.0.1")


async def test_connecting_has_a_limit_of_its_own(broker, silent_port):
    config = broker.config(silent_port, timeout=0.5)
    request = make_request(config, broker.target("orders", port=silent_port))
    async with opened(KIND, config) as sink:
        outcomes = await asyncio.gather(*(sink.deliver(request, 60.0) for _ in range(5)))
        for outcome in outcomes:
            failed(outcome, Failure.TIMED_OUT, "no connection")
        await until(lambda: not sink._connections._leaving)


async def test_a_broker_that_restarts_in_the_middle_loses_nothing_that_was_confirmed(rabbitmq):
    inbox, config = inbox_on(rabbitmq)
    confirmed: list[bytes] = []
    enough = asyncio.Event()
    over = asyncio.Event()

    async def keep_sending(sink):
        while not over.is_set():
            request = make_request(config, inbox.target)
            outcome = await sink.deliver(request, 10.0)
            if outcome.kind is OutcomeKind.DELIVERED:
                confirmed.append(request.body)
                enough.set()
            else:
                assert outcome.kind is OutcomeKind.RETRYABLE, outcome
                await asyncio.sleep(0.02)

    async with opened(KIND, config) as sink:
        senders = [asyncio.ensure_future(keep_sending(sink)) for _ in range(5)]
        await enough.wait()
        await asyncio.to_thread(rabbitmq.kill)
        await asyncio.to_thread(rabbitmq.start)
        before = len(confirmed)
        await until(lambda: len(confirmed) > before + 20)
        over.set()
        await asyncio.gather(*senders)
    assert set(confirmed) <= set(inbox.bodies())


async def test_a_broker_that_is_shut_down_says_so(rabbitmq):
    inbox, config = inbox_on(rabbitmq)
    async with opened(KIND, config) as sink:
        await sink.deliver(make_request(config, inbox.target), 15.0)
        await asyncio.to_thread(rabbitmq.stop)
        failed(await sink.deliver(make_request(config, inbox.target), 15.0), Failure.NETWORK)
        await asyncio.to_thread(rabbitmq.start)
        outcome = await sink.deliver(make_request(config, inbox.target), 15.0)
    assert outcome.kind is OutcomeKind.DELIVERED


@pytest.fixture
def memory(rabbitmq):
    """Raise the memory alarm, and end it."""

    def set_alarm(on):
        rabbitmq.control("set_vm_memory_high_watermark", "0.00001" if on else "0.4")

    yield set_alarm
    set_alarm(False)


async def test_a_blocked_connection_is_a_time_out_that_says_so(broker, memory):
    inbox = broker.exchange()
    config = broker.config()
    async with opened(KIND, config) as sink:
        # Leaves channels that are open: the broker opens none while it blocks.
        before = [make_request(config, inbox.target) for _ in range(8)]
        await asyncio.gather(*(sink.deliver(one, 15.0) for one in before))
        (slot,) = sink._connections._kept.values()
        assert len(slot.link._free) > 4
        await asyncio.to_thread(memory, True)
        first = make_request(config, inbox.target, data="in the socket")
        # RabbitMQ tells whoever publishes; until then nobody knows.
        failed(await sink.deliver(first, 2.0), Failure.TIMED_OUT, "blocks publishers")
        kept = make_request(config, inbox.target, data="not sent")
        failed(await sink.deliver(kept, 0.5), Failure.TIMED_OUT, "short of memory or disk")
        # Large ones, which would fill the socket if they were sent.
        large = make_request(config, inbox.target, data="x" * 8_000_000)
        failed(await sink.deliver(large, 0.5), Failure.TIMED_OUT, "blocks publishers")
        waiting = make_request(config, inbox.target, data="waits until it is over")
        attempt = asyncio.ensure_future(sink.deliver(waiting, 30.0))
        await asyncio.to_thread(memory, False)
        outcome = await attempt
        assert outcome.kind is OutcomeKind.DELIVERED, outcome
    bodies = inbox.bodies()
    assert waiting.body in bodies
    assert kept.body not in bodies
    assert large.body not in bodies


async def test_closing_does_not_wait_for_a_broker_that_is_blocked(broker, memory):
    inbox = broker.exchange()
    config = broker.config()
    async with opened(KIND, config) as sink:
        await sink.deliver(make_request(config, inbox.target), 15.0)
        await asyncio.to_thread(memory, True)
        # More than the buffers of both sockets take.
        large = make_request(config, inbox.target, data="x" * 15_000_000)
        outcome = await sink.deliver(large, 2.0)
        assert outcome.kind is OutcomeKind.RETRYABLE
        async with asyncio.timeout(20):
            await sink.close()
        assert not sink._connections._ending


async def test_closing_does_not_wait_for_a_broker_that_hangs(through, proxy):
    config, target, _ = through
    async with opened(KIND, config) as sink:
        await sink.deliver(make_request(config, target), 15.0)
        proxy.hush()
        attempt = asyncio.ensure_future(sink.deliver(make_request(config, target), 25.0))
        (slot,) = sink._connections._kept.values()
        await until(lambda: slot.users)
        async with asyncio.timeout(20):
            await sink.close()
        outcome = await asyncio.wait_for(attempt, 5)
        failed(outcome, Failure.UNAVAILABLE, "was closed")


async def test_a_closed_sink_sends_nothing_and_says_so(config, broker):
    inbox = broker.exchange()
    async with opened(KIND, config) as sink:
        await sink.close()
        outcome = await sink.deliver(make_request(config, inbox.target), 15.0)
    failed(outcome, Failure.UNAVAILABLE, "the sink was closed")
    assert inbox.bodies() == []


async def test_who_cancels_a_delivery_gets_the_cancellation(through, proxy):
    config, target, _ = through
    async with opened(KIND, config) as sink:
        await sink.deliver(make_request(config, target), 15.0)
        proxy.hush("to_client")
        attempt = asyncio.ensure_future(sink.deliver(make_request(config, target), 25.0))
        (slot,) = sink._connections._kept.values()
        await until(lambda: slot.users)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        proxy.speak()
        outcome = await sink.deliver(make_request(config, target), 15.0)
        assert outcome.kind is OutcomeKind.DELIVERED


def test_the_plugin_loads_no_client():
    code = (
        "import sys, asyncevents_amqp.plugin; print({'aiormq', 'pamqp', 'yarl'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
