"""`BrokerConformance`: what every broker must do."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from uuid import UUID

import pytest

from asyncevents_core.domain.instant import uuid7
from asyncevents_core.ports.broker import MOST_IDS, Broker, Consumer, HandOff

PATIENCE = 30.0
"""Seconds after which a test gives up on a message."""


class BrokerConformance:
    """Override the fixture `broker`: one whose queue is empty."""

    @pytest.fixture
    def broker(self) -> Broker:
        """Override: a broker whose queue is empty."""
        pytest.fail(f"{type(self).__name__} must override the fixture `broker`")

    def test_check_says_where_it_is(self, broker: Broker) -> None:
        assert broker.check()

    def test_trying_it_out_leaves_nothing_behind(self, broker: Broker) -> None:
        for _ in range(2):
            broker.try_out()
        with broker.consumer(prefetch=10) as consumer:
            assert list(consumer.receive(0.1)) == []

    def test_nothing_is_quarantined_to_begin_with(self, broker: Broker) -> None:
        assert broker.quarantined() == 0

    def test_what_is_sent_is_received_once(self, broker: Broker) -> None:
        ids = new_ids(3)
        send(broker, ids)
        with broker.consumer(prefetch=10) as consumer:
            messages = receive(consumer, 3)
            assert ids_of(messages) == ids
            for message in messages:
                message.ack()
            assert list(consumer.receive(0.3)) == []

    def test_nothing_is_received_from_an_empty_queue(self, broker: Broker) -> None:
        with broker.consumer(prefetch=10) as consumer:
            assert list(consumer.receive(0.1)) == []
            assert list(consumer.receive(0.0)) == []

    def test_many_ids_go_in_messages_of_at_most_50(self, broker: Broker) -> None:
        ids = new_ids(2 * MOST_IDS + 7)
        send(broker, ids)
        with broker.consumer(prefetch=10) as consumer:
            messages = receive(consumer, len(ids))
            assert all(0 < len(message.ids) <= MOST_IDS for message in messages)
            assert sorted(ids_of(messages)) == sorted(ids)
            for message in messages:
                message.ack()

    def test_sending_nothing_sends_nothing(self, broker: Broker) -> None:
        send(broker, [])
        with broker.consumer(prefetch=10) as consumer:
            assert list(consumer.receive(0.2)) == []

    def test_unacknowledged_messages_are_bounded_by_the_prefetch(self, broker: Broker) -> None:
        for one in new_ids(6):
            send(broker, [one])
        with broker.consumer(prefetch=2) as consumer:
            held = receive(consumer, 2)
            assert list(consumer.receive(0.3)) == []
            received = len(held)
            while received < 6:
                for message in held:
                    message.ack()
                held = receive(consumer, 1)
                received += len(held)
                assert len(held) <= 2
            for message in held:
                message.ack()

    def test_acknowledged_messages_do_not_come_again(self, broker: Broker) -> None:
        send(broker, new_ids(1))
        with broker.consumer(prefetch=10) as consumer:
            for message in receive(consumer, 1):
                message.ack()
        with broker.consumer(prefetch=10) as again:
            assert list(again.receive(0.3)) == []

    def test_messages_wait_for_a_consumer(self, broker: Broker) -> None:
        ids = new_ids(2)
        send(broker, ids)
        time.sleep(0.05)
        with broker.consumer(prefetch=10) as consumer:
            messages = receive(consumer, 2)
            assert ids_of(messages) == ids
            for message in messages:
                message.ack()

    def test_a_closed_producer_and_consumer_can_be_closed_again(self, broker: Broker) -> None:
        producer, consumer = broker.producer(), broker.consumer(prefetch=1)
        producer.send(new_ids(1))
        consumer.receive(0.1)
        for one in (producer, consumer):
            one.close()
            one.close()

    def test_two_consumers_share_the_messages(self, broker: Broker) -> None:
        ids = new_ids(20)
        for one in ids:
            send(broker, [one])
        received: list[UUID] = []
        lock = threading.Lock()

        def work() -> None:
            until = time.monotonic() + PATIENCE
            with broker.consumer(prefetch=1) as consumer:
                while len(received) < len(ids) and time.monotonic() < until:
                    for message in consumer.receive(0.1):
                        message.ack()
                        with lock:
                            received.extend(message.ids)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert sorted(received) == sorted(ids)

    def test_producers_on_several_threads(self, broker: Broker) -> None:
        batches = [new_ids(30) for _ in range(4)]
        threads = [threading.Thread(target=send, args=(broker, batch)) for batch in batches]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        wanted = sorted(one for batch in batches for one in batch)
        with broker.consumer(prefetch=10) as consumer:
            messages = receive(consumer, len(wanted))
            for message in messages:
                message.ack()
        assert sorted(ids_of(messages)) == wanted


def new_ids(count: int) -> list[UUID]:
    """Return new event ids."""
    return [uuid7() for _ in range(count)]


def send(broker: Broker, ids: Sequence[UUID]) -> None:
    """Send ids with a producer of their own."""
    producer = broker.producer()
    try:
        producer.send(ids)
    finally:
        producer.close()


def receive(consumer: Consumer, ids: int) -> list[HandOff]:
    """Receive until so many ids have come."""
    messages: list[HandOff] = []
    until = time.monotonic() + PATIENCE
    while sum(len(message.ids) for message in messages) < ids:
        assert time.monotonic() < until, f"{ids} ids did not come within {PATIENCE:g} s"
        messages += consumer.receive(0.2)
    return messages


def ids_of(messages: Sequence[HandOff]) -> list[UUID]:
    """Return the ids of messages, in order."""
    return [one for message in messages for one in message.ids]
