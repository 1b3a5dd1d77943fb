"""The sink `mcp`: signed messages of the Model Context Protocol, one POST per attempt."""

from __future__ import annotations

import functools
import time
from typing import Final

import httpx

from asyncevents_core.errors import InvalidSecret
from asyncevents_core.plugin import DeliveryRequest, Failure, Outcome, Sink
from asyncevents_http import outcomes
from asyncevents_http.clients import Call, client_of
from asyncevents_http.guard import AddressRefused, HostMalformed
from asyncevents_http.mcp_messages import LARGEST, McpConfig, McpOptions, headers_of, message_of
from asyncevents_http.options import HttpOptions
from asyncevents_http.recipients import Recipient, read_recipient
from asyncevents_http.resolving import GuardedResolver
from asyncevents_http.wire.errors import WireError

_MICROS: Final = 1_000_000
_KEPT: Final = 4096


class McpSink(Sink):
    """Posts as the sink `http` does. Raises `SettingsError` as `HttpSink`."""

    def __init__(self, config: McpConfig) -> None:
        self._config = config
        self._resolver = GuardedResolver(config.guard, threads=config.dns_threads)
        self._client = client_of(config, self._resolver)
        self._recipient = functools.lru_cache(_KEPT)(self._read)

    async def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        """See `Sink`. What is over is not sent: its recipient did not renew it."""
        options: McpOptions = request.options
        now = time.time()
        if options.expires_at is not None and options.expires_at <= now * _MICROS:
            return Outcome.gone("the subscription was not renewed in time: nothing was sent")
        message = message_of(request, self._config)
        if len(message.body) > LARGEST:
            return Outcome.failed(
                Failure.TOO_LARGE,
                f"the message has {len(message.body)} bytes: clients take {LARGEST} at most",
            )
        try:
            recipient = self._recipient(request.target)
            headers = headers_of(request, message, self._config, timestamp=int(now))
        except (HostMalformed, InvalidSecret, httpx.InvalidURL) as error:
            return Outcome.failed(Failure.INVALID, str(error))
        if recipient.refusal is not None:
            return Outcome.failed(Failure.DENIED, recipient.refusal)
        call = Call(
            method=recipient.method,
            origin=recipient.origin,
            host=recipient.host,
            target=recipient.target,
            headers=headers,
            body=message.body,
            body_cap=max(self._config.response_cap, message.response_cap),
        )
        try:
            answer = await self._client.call(call, min(deadline, recipient.timeout))
        except (WireError, AddressRefused) as error:
            return outcomes.of_error(error)
        return outcomes.of_answer(answer, cap=call.body_cap)

    async def close(self) -> None:
        """See `Sink`."""
        await self._client.close()
        await self._resolver.close()

    def _read(self, target: str) -> Recipient:
        """Read a callback: it is one of the sink `http` without options."""
        return read_recipient(target, HttpOptions(), self._config)
