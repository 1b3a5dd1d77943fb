"""Queues of a real RabbitMQ, read with another client than the sink's."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from typing import Any

import amqp
from attrs import define, field

from asyncevents_celery.config import CeleryApp, CeleryConfig

PATIENCE = 30.0


@define
class TaskQueue:
    """A queue of tasks, and the messages that have arrived in it so far."""

    port: int
    name: str = field(factory=lambda: f"tasks-{uuid.uuid4().hex[:12]}")
    messages: list[amqp.Message] = field(factory=list)

    def look(self) -> list[amqp.Message]:
        """Return all that has arrived, in its order."""
        connection = amqp.Connection(f"127.0.0.1:{self.port}", connect_timeout=10)
        connection.connect()
        try:
            channel = connection.channel()
            # There is no queue before the first task.
            with contextlib.suppress(amqp.NotFound):
                while (found := channel.basic_get(self.name, no_ack=True)) is not None:
                    self.messages.append(found)
        finally:
            connection.close()
        return self.messages

    def wait_for(self, count: int) -> list[amqp.Message]:
        until = time.monotonic() + PATIENCE
        while len(self.look()) < count and time.monotonic() < until:
            time.sleep(0.05)
        return self.messages

    def texts(self, task: str) -> list[bytes]:
        """Return what calls of a task were given that take the event as text."""
        return [
            arguments_of(one)[0][0].encode()
            for one in self.look()
            if headers_of(one)["task"] == task
        ]


def headers_of(message: amqp.Message) -> dict[str, Any]:
    return message.properties["application_headers"]


def arguments_of(message: amqp.Message) -> tuple[list[Any], dict[str, Any]]:
    body = message.body if isinstance(message.body, str) else bytes(message.body).decode()
    positional, named, _ = json.loads(body)
    return positional, named


def make_config(**apps: dict[str, Any]) -> CeleryConfig:
    """Return a configuration with these applications."""
    return CeleryConfig(apps={name: CeleryApp(**one) for name, one in apps.items()})
