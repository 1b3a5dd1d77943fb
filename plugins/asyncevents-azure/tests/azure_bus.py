"""A server to which the real SDK of Service Bus sends: AMQP 1.0, tokens, queues, its refusals.

It stands in for the official emulator, which is a container image. What it checks and how it
answers is what Service Bus documents: SASL ANONYMOUS, then a token for each entity in the node
``$cbs``, links with a largest message, batches in the vendor's message format, duplicates.
https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl, quote

from attrs import define, field

from azure_amqp import Message
from azure_connection import Connection
from tests.streams import serving

POLICY = "RootManageSharedAccessKey"
KEY = "c2VjcmV0LWtleS1vZi10aGUtZmFrZQ=="
KIB = 1024


@define
class Entity:
    """A queue or topic. `refuses` is a condition with which it refuses; see `Connection`.

    One that `hangs` reads and says nothing; one that is `deaf` does not even read.
    """

    name: str
    largest: int = 256 * KIB
    sessions: bool = False
    refuses: str | None = None
    attaches: str | None = None
    poison: bytes | None = None
    hangs: bool = False
    deaf: bool = False
    resets: bool = False
    unique: bool = True
    messages: list[Message] = field(factory=list)
    calls: list[int] = field(factory=list)
    seen: set[Any] = field(factory=set)

    def take(self, messages: list[Message]) -> None:
        """Store what is new: duplicate detection is on, unless `unique` is False."""
        self.calls.append(len(messages))
        for message in messages:
            if not self.unique or message.message_id not in self.seen:
                self.seen.add(message.message_id)
                self.messages.append(message)


@define
class ServiceBus:
    """A namespace. `tokens` are those of Entra ID that it accepts."""

    entities: dict[str, Entity] = field(factory=dict)
    keys: dict[str, str] = field(factory=lambda: {POLICY: KEY})
    tokens: set[str] = field(factory=set)
    mechanisms: tuple[str, ...] = ("EXTERNAL", "MSSBCBS", "ANONYMOUS")
    port: int = 0
    hangs: str | None = None
    """Where it says nothing any more: "header", "token", "attach" or "transfer"."""
    connections: int = 0
    open_connections: int = 0
    drop: bool = False
    _writers: set[asyncio.StreamWriter] = field(factory=set)
    _loop: asyncio.AbstractEventLoop | None = None

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def queue(self, name: str, **wanted: Any) -> Entity:
        self.entities[name] = Entity(name, **wanted)
        return self.entities[name]

    @property
    def sockets(self) -> list[int]:
        """The descriptors of the sockets of its connections."""
        sockets = [one.get_extra_info("socket") for one in list(self._writers)]
        return [one.fileno() for one in sockets]

    def disconnect(self) -> None:
        """Cut all connections."""
        assert self._loop is not None

        def cut() -> None:
            for writer in list(self._writers):
                writer.transport.abort()

        self._loop.call_soon_threadsafe(cut)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_connections += 1
        self._writers.add(writer)
        try:
            if self.drop:
                writer.transport.abort()
                return
            await Connection(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open_connections -= 1
            self._writers.discard(writer)
            writer.close()

    def status(self, token: str, audience: str) -> tuple[int, str]:
        """Return what the node $cbs answers to a token; the SDK calls every one of them "jwt"."""
        if not token.startswith("SharedAccessSignature "):
            accepted = token in self.tokens
            return (202, "Accepted") if accepted else (401, "InvalidIssuer: token is not known")
        fields = dict(parse_qsl(token.removeprefix("SharedAccessSignature ")))
        key = self.keys.get(fields.get("skn", ""))
        if key is None:
            return 401, "InvalidSignature: no such policy"
        signed = f"{quote(fields['sr'], safe='')}\n{fields['se']}"
        digest = hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest()
        if base64.b64encode(digest).decode() != fields["sig"]:
            return 401, "InvalidSignature: The token has an invalid signature."
        if int(fields["se"]) < time.time():
            return 401, "ExpiredToken: The token is expired."
        if not audience.startswith(fields["sr"]):
            return 401, "InvalidAudience"
        return 202, "Accepted"


@contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[ServiceBus]:
    """Run a namespace on a free port of the loopback, in a thread of its own."""
    bus = ServiceBus()
    ready, over = threading.Event(), asyncio.Event()

    async def main() -> None:
        async with serving(bus.serve, tls=tls) as bus.port:
            bus._loop = asyncio.get_running_loop()
            ready.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield bus
    finally:
        assert bus._loop is not None
        with suppress(RuntimeError):
            bus._loop.call_soon_threadsafe(over.set)
        thread.join(10)
        assert not thread.is_alive()
