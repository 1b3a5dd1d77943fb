"""The sink `http`: signed CloudEvents, one request per attempt, or one for several."""

from __future__ import annotations

import functools
import time
from typing import Final

import httpx

from asyncevents_core.errors import InvalidSecret
from asyncevents_core.plugin import DeliveryRequest, Failure, Outcome, Sink
from asyncevents_http import outcomes
from asyncevents_http.batching import Batches
from asyncevents_http.clients import client_of
from asyncevents_http.config import HttpConfig
from asyncevents_http.guard import AddressRefused, HostMalformed
from asyncevents_http.keys import Keys
from asyncevents_http.options import HttpOptions
from asyncevents_http.preparing import Preparations
from asyncevents_http.recipients import Recipient, read_recipient
from asyncevents_http.resolving import GuardedResolver
from asyncevents_http.wire.errors import WireError

_KEPT: Final = 4096


class HttpSink(Sink):
    """Sends over a wire of its own, or over HTTP/2 if the options say so.

    Raises `SettingsError` where `ca_certs` cannot be read, and `MissingExtra` where `http2` needs
    one.
    """

    def __init__(self, config: HttpConfig) -> None:
        self._config = config
        self._cap = config.response_cap
        self._resolver = GuardedResolver(config.guard, threads=config.dns_threads)
        self._client = client_of(config, self._resolver)
        self._preparations = Preparations(self._client, config)
        self._batches = Batches(self._preparations)
        self._keys = functools.lru_cache(_KEPT)(Keys)
        self._unprepared = functools.lru_cache(_KEPT)(self._read)

    async def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        """See `Sink`."""
        try:
            recipient = request.prepared
            if recipient is None:
                recipient = self._unprepared(request.target)
            keys = self._keys(request.secrets)
        except (HostMalformed, InvalidSecret, httpx.InvalidURL) as error:
            return Outcome.failed(Failure.INVALID, str(error))
        limit = min(deadline, recipient.timeout)
        if recipient.batching is not None and recipient.refusal is None:
            return await self._batches.deliver(recipient, request, keys, limit)
        message = recipient.message(request, keys, timestamp=int(time.time()))
        if not recipient.direct:
            return await self._preparations.carry(recipient, message, limit)
        try:
            answer = await self._client.send(recipient, message, limit)
        except (WireError, AddressRefused) as error:
            return outcomes.of_error(error)
        reading = recipient.reading
        outcome = outcomes.of_answer(answer, cap=self._cap, reading=reading)
        return outcome if reading is None else reading.without_secrets(outcome)

    async def close(self) -> None:
        """See `Sink`."""
        await self._client.close()
        await self._batches.close()
        await self._preparations.close()
        await self._resolver.close()

    def _read(self, target: str) -> Recipient:
        """Read the target of a request that nobody has prepared: one without options."""
        return read_recipient(target, HttpOptions(), self._config)
