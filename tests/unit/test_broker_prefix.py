"""BROKER_PREFIX: in front of every name at every broker."""

from __future__ import annotations

import pytest

from asyncevents_core.adapters.kombu import protocol
from asyncevents_core.adapters.kombu.retries import LADDER
from asyncevents_core.adapters.kombu.trial import trial_name
from asyncevents_core.errors import SettingsError
from asyncevents_core.ports.broker import BrokerConfig
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.schema import Settings


def queues(config):
    """Return all queues that are ever declared."""
    return [
        protocol.hand_off_queue(config),
        protocol.hand_off_queue(config, protocol.QUARANTINE),
        protocol.retry_queue(config),
        protocol.dead_letter_queue(config),
        *(protocol.delay_queue(config, one, first=False) for one in LADDER),
        protocol.delay_queue(config, 1, first=True),
    ]


def names(config):
    """Return all names that a broker is told."""
    for queue in queues(config):
        yield from (queue.name, queue.routing_key, queue.exchange.name)
        for argument, value in queue.queue_arguments.items():
            if argument.startswith("x-dead-letter"):
                yield value
    yield trial_name(config)


ADDRESSES = ["amqp://a//", "amqps://a//", "pyamqp://a//", "sqla+sqlite:///b.db", "memory://"]


@pytest.mark.parametrize("url", ADDRESSES)
def test_every_name_has_it(url):
    prefixed = list(names(BrokerConfig(url=url, prefix="shop.")))
    assert [one for one in prefixed if not one.startswith("shop.")] == []
    plain = list(names(BrokerConfig(url=url)))
    # The last one is new each time.
    assert [one.removeprefix("shop.") for one in prefixed[:-1]] == plain[:-1]


def test_without_one_the_names_are_the_originals():
    first, *_ = queues(BrokerConfig(url="amqp://a//"))
    assert first.name == first.routing_key == "event.trigger"


def test_no_two_prefixes_make_the_same_name():
    plain = set(names(BrokerConfig(url="amqp://a//")))
    # Else a prefix could be found with which one application's name is another's.
    assert [(a, b) for a in plain for b in plain if a != b and a.endswith(b)] == []


@pytest.mark.parametrize("value", ["shop.", "a", "Shop-2:", "x" * 64, "amq", "amqp."])
def test_a_prefix(value):
    settings = Settings.from_mapping({"BROKER_PREFIX": value})
    assert Runtime(settings).broker_config.prefix == value


@pytest.mark.parametrize(
    "value", ["amq.", "amq.x", ".a", " a", "a b", "a*", "a#", "ä", "x" * 65, "a\n", "a/", "{a}"]
)
def test_what_is_none(value):
    with pytest.raises(SettingsError, match="BROKER_PREFIX: it is 1 to 64"):
        Settings.from_mapping({"BROKER_PREFIX": value})


def test_from_the_environment():
    settings = Settings.from_mapping({}, environ={"ASYNCEVENTS_BROKER_PREFIX": "shop."})
    assert settings.broker_prefix == "shop."
