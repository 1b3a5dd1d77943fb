"""The sink `servicebus`: messages over AMQP 1.0, through Microsoft's SDK.

Its asynchronous client is used, because what the other one waits for cannot be ended.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextvars import Context
from itertools import groupby
from typing import Any, Final, cast

import httpx
from attrs import field, frozen
from azure.core.credentials import AccessToken, AzureNamedKeyCredential, AzureSasCredential
from azure.servicebus import ServiceBusMessage, ServiceBusMessageBatch, exceptions
from azure.servicebus.aio import ServiceBusClient, ServiceBusSender

from asyncevents_azure.kinds import (
    BusCredentials,
    Credentials,
    Prepared,
    ServiceBusConfig,
)
from asyncevents_azure.messages import message_of
from asyncevents_azure.opened import Opened
from asyncevents_azure.sink import AzureSink, Refused, Tokens, Verdict, line
from asyncevents_core.plugin import BatchLimits, DeliveryRequest, Failure, Outcome, OutcomeKind

logger = logging.getLogger("asyncevents.azure")

SCOPE: Final = "https://servicebus.azure.net/.default"
_MOST: Final = 100
_IN_CALL: Final = 1024 * 1024
"""Bytes taken from the engine at a time; the link says how many go into a batch."""
_IDLE: Final = 60.0
"""Seconds after which an unused connection is not used again: Service Bus cuts it some time."""
_CLOSING: Final = 5.0

_BY_CLASS: Final[Mapping[type[Exception], Failure]] = {
    exceptions.OperationTimeoutError: Failure.TIMED_OUT,
    exceptions.ServiceBusServerBusyError: Failure.THROTTLED,
    exceptions.ServiceBusQuotaExceededError: Failure.THROTTLED,
    exceptions.ServiceBusAuthenticationError: Failure.CREDENTIALS,
    exceptions.ServiceBusAuthorizationError: Failure.DENIED,
    exceptions.MessagingEntityNotFoundError: Failure.UNKNOWN_TARGET,
    # It can be enabled again.
    exceptions.MessagingEntityDisabledError: Failure.UNAVAILABLE,
    exceptions.MessageSizeExceededError: Failure.TOO_LARGE,
    exceptions.ServiceBusConnectionError: Failure.NETWORK,
    exceptions.ServiceBusCommunicationError: Failure.NETWORK,
}
_BY_CONDITION: Final[Mapping[str, Failure]] = {
    "amqp:link:detach-forced": Failure.UNAVAILABLE,
    "amqp:connection:forced": Failure.UNAVAILABLE,
    "amqp:internal-error": Failure.UNAVAILABLE,
    "amqp:not-allowed": Failure.INVALID,
    "amqp:not-implemented": Failure.INVALID,
    "amqp:invalid-field": Failure.INVALID,
    "amqp:decode-error": Failure.INVALID,
    "amqp:precondition-failed": Failure.INVALID,
    "com.microsoft:argument-error": Failure.INVALID,
    "com.microsoft:argument-out-of-range": Failure.INVALID,
    "com.microsoft:precondition-failed": Failure.INVALID,
}
"""Goes before the class. What is in neither is `UNAVAILABLE`."""
_REFUSED_TOKENS: Final[Mapping[int, Failure]] = {
    404: Failure.UNKNOWN_TARGET,
    429: Failure.THROTTLED,
    500: Failure.UNAVAILABLE,
    503: Failure.UNAVAILABLE,
}
_ADVICE: Final = (
    "Service Bus does not accept the credentials; check the policy and its key, the end of the "
    "token, or the application"
)


class _Application:
    """What the SDK asks for tokens of Entra ID."""

    def __init__(self, tokens: Tokens, credentials: Credentials) -> None:
        self._tokens, self._credentials = tokens, credentials

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token with its end in seconds since the epoch."""
        # In a context of its own: what asks for tokens is not this sender's to close.
        asking = self._tokens.get(self._credentials)
        token = await asyncio.get_running_loop().create_task(asking, context=Context())
        left = token.ends - asyncio.get_running_loop().time()
        return AccessToken(token.text, int(time.time() + left))

    async def close(self) -> None:
        """Nothing is open."""

    async def __aenter__(self) -> _Application:
        return self

    async def __aexit__(self, *error: object) -> None:
        """Nothing is open."""


@frozen(kw_only=True)
class _Sender:
    """A sender of the SDK's with the connections that it opened."""

    sdk: ServiceBusSender
    opened: Opened = field(factory=Opened)


@frozen(kw_only=True)
class _Unused:
    """A sender with its connection, unused since a time of the loop's clock."""

    prepared: Prepared
    sender: _Sender
    since: float


class ServiceBusSink(AzureSink[ServiceBusMessage]):
    """Sends to queues and topics, in batches of the SDK's."""

    accepted = "accepted by Service Bus"
    limits = BatchLimits(entries=_MOST, bytes=_IN_CALL)

    def __init__(self, config: ServiceBusConfig) -> None:
        super().__init__(config.timeout)
        self._config = config
        self._unused: list[_Unused] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._http: httpx.AsyncClient | None = None
        self._tokens: Tokens | None = None

    async def _deliver(
        self, prepared: Prepared, requests: Sequence[DeliveryRequest], outcomes: dict[int, Outcome]
    ) -> None:
        application = await self._application(prepared)
        messages = [(number, message_of(one)) for number, one in enumerate(requests)]
        # Service Bus refuses a batch of several sessions. The order within each stays.
        messages.sort(key=_key)
        sender = self._take(prepared, application)
        sender.opened.here()

        async def send(several: Sequence[ServiceBusMessage]) -> Verdict | None:
            return await _send(sender.sdk, several)

        try:
            for _, of_one_key in groupby(messages, key=_key):
                for pack in await _packs(sender.sdk, list(of_one_key)):
                    await self._attempt(pack, send, outcomes)
        except exceptions.ServiceBusError as error:
            verdict = verdict_on(error)
            if verdict.failure is Failure.CREDENTIALS and self._tokens is not None:
                self._tokens.forget(prepared.credentials)
            raise Refused(verdict) from error
        except asyncio.CancelledError:
            # The time is over, or the sink closes. Saying goodbye would wait for an answer, too.
            sender.opened.cut()
            raise
        finally:
            sent = [outcomes[number].kind for number in range(len(requests)) if number in outcomes]
            if sent == [OutcomeKind.DELIVERED] * len(requests):
                self._keep(_Unused(prepared=prepared, sender=sender, since=_now()))
            else:
                self._drop(sender)

    async def _application(self, prepared: Prepared) -> _Application | None:
        """Return what gives tokens, where they are Entra ID's; one is there by now."""
        credentials = prepared.credentials
        if credentials.client_id is None:
            return None
        if self._http is None or self._tokens is None:
            # The limit for a batch as a whole is set around it.
            self._http = httpx.AsyncClient(timeout=self._config.timeout)
            self._tokens = Tokens(self._http, self._config.authority, SCOPE)
        # The SDK would log what this raises as a bug.
        await self._tokens.get(credentials)
        return _Application(self._tokens, credentials)

    def _take(self, prepared: Prepared, application: _Application | None) -> _Sender:
        """Return a sender that nobody else uses: the SDK's are not made for several at once."""
        for place in reversed(range(len(self._unused))):
            if self._unused[place].prepared == prepared:
                found = self._unused.pop(place)
                if found.since + _IDLE > _now():
                    return found.sender
                self._drop(found.sender)
        emulator = self._config.emulator
        client = ServiceBusClient(
            emulator or prepared.host,
            application or _credential(prepared.credentials),
            # The engine retries.
            retry_total=0,
            use_tls=emulator is None,
        )
        return _Sender(sdk=client.get_queue_sender(prepared.place))

    def _keep(self, unused: _Unused) -> None:
        self._unused.append(unused)
        while (
            len(self._unused) > self._config.connections
            or self._unused[0].since + _IDLE < unused.since
        ):
            self._drop(self._unused.pop(0).sender)

    def _drop(self, sender: _Sender) -> None:
        """Close a sender, without waiting for it."""
        task = asyncio.get_running_loop().create_task(_closed(sender))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        # Here, since a task that is cancelled before it begins does nothing at all.
        task.add_done_callback(lambda _: sender.opened.cut())

    async def _release(self) -> None:
        for one in self._unused:
            self._drop(one.sender)
        self._unused.clear()
        if self._http is not None:
            await self._http.aclose()
        if self._closing:
            await asyncio.wait(self._closing)


def _key(numbered: tuple[int, ServiceBusMessage]) -> str:
    _, message = numbered
    return message.session_id or message.partition_key or ""


def _now() -> float:
    return asyncio.get_running_loop().time()


def _credential(given: Credentials) -> AzureNamedKeyCredential | AzureSasCredential:
    credentials = cast(BusCredentials, given)
    if credentials.sas_token is not None:
        return AzureSasCredential(credentials.sas_token)
    return AzureNamedKeyCredential(credentials.access_key_name, credentials.access_key or "")


async def _packs(
    sender: ServiceBusSender, messages: Sequence[tuple[int, ServiceBusMessage]]
) -> list[list[tuple[int, ServiceBusMessage]]]:
    """Return messages in packs that each fit into a batch; one that fits into none is alone.

    Opens the link, which says how large a batch may be. Raises the SDK's errors.
    """
    packs: list[list[tuple[int, ServiceBusMessage]]] = []
    batch: ServiceBusMessageBatch | None = None
    for one in messages:
        if batch is not None and _added(batch, one[1]):
            packs[-1].append(one)
            continue
        batch = await sender.create_message_batch()
        packs.append([one])
        if not _added(batch, one[1]):
            batch = None
    return packs


def _added(batch: ServiceBusMessageBatch, message: ServiceBusMessage) -> bool:
    try:
        batch.add_message(message)
    except exceptions.MessageSizeExceededError:
        return False
    return True


async def _send(sender: ServiceBusSender, messages: Sequence[ServiceBusMessage]) -> Verdict | None:
    """Send in one transfer; return why nothing was accepted."""
    try:
        if len(messages) == 1:
            await sender.send_messages(messages[0])
        else:
            batch = await sender.create_message_batch()
            for one in messages:
                batch.add_message(one)
            await sender.send_messages(batch)
    except exceptions.ServiceBusError as error:
        return verdict_on(error)
    return None


async def _closed(sender: _Sender) -> None:
    try:
        async with asyncio.timeout(_CLOSING):
            await sender.sdk.close()
    except Exception as error:
        # Whatever it is, nobody uses this connection any more.
        logger.info("a connection to Service Bus did not close: %r", error)


def verdict_on(error: exceptions.ServiceBusError) -> Verdict:
    """Return what an error of the SDK means."""
    cause: Any = error.inner_exception
    status = getattr(cause, "status_code", None)
    failure = _failure(error, _condition(cause), status)
    if failure is Failure.CREDENTIALS:
        # What the server says may repeat a part of the token.
        return Verdict(failure=failure, detail=_ADVICE)
    return Verdict(failure=failure, detail=line(f"{type(error).__name__}: {error.message}"))


def _failure(error: exceptions.ServiceBusError, condition: str, status: object) -> Failure:
    if isinstance(status, int) and status in _REFUSED_TOKENS:
        return _REFUSED_TOKENS[status]
    if condition in _BY_CONDITION:
        return _BY_CONDITION[condition]
    return _BY_CLASS.get(type(error), Failure.UNAVAILABLE)


def _condition(cause: Any) -> str:
    """Return the condition of an AMQP error, which the SDK has as an enumeration or as bytes."""
    condition = getattr(cause, "condition", None)
    condition = getattr(condition, "value", condition)
    return condition.decode() if isinstance(condition, bytes) else str(condition or "")
