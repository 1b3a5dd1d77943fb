"""The sink `http`: CloudEvents in structured mode, signed, one POST per attempt."""

from __future__ import annotations

import asyncio
import functools
import time
from typing import Final

import aiohttp
import httpx
from attrs import frozen
from httpx_aiohttp import AiohttpTransport

from asyncevents_core.errors import InvalidSecret, SettingsError
from asyncevents_core.plugin import DeliveryRequest, Failure, Outcome, Sink
from asyncevents_http import outcomes
from asyncevents_http.config import HttpConfig
from asyncevents_http.connecting import new_session
from asyncevents_http.guard import AddressRefused, HostMalformed
from asyncevents_http.headers import common_headers, own_headers
from asyncevents_http.resolving import GuardedResolver
from asyncevents_http.signing import Signer, signers

_CUT: Final = " … (cut)"
_RECIPIENTS_KEPT: Final = 4096


@frozen
class _Recipient:
    """What stays the same from one request to the next."""

    url: httpx.URL
    signers: tuple[Signer, ...]


class HttpSink(Sink):
    """Posts. httpx's types on aiohttp's connections, without httpx's client in between.

    Raises `SettingsError` where `ca_certs` cannot be read.
    """

    def __init__(self, config: HttpConfig) -> None:
        self._config = config
        self._guard = config.guard
        self._resolver = GuardedResolver(self._guard, threads=config.dns_threads)
        self._transport = AiohttpTransport(client=self._session, trust_env=False)
        # A certificate names its hosts as alternative names; a common name is no proof (RFC 9525).
        self._transport.ssl_context.hostname_checks_common_name = False
        if config.ca_certs is not None:
            self._trust(config.ca_certs)
        self._recipient = functools.lru_cache(_RECIPIENTS_KEPT)(self._new_recipient)
        self._extensions = {"timeout": {"connect": config.connect_timeout}}
        self._headers = common_headers(config)

    async def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        """See `Sink`."""
        deadline = min(deadline, self._config.timeout)
        response: httpx.Response | None = None
        kept = bytearray()
        note = ""
        try:
            recipient = self._recipient(request.target, request.secrets)
            async with asyncio.timeout(deadline):
                response = await self._transport.handle_async_request(
                    self._request(request, recipient)
                )
                await self._read(response, kept)
        except AddressRefused as error:
            return Outcome.failed(Failure.DENIED, str(error))
        except (HostMalformed, InvalidSecret, httpx.InvalidURL) as error:
            return Outcome.failed(Failure.INVALID, str(error))
        # ValueError: what the libraries cannot encode or decode.
        except (httpx.HTTPError, aiohttp.ClientError, OSError, ValueError) as error:
            if response is None:
                return outcomes.of_error(error, deadline)
            # What the status says stands, even if the body does not arrive.
            note = f"its body did not arrive ({type(error).__name__})"
        finally:
            if response is not None:
                await response.aclose()
        return outcomes.of_response(response.status_code, response.headers, self._text(kept), note)

    async def close(self) -> None:
        """See `Sink`."""
        await self._transport.aclose()
        await self._resolver.close()

    def _trust(self, path: str) -> None:
        try:
            self._transport.ssl_context.load_verify_locations(cafile=path)
        except OSError as error:
            raise SettingsError(
                [f"ca_certs: certificates cannot be read from {path!r}: {error}"],
                origin="SINKS['http']",
            ) from error

    def _session(self) -> aiohttp.ClientSession:
        return new_session(self._resolver, self._transport.ssl_context)

    def _request(self, request: DeliveryRequest, recipient: _Recipient) -> httpx.Request:
        own = own_headers(request, recipient.signers, self._config, timestamp=int(time.time()))
        made = httpx.Request(
            "POST",
            recipient.url,
            headers=[*self._headers, *own],
            # Not as content: aiohttp adds the headers that httpx would then work out.
            stream=httpx.ByteStream(request.body),
            extensions=self._extensions,
        )
        made.read()
        return made

    async def _read(self, response: httpx.Response, kept: bytearray) -> None:
        """Read a little more than the cap."""
        # Not through the response, whose bookkeeping takes as long as a small body.
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101
        async for chunk in response.stream:
            kept += chunk
            if len(kept) > self._config.response_cap:
                return

    def _text(self, kept: bytearray) -> str:
        cap = self._config.response_cap
        return kept[:cap].decode("utf-8", "replace") + (_CUT if len(kept) > cap else "")

    def _new_recipient(self, target: str, secrets: tuple[str, ...]) -> _Recipient:
        """Raise `AddressRefused` where the target is an address that may not be reached.

        Raises `HostMalformed`, httpx.InvalidURL or `InvalidSecret` for what is malformed.
        """
        url = httpx.URL(target)
        self._guard.check_written(url.scheme, url.raw_host.decode("ascii"), url.port)
        return _Recipient(url, signers(secrets))
