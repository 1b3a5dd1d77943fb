"""One client of Pub/Sub, and the messages that it has under way."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from collections.abc import Callable
from typing import Any, Final

import grpc
from google.api_core.client_options import ClientOptions
from google.cloud import pubsub_v1
from google.cloud.pubsub_v1.publisher.exceptions import (
    MessageTooLargeError,
    PublishToPausedOrderingKeyException,
)
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

from asyncevents_core.plugin import Failure
from asyncevents_gcp.config import LARGEST_REQUEST, CredentialSet, PubSubConfig
from asyncevents_gcp.credentials import Identity, anonymous, load
from asyncevents_gcp.failures import Withdrawn
from asyncevents_gcp.messages import Message, Refused

logger = logging.getLogger("asyncevents.deliver")

EMULATOR: Final = "PUBSUB_EMULATOR_HOST"
FLUSH: Final = 2.0
"""Seconds that `Publisher.close` gives to what is under way."""
KEYS_KEPT: Final = 10_000

_PLAIN: Final = "http://"
_ABORT: Final = 1.0
_OPTIONS: Final = (
    # A server that is back is not left alone for gRPC's two minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
)


class Publisher:
    """Publishes on one event loop through the client's batching. Never retries by itself."""

    def __init__(self, client: pubsub_v1.PublisherClient, project: str | None) -> None:
        self.project = project
        self._client = client
        self._under_way = 0
        self._failed_keys = 0
        self._retired = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def under_way(self) -> int:
        """How many messages have no answer yet, also those that nobody waits for any more.

        A message stays under way at most as long as the time-out that it was published with,
        plus the latency of its batch.
        """
        return self._under_way

    @property
    def worn(self) -> bool:
        """Whether another one should take its place.

        The SDK keeps an object for each ordering key that failed until the key succeeds: keys
        that never do would pile up.
        """
        return self._failed_keys >= KEYS_KEPT

    async def publish(self, topic: str, message: Message, timeout: float) -> str:
        """Publish, and return the id that the server gave; `timeout` is in seconds.

        Raises `Refused`, `Withdrawn`, and the SDK's errors.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[str] = loop.create_future()
        future = self._hand_over(topic, message, timeout)
        self._under_way += 1
        self._idle.clear()
        settle = functools.partial(self._settle, waiter, bool(message.ordering_key))
        future.add_done_callback(functools.partial(_tell, loop, settle))
        return await waiter

    def retire(self) -> None:
        """Take no more; send what is there, and close once all of it is answered."""
        if not self._retired:
            self._retired = True
            self._client.stop()
            self._close_if_idle()

    async def close(self) -> None:
        """Retire, and cut off what is not answered within `FLUSH` seconds."""
        self.retire()
        if await self._wait_idle(FLUSH):
            return
        self._client.transport.close()
        if not await self._wait_idle(_ABORT):
            logger.warning("%d messages to Pub/Sub have no outcome", self._under_way)

    def _hand_over(self, topic: str, message: Message, timeout: float) -> Any:
        """Give a message to the client and return its future."""
        send: Callable[[], Any] = functools.partial(
            self._client.publish,
            topic,
            message.data,
            ordering_key=message.ordering_key,
            # None, not the default: that one is without end where keys are ordered.
            retry=None,
            timeout=timeout,
            **message.attributes,
        )
        if self._retired:
            raise Withdrawn("the sink is being closed")
        try:
            future = send()
            if _is_paused(future):
                # An earlier message with this key failed. Its retry comes from the engine.
                self._client.resume_publish(topic, message.ordering_key)
                future = send()
        except MessageTooLargeError as error:
            raise Refused(
                Failure.TOO_LARGE,
                f"{len(message.data)} bytes and attributes make a request of more than"
                f" {LARGEST_REQUEST} bytes, Pub/Sub's limit",
            ) from error
        return future

    def _settle(self, waiter: asyncio.Future[str], keyed: bool, future: Any) -> None:
        self._under_way -= 1
        if self._under_way == 0:
            self._idle.set()
        error = future.exception()
        if error is not None and keyed:
            self._failed_keys += 1
        if not waiter.done():
            if error is None:
                waiter.set_result(future.result())
            elif type(error) is RuntimeError:
                # The client's only way to say that it dropped a batch without sending it.
                waiter.set_exception(Withdrawn(str(error)))
            else:
                waiter.set_exception(error)
        if self._retired:
            self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._under_way == 0:
            self._client.transport.close()

    async def _wait_idle(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True


def new_client(
    config: PubSubConfig, source: CredentialSet
) -> tuple[pubsub_v1.PublisherClient, str | None]:
    """Make a client, and say which project bare topics are in. May block for seconds.

    Raises `CredentialsUnusable`, and the SDK's errors.
    """
    settings = {
        "batch_settings": pubsub_v1.types.BatchSettings(
            max_bytes=config.batch_bytes,
            max_latency=config.batch_latency,
            max_messages=config.batch_messages,
        ),
        "publisher_options": pubsub_v1.types.PublisherOptions(enable_message_ordering=True),
    }
    plain = _plain_address(config)
    if plain is not None:
        channel = grpc.insecure_channel(plain, options=_OPTIONS)
        transport = PublisherGrpcTransport(channel=channel)
        client = pubsub_v1.PublisherClient(transport=transport, **settings)
        return client, anonymous(source).project
    identity: Identity = load(source)
    client = pubsub_v1.PublisherClient(
        credentials=identity.credentials,
        client_options=ClientOptions(
            api_endpoint=None
            if config.endpoint is None
            else config.endpoint.removeprefix("https://")
        ),
        transport=functools.partial(PublisherGrpcTransport, channel=_secure_channel),
        **settings,
    )
    return client, identity.project


def _plain_address(config: PubSubConfig) -> str | None:
    """Return HOST:PORT of an emulator. The variable goes first, as in the SDK."""
    emulator = os.environ.get(EMULATOR)
    if emulator:
        return emulator.removeprefix(_PLAIN)
    if config.endpoint is not None and config.endpoint.startswith(_PLAIN):
        return config.endpoint.removeprefix(_PLAIN).rstrip("/")
    return None


def _secure_channel(host: str, **settings: Any) -> grpc.Channel:
    return PublisherGrpcTransport.create_channel(host, **{**settings, "options": _OPTIONS})


def _is_paused(future: Any) -> bool:
    return future.done() and isinstance(future.exception(), PublishToPausedOrderingKeyException)


def _tell(loop: asyncio.AbstractEventLoop, settle: Callable[[Any], None], future: Any) -> None:
    """Pass an answer from a thread of the client to the loop."""
    try:
        loop.call_soon_threadsafe(settle, future)
    except RuntimeError:
        logger.debug("Pub/Sub answered after the loop was closed")
