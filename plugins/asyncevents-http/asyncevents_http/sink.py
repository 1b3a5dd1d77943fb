"""The sink `http`: CloudEvents in structured mode, signed, one POST per attempt."""

from __future__ import annotations

import functools
from typing import Final

import httpx

from asyncevents_core.errors import InvalidSecret
from asyncevents_core.plugin import DeliveryRequest, Failure, Outcome, Sink
from asyncevents_http import outcomes
from asyncevents_http.clients import client_of
from asyncevents_http.config import HttpConfig
from asyncevents_http.guard import AddressRefused, HostMalformed
from asyncevents_http.recipients import Recipient, read_recipient
from asyncevents_http.resolving import GuardedResolver
from asyncevents_http.wire.errors import WireError

_RECIPIENTS_KEPT: Final = 4096


class HttpSink(Sink):
    """Posts over a wire of its own, or over HTTP/2 if the options say so.

    Raises `SettingsError` where `ca_certs` cannot be read, and `MissingExtra` where `http2` needs
    one.
    """

    def __init__(self, config: HttpConfig) -> None:
        self._config = config
        self._resolver = GuardedResolver(config.guard, threads=config.dns_threads)
        self._client = client_of(config, self._resolver)
        self._recipient = functools.lru_cache(_RECIPIENTS_KEPT)(self._read)

    async def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        """See `Sink`."""
        try:
            answer = await self._client.post(
                self._recipient(request.target, request.secrets),
                request,
                min(deadline, self._config.timeout),
            )
        except WireError as error:
            return outcomes.of_error(error)
        except AddressRefused as error:
            return Outcome.failed(Failure.DENIED, str(error))
        except (HostMalformed, InvalidSecret, httpx.InvalidURL) as error:
            return Outcome.failed(Failure.INVALID, str(error))
        return outcomes.of_answer(answer, cap=self._config.response_cap)

    async def close(self) -> None:
        """See `Sink`."""
        await self._client.close()
        await self._resolver.close()

    def _read(self, target: str, secrets: tuple[str, ...]) -> Recipient:
        return read_recipient(target, secrets, self._config)
