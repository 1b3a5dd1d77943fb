"""The sink `amqp`: each attempt is one message, and the broker's confirm is its outcome."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, Final

from aiormq.exceptions import (
    AMQPError,
    AuthenticationError,
    ChannelAccessRefused,
    ChannelClosed,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    ConnectionClosed,
    DeliveryError,
    ProbableAuthenticationError,
    PublishError,
)
from attrs import define
from pamqp.commands import Basic

from asyncevents_amqp.config import AmqpConfig, AmqpOptions, Route
from asyncevents_amqp.connections import Connections, Link, Retired, Withdrawn
from asyncevents_amqp.messages import CONTENT_TYPE, Message, Refused, message_of
from asyncevents_core.errors import SettingsError
from asyncevents_core.plugin import DeliveryRequest, Failure, Outcome, Sink

LONGEST_TEXT: Final = 300
_CONTENT_TOO_LARGE: Final = 311
_NOT_ALLOWED: Final = 530
_CLOSED: Final = "the connection was closed before the broker confirmed the message"


@define
class _Progress:
    """How far an attempt came: `link` is there once it was connected."""

    link: Link | None = None


class AmqpSink(Sink):
    """Publishes. Raises `SettingsError` where `ca_certs` cannot be read."""

    def __init__(self, config: AmqpConfig) -> None:
        self._config = config
        self._connections = Connections(config, _context(config))

    async def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        """See `Sink`."""
        deadline = min(deadline, self._config.timeout)
        route: Route = request.prepared
        progress = _Progress()
        try:
            async with asyncio.timeout(deadline):
                return await self._publish(request, route, progress)
        except TimeoutError:
            return await self._late(route, progress, deadline)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody cancelled this attempt: so aiormq ends those of a connection that is closed.
            return Outcome.failed(Failure.UNAVAILABLE, _CLOSED)
        except Exception as error:
            outcome = outcome_of(error)
            if outcome is None:
                raise
            return outcome

    async def close(self) -> None:
        """See `Sink`."""
        await self._connections.close()

    async def _publish(
        self, request: DeliveryRequest, route: Route, progress: _Progress
    ) -> Outcome:
        options: AmqpOptions = request.options
        message = message_of(
            request,
            route.routing_key,
            options.headers,
            persistent=options.persistent,
            max_bytes=options.max_bytes,
        )
        if route.server is None:
            raise Refused(
                Failure.CREDENTIALS,
                "neither the subscription's options nor SINKS['amqp'] name a user",
            )
        while True:
            try:
                async with self._connections.using(route.server) as link:
                    progress.link = link
                    await link.publish(
                        body=message.body,
                        exchange=route.exchange,
                        routing_key=message.routing_key,
                        properties=_properties(message),
                        mandatory=options.mandatory,
                    )
            except Retired:
                # While it waited for room. Each connection takes a message at least.
                continue
            return Outcome.delivered(f"confirmed, routing key {message.routing_key!r}")

    async def _late(self, route: Route, progress: _Progress, deadline: float) -> Outcome:
        if progress.link is None:
            what = f"no connection to {route.server}"
        elif await progress.link.blocked():
            what = (
                f"{route.server} blocks publishers (connection.blocked): it is short of memory "
                "or disk; no confirm"
            )
        else:
            # It may be dead without a word.
            progress.link.retire()
            what = f"no confirm of {route.server}"
        return Outcome.failed(Failure.TIMED_OUT, f"{what} within {deadline:g} s")


def outcome_of(error: Exception) -> Outcome | None:
    """Return what an error means; None if it is none of the client's."""
    if isinstance(error, Refused):
        return Outcome.failed(error.failure, str(error))
    if isinstance(error, Withdrawn):
        return Outcome.failed(Failure.UNAVAILABLE, "the sink was closed; nothing was sent")
    # aiormq's way to say that the connection was closed meanwhile.
    if type(error) is Exception or isinstance(error, ChannelInvalidStateError):
        return Outcome.failed(Failure.UNAVAILABLE, _CLOSED)
    failure = _failure(error)
    if failure is None:
        return None
    return Outcome.failed(failure, _text(error))


def _failure(error: Exception) -> Failure | None:
    if isinstance(error, PublishError):
        return Failure.UNKNOWN_TARGET
    if isinstance(error, DeliveryError):
        return Failure.UNAVAILABLE
    if isinstance(error, ProbableAuthenticationError | AuthenticationError):
        return Failure.CREDENTIALS
    if isinstance(error, ChannelClosed):
        return _of_channel(error)
    if isinstance(error, ConnectionClosed):
        return _of_connection(error)
    if isinstance(error, OSError):
        return Failure.NETWORK
    return Failure.UNAVAILABLE if isinstance(error, AMQPError) else None


def _of_channel(error: ChannelClosed) -> Failure:
    if isinstance(error, ChannelNotFoundEntity):
        return Failure.UNKNOWN_TARGET
    if isinstance(error, ChannelAccessRefused):
        return Failure.DENIED
    if isinstance(error, ChannelPreconditionFailed):
        # RabbitMQ has no code of its own for it.
        return Failure.TOO_LARGE if "message size" in _text(error) else Failure.INVALID
    return Failure.TOO_LARGE if error.args[:1] == (_CONTENT_TOO_LARGE,) else Failure.UNAVAILABLE


def _of_connection(error: ConnectionClosed) -> Failure:
    if error.args[:1] != (_NOT_ALLOWED,):
        return Failure.UNAVAILABLE
    text = _text(error)
    if "not found" in text:
        return Failure.UNKNOWN_TARGET
    # A limit of connections has the same code, and passes.
    return Failure.DENIED if "refused" in text and "limit" not in text else Failure.UNAVAILABLE


def _text(error: Exception) -> str:
    """Return the broker's words, or the system's."""
    if isinstance(error, PublishError):
        return "no queue takes the message: bind one to the exchange, or correct routing_key"
    if isinstance(error, DeliveryError):
        return "the broker did not take the message (nack): a queue is full, or failed"
    words = " ".join(str(one) for one in error.args if one is not None)
    shown = " ".join(words.split()) or type(error).__name__
    return shown if len(shown) <= LONGEST_TEXT else f"{shown[:LONGEST_TEXT]} …"


def _properties(message: Message) -> Basic.Properties:
    headers: dict[str, Any] = message.headers
    return Basic.Properties(
        content_type=CONTENT_TYPE,
        headers=headers,
        delivery_mode=2 if message.persistent else 1,
        message_id=message.message_id,
        message_type=message.kind,
        timestamp=message.timestamp,
        app_id="asyncevents",
    )


def _context(config: AmqpConfig) -> ssl.SSLContext:
    context = ssl.create_default_context()
    # A certificate names its hosts as alternative names; a common name is no proof (RFC 9525).
    context.hostname_checks_common_name = False
    if config.ca_certs is not None:
        try:
            context.load_verify_locations(cafile=config.ca_certs)
        except OSError as error:
            raise SettingsError(
                [f"ca_certs: certificates cannot be read from {config.ca_certs!r}: {error}"],
                origin="SINKS['amqp']",
            ) from error
    return context
