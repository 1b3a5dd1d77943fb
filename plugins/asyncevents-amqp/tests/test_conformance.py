"""The suite that core ships, on the sink `amqp` and a real RabbitMQ."""

from __future__ import annotations

import pytest
from attrs import fields

from asyncevents_amqp.plugin import AmqpSinkType
from asyncevents_core.plugin import HELP, Failure
from asyncevents_core.testing import SinkConformance
from exchanges import make_request


class TestAmqpSink(SinkConformance):
    @pytest.fixture
    def sink_type(self):
        return AmqpSinkType()

    @pytest.fixture
    def config(self, config):
        return config

    @pytest.fixture
    def inbox(self, broker):
        return broker.exchange()

    @pytest.fixture
    def target(self, inbox):
        return inbox.target

    @pytest.fixture
    def received(self, inbox):
        return inbox.bodies

    @pytest.fixture
    def own_options(self):
        return {"username": "anna", "password": "own"}

    @pytest.fixture
    def secret_options(self, secret):
        return {"username": "anna", "password": secret}

    @pytest.fixture
    def bad_targets(self, broker):
        port = broker.port
        return [
            "",
            "orders",
            f"http://127.0.0.1:{port}/%2F/orders",
            f"amqp://127.0.0.1:{port}",
            f"amqp://127.0.0.1:{port}/",
            f"amqp://127.0.0.1:{port}/orders",
            f"amqp://127.0.0.1:{port}//orders",
            f"amqp://127.0.0.1:{port}/%2F/orders/more",
            f"amqp://127.0.0.1:{port}/%2F/orders?heartbeat=0",
            f"amqp://127.0.0.1:{port}/%2F/orders#1",
            f"amqp://127.0.0.1:{port}/%2F/or%00ders",
            f"amqp://127.0.0.1:{port}/%2F/%ff",
            f"amqp://127.0.0.1:{port}/%2F/{'o' * 128}",
            f"amqp://127.0.0.1:{port}/sh%25op/orders",
            f"amqp://127.0.0.1:{port}/sh%0Aop/orders",
            f"amqp://127.0.0.1:{port}/{'v' * 128}/orders",
            f"amqp://guest:guest@127.0.0.1:{port}/%2F/orders",
            "amqp://127.0.0.1:port/%2F/orders",
            "amqp://127.0.0.1/%2F/orders",
            f"amqp://rabbit.example:{port}/%2F/orders",
        ]

    @pytest.fixture
    def bad_options(self):
        return [
            {"no_such_option": 1},
            {"username": "anna"},
            {"password": "alone"},
            {"username": "a", "password": "b", "credentials": "c"},
            {"credentials": "no-such-set"},
            {"routing_key": "{no_such_word}"},
            {"routing_key": "{event_name"},
            {"headers": ["customer.id"]},
            {"headers": [f"data.a{number}" for number in range(21)]},
            {"max_bytes": 0},
        ]

    @pytest.fixture
    def unreachable(self, broker, nobody):
        return broker.target("orders", port=nobody)

    @pytest.fixture
    def hanging(self, broker, silent_port):
        return broker.target("orders", port=silent_port)

    @pytest.fixture
    def failures(self, broker, config, target, limited, unreachable, hanging):
        full = broker.exchange(**{"x-max-length": 0, "x-overflow": "reject-publish"})
        wrong = {"username": "guest", "password": "wrong"}
        return {
            Failure.UNAVAILABLE: full.target,
            Failure.TIMED_OUT: hanging,
            Failure.NETWORK: unreachable,
            Failure.CREDENTIALS: make_request(config, target, options=wrong),
            Failure.UNKNOWN_TARGET: broker.target("no-such-exchange"),
            Failure.DENIED: make_request(config, target, options=limited),
            Failure.TOO_LARGE: make_request(config, target, options={"max_bytes": 10}),
        }


def test_forms_say_what_each_option_is_for():
    options = fields(AmqpSinkType.options_class)
    assert all(one.metadata[HELP].endswith(".") for one in options)
