"""Exchanges on a real RabbitMQ, made and read back with another client than the sink's."""

from __future__ import annotations

import contextlib
import time
import uuid
from typing import Any

import amqp
from attrs import define, field

from asyncevents_amqp.config import AmqpConfig
from asyncevents_amqp.plugin import AmqpSinkType
from asyncevents_core import testing

USER = {"username": "guest", "password": "guest"}
_PATIENCE = 30.0


class Broker:
    """Makes exchanges and queues on a server; `port` is where targets lead."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.port: int = server.port
        self._connection = amqp.Connection(f"127.0.0.1:{server.port}", **_login())
        self._connection.connect()
        self._channel = self._connection.channel()

    def close(self) -> None:
        with contextlib.suppress(OSError, amqp.AMQPError):
            self._connection.close()

    def config(self, *ports: int, **more: Any) -> AmqpConfig:
        """Return a configuration that allows the server, and these ports besides."""
        allow = [f"127.0.0.1:{one}" for one in (self.port, *ports)]
        return AmqpConfig(**{"allow": allow, "timeout": 30.0, **USER, **more})

    def target(self, exchange: str, *, port: int | None = None, vhost: str = "%2F") -> str:
        return f"amqp://127.0.0.1:{port or self.port}/{vhost}/{exchange}"

    def exchange(self, kind: str = "topic", *, key: str = "#", **arguments: Any) -> Inbox:
        """Return a new exchange with a durable queue bound to it."""
        name = f"orders-{uuid.uuid4().hex[:12]}"
        self._channel.exchange_declare(name, kind, durable=True, auto_delete=False)
        self._channel.queue_declare(
            name, durable=True, auto_delete=False, arguments=arguments or None
        )
        self._channel.queue_bind(name, name, key)
        return Inbox(name, self.target(name), self.server.port)

    def bind(self, inbox: Inbox, **arguments: Any) -> None:
        """Bind the queue once more, with arguments."""
        self._channel.queue_bind(inbox.name, inbox.name, "", arguments=arguments)


@define
class Inbox:
    """An exchange, and what arrived in its queue so far."""

    name: str
    target: str
    _port: int
    messages: list[amqp.Message] = field(factory=list)

    def bodies(self) -> list[bytes]:
        """Return the bodies of all that has arrived, in the order of arrival."""
        connection = amqp.Connection(f"127.0.0.1:{self._port}", **_login())
        connection.connect()
        try:
            channel = connection.channel()
            while (found := channel.basic_get(self.name, no_ack=True)) is not None:
                self.messages.append(found)
        finally:
            connection.close()
        return [_bytes(one.body) for one in self.messages]

    def wait_for(self, count: int) -> list[bytes]:
        until = time.monotonic() + _PATIENCE
        while len(self.bodies()) < count and time.monotonic() < until:
            time.sleep(0.05)
        return self.bodies()


def make_request(config: AmqpConfig, target: str, **wanted: Any) -> Any:
    """Return a request with the sink's own options: see `asyncevents_core.testing`."""
    return testing.make_request(sink_type=AmqpSinkType(), config=config, target=target, **wanted)


def _login() -> dict[str, Any]:
    return {"userid": "guest", "password": "guest", "connect_timeout": 10}


def _bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else str(body).encode()
