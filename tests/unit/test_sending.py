"""The confirmations of RabbitMQ: one wait for many messages."""

from __future__ import annotations

from collections import defaultdict, deque

import pytest
from kombu.entity import Exchange

from asyncevents_core.adapters.kombu import sending
from asyncevents_core.adapters.kombu.sending import Sender
from asyncevents_core.errors import BrokerUnavailable


class Channel:
    """Takes messages; confirms them as the connection is told to."""

    def __init__(self):
        self.events = defaultdict(set)
        self.published = []

    def confirm_select(self):
        pass

    def tell(self, name, tag, multiple):
        for callback in self.events[name]:
            callback(tag, multiple)


class Connection:
    def __init__(self, channel, answers):
        self.channel = channel
        self.answers = deque(answers)
        self.drained = 0

    def drain_events(self, timeout):
        if not self.answers:
            raise TimeoutError
        self.drained += 1
        self.channel.tell(*self.answers.popleft())


@pytest.fixture
def sender(monkeypatch):
    class Producer:
        def __init__(self, channel, exchange):
            self.channel = channel

        def publish(self, body, **_):
            self.channel.published.append(body)

    monkeypatch.setattr(sending, "KombuProducer", Producer)

    def make(*answers, answer_timeout=10.0):
        channel = Channel()
        connection = Connection(channel, answers)
        made = Sender(connection, channel, Exchange("x"), answer_timeout=answer_timeout)
        for number in range(3):
            made.publish(b"%d" % number, routing_key="k", content_type="text/plain")
        return made, connection

    return make


def test_one_confirmation_of_all_of_them_is_enough(sender):
    made, connection = sender(("basic_ack", 3, True))
    made.flush()
    assert connection.drained == 1
    assert len(connection.channel.published) == 3


def test_confirmations_come_in_any_order(sender):
    made, connection = sender(
        ("basic_ack", 2, False), ("basic_ack", 3, False), ("basic_ack", 1, False)
    )
    made.flush()
    assert connection.drained == 3
    made.flush()
    assert connection.drained == 3


def test_what_the_broker_refuses_is_an_error_once(sender):
    made, _ = sender(("basic_nack", 1, False), ("basic_ack", 3, True))
    with pytest.raises(BrokerUnavailable, match="refused 1 messages"):
        made.flush()
    made.flush()


def test_what_is_not_confirmed_is_an_error(sender):
    made, _ = sender(("basic_ack", 2, True), answer_timeout=0.0)
    with pytest.raises(BrokerUnavailable, match="3 messages were not confirmed"):
        made.flush()
