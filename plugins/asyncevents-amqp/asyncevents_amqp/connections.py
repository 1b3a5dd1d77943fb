"""Connections to brokers: one for each `Server`, opened again where it broke, closed at the end."""

from __future__ import annotations

import asyncio
import itertools
import logging
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import aiormq
from aiormq.abc import AbstractChannel
from aiormq.connection import FrameReceiver, TransportFactory
from aiormq.exceptions import ConnectionClosed, DeliveryError
from attrs import define
from pamqp import commands
from pamqp.base import Frame
from yarl import URL

from asyncevents_amqp.config import AmqpConfig, Server

logger = logging.getLogger("asyncevents.deliver")

_CLOSING: Final = 3.0
"""Seconds that a broker gets to say goodbye; then the connection is cut off."""
_LOGIN_REFUSED: Final = 403
_CHANNELS: Final = 65_535
"""Channels of a connection to a broker that sets no limit: AMQP has no more numbers."""


class Withdrawn(Exception):
    """The sink was closed before the message was sent."""


class Retired(Exception):
    """The connection takes no new messages; this one was not sent, and another connection may."""


class Link:
    """An open connection, and channels of which each carries one message at a time.

    RabbitMQ closes a channel where a message of it fails, with all that are under way on it; so
    the error of a channel is that of its one message.
    """

    def __init__(self, connection: aiormq.Connection, transport: _Transport, channels: int) -> None:
        self._connection = connection
        self._transport = transport
        self._room = asyncio.Semaphore(channels)
        self._free: list[AbstractChannel] = []
        self._numbers = itertools.count(1)
        self._retired = False

    @property
    def usable(self) -> bool:
        """Whether new messages may use it."""
        return self._connection.is_opened and not self._retired

    def retire(self) -> None:
        """Take no new messages."""
        self._retired = True

    async def publish(self, **message: Any) -> None:
        """Publish, and wait for the confirm; takes what `basic_publish` of aiormq takes.

        Waits first while the broker blocks publishers. Raises `Retired`, and aiormq's errors.
        """
        async with self._room:
            # Not into the socket: it would arrive once the block is over, after its retry.
            await self._connection.ready()
            if self._retired:
                raise Retired
            channel = await self._channel()
            try:
                await channel.basic_publish(**message)
            except DeliveryError:
                self._give_back(channel)
                raise
            self._give_back(channel)

    async def blocked(self) -> bool:
        """Tell whether the broker blocks publishers now."""
        ready = asyncio.ensure_future(self._connection.ready())
        # It ends in its first step unless it has to wait.
        await asyncio.sleep(0)
        waits = not ready.done()
        ready.cancel()
        return waits

    async def close(self) -> None:
        """Say goodbye; cut the connection off where the broker does not answer in time."""
        self._retired = True
        # Not a time-out: aiormq does not let itself be cancelled while it closes.
        cut = asyncio.get_running_loop().call_later(_CLOSING, self._transport.abort)
        try:
            await self._connection.close(ConnectionClosed(0, "closed"))
        finally:
            cut.cancel()

    async def _channel(self) -> AbstractChannel:
        while self._free:
            kept = self._free.pop()
            if not kept.is_closed:
                return kept
        # A number of its own for each: aiormq gives one again as soon as it reads that the channel
        # was closed, and may open it before it has said so, for which RabbitMQ ends the connection.
        number = next(self._numbers)
        if number >= (self._connection.connection_tune.channel_max or _CHANNELS):
            # They go up where many messages fail; another connection begins at 1.
            self.retire()
        return await self._connection.channel(channel_number=number)

    def _give_back(self, channel: AbstractChannel) -> None:
        # One that is not given back has a message without an answer, or was closed.
        self._free.append(channel)


@define(eq=False)
class _Slot:
    """A connection, perhaps still being made; `users` are the deliveries that hold it."""

    making: asyncio.Task[Link]
    users: int = 0

    @property
    def link(self) -> Link | None:
        """The connection, if it is made and that went well."""
        task = self.making
        if not task.done() or task.cancelled() or task.exception() is not None:
            return None
        return task.result()

    @property
    def spent(self) -> bool:
        """Whether another one should take its place."""
        return self.making.done() and (self.link is None or not self.link.usable)


class Connections:
    """Keeps `AmqpConfig.connections` unused ones, and all that are in use. For one event loop."""

    def __init__(self, config: AmqpConfig, context: ssl.SSLContext) -> None:
        self._config = config
        self._context = context
        # The one used last stands last. Replaced ones are in `_leaving` until nobody holds them.
        self._kept: OrderedDict[Server, _Slot] = OrderedDict()
        self._leaving: set[_Slot] = set()
        self._ending: set[asyncio.Future[Any]] = set()
        self._closed = False

    @asynccontextmanager
    async def using(self, server: Server) -> AsyncIterator[Link]:
        """Give the connection to a server, and keep it for the block.

        Raises `Withdrawn` once closed, TimeoutError, and aiormq's errors.
        """
        if self._closed:
            raise Withdrawn
        slot = self._slot(server)
        slot.users += 1
        try:
            # It is everybody's: who stops waiting does not stop it.
            yield slot.making.result() if slot.making.done() else await asyncio.shield(slot.making)
        finally:
            slot.users -= 1
            self._tidy()

    async def close(self) -> None:
        """Close all of them, at the same time."""
        self._closed = True
        slots = [*self._kept.values(), *self._leaving]
        self._kept.clear()
        self._leaving.clear()
        for slot in slots:
            slot.making.cancel()
            if slot.link is not None:
                self._in_background(asyncio.ensure_future(slot.link.close()))
        await asyncio.gather(*(one.making for one in slots), return_exceptions=True)
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _slot(self, server: Server) -> _Slot:
        slot = self._kept.get(server)
        if slot is not None and slot.spent:
            self._leaving.add(self._kept.pop(server))
            slot = None
        if slot is None:
            task = asyncio.get_running_loop().create_task(self._open(server))
            # Those who wait have its error; it is no news where nobody waits any more.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            slot = self._kept[server] = _Slot(task)
        self._kept.move_to_end(server)
        return slot

    async def _open(self, server: Server) -> Link:
        transport = _Transport(self._context if server.tls else None)
        connection = _Connection(
            _url(server, self._config.heartbeat),
            transport_factory=transport,
            client_properties={"connection_name": "asyncevents-amqp"},
        )
        connecting = asyncio.ensure_future(connection.connect())
        try:
            done, _ = await asyncio.wait([connecting], timeout=self._config.timeout)
            if not done:
                raise TimeoutError
            connecting.result()
        except BaseException:
            # First, so that aiormq has nobody to say goodbye to.
            transport.abort()
            connecting.cancel()
            self._in_background(connecting)
            raise
        return Link(connection, transport, self._config.channels)

    def _tidy(self) -> None:
        """Let go of what is spent, of the unused ones beyond the bound, and close both."""
        surplus = len(self._kept) - self._config.connections
        for server, slot in list(self._kept.items()):
            unused = slot.making.done() and not slot.users
            if slot.spent or (surplus > 0 and unused):
                self._leaving.add(self._kept.pop(server))
                surplus -= 1
        for slot in [one for one in self._leaving if not one.users]:
            self._leaving.remove(slot)
            if slot.link is not None:
                self._in_background(asyncio.ensure_future(slot.link.close()))

    def _in_background(self, ending: asyncio.Future[Any]) -> None:
        self._ending.add(ending)
        ending.add_done_callback(self._ended)

    def _ended(self, ending: asyncio.Future[Any]) -> None:
        self._ending.discard(ending)
        if not ending.cancelled() and ending.exception() is not None:
            logger.debug(
                "a connection to a broker ended with an error", exc_info=ending.exception()
            )


class _Transport(TransportFactory):
    """Makes the streams of one connection, and can cut them off."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        self._abort: Callable[[], None] | None = None

    async def create(self, url: URL, **_: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """See `TransportFactory`. Raises OSError."""
        reader, writer = await asyncio.open_connection(url.host, url.port, ssl=self._context)
        self._abort = writer.transport.abort
        return reader, writer

    def abort(self) -> None:
        """Cut the connection off, if there is one."""
        if self._abort is not None:
            self._abort()


class _Connection(aiormq.Connection):
    """aiormq says of a virtual host that it may not open only that a frame was not expected."""

    @staticmethod
    async def _rpc(
        request: Frame,
        writer: asyncio.StreamWriter,
        frame_receiver: FrameReceiver,
        wait_response: bool = True,
    ) -> Any:
        receiver = _Receiver(frame_receiver)
        return await aiormq.Connection._rpc(request, writer, receiver, wait_response)


class _Receiver(FrameReceiver):
    """Raises what the broker says where it closes the connection; a refused login passes."""

    def __init__(self, inner: FrameReceiver) -> None:
        super().__init__(inner.reader)
        self._inner = inner

    async def get_frame(self) -> Any:
        received = await self._inner.get_frame()
        frame = received[2]
        if isinstance(frame, commands.Connection.Close) and frame.reply_code != _LOGIN_REFUSED:
            raise ConnectionClosed(frame.reply_code, frame.reply_text)
        return received


def _url(server: Server, heartbeat: int) -> URL:
    return URL.build(
        scheme="amqp",  # the transport knows about TLS
        user=server.username,
        password=server.password,
        host=server.host,
        port=server.port,
        path="/" + server.vhost,
        query={"heartbeat": str(heartbeat)},
    )
