"""A real RabbitMQ, and places where nobody answers."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from asyncevents_amqp.plugin import AmqpSinkType
from asyncevents_core.plugin import Sink
from asyncevents_core.testing import opened
from exchanges import Broker
from tests.conftest import skip_unless_present
from tests.services.brokers import RabbitMq
from tests.services.needs import RABBITMQ
from tests.services.ports import free_port
from tests.services.silence import Proxy, before


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMq]:
    skip_unless_present(RABBITMQ)
    server = RabbitMq()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def broker(rabbitmq) -> Iterator[Broker]:
    made = Broker(rabbitmq)
    yield made
    made.close()


@pytest.fixture
def proxy(rabbitmq) -> Iterator[Proxy]:
    with before(rabbitmq.port) as proxy:
        yield proxy


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections, and where nothing answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def nobody() -> int:
    """A port where nobody listens."""
    return free_port()


@pytest.fixture
def config(broker, proxy, silent_port, nobody):
    return broker.config(proxy.port, silent_port, nobody)


@pytest.fixture
async def sink(config) -> AsyncIterator[Sink]:
    async with opened(AmqpSinkType(), config) as sink:
        yield sink


@pytest.fixture(scope="session")
def limited(rabbitmq) -> dict[str, str]:
    """A user that may publish to exchanges named `allowed` only."""
    rabbitmq.control("add_user", "limited", "secret")
    rabbitmq.control("set_permissions", "-p", "/", "limited", "", "^allowed$", "")
    return {"username": "limited", "password": "secret"}
