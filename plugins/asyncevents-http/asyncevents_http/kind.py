"""The type of the sink `http`: what it is called, and its targets. Loads no HTTP client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from asyncevents_core.errors import InvalidTarget
from asyncevents_core.plugin import DeliveryRequest, NoOptions, SentRequest, Sink, SinkType
from asyncevents_http.config import HttpConfig
from asyncevents_http.guard import AddressRefused, HostMalformed
from asyncevents_http.headers import (
    MAGENTO_SIGNATURE,
    SIGNATURE,
    common_headers,
    own_headers,
)
from asyncevents_http.signing import signers

LONGEST_TARGET: Final = 2048


class HttpSinkType(SinkType[HttpConfig, NoOptions]):
    """Registers the sink `http`."""

    name = "http"
    title = "HTTP webhook (CloudEvents, Standard Webhooks)"
    config_class = HttpConfig
    signs = True

    def validate_target(self, target: str, config: HttpConfig) -> None:
        """See `SinkType`: http(s), a host, no credentials; addresses and names are checked."""
        if len(target) > LONGEST_TARGET:
            raise InvalidTarget(f"a target has at most {LONGEST_TARGET} characters")
        if any(character.isspace() or not character.isprintable() for character in target):
            raise InvalidTarget("a target has no spaces or control characters")
        # Imported here, as the sink is below: applications that publish need neither.
        import httpx

        try:
            parts = urlsplit(target)
            port = parts.port
            host = httpx.URL(target).raw_host.decode("ascii")
        except (ValueError, httpx.InvalidURL) as error:
            raise InvalidTarget(f"{target!r} is not a URL: {error}") from error
        if parts.scheme not in {"http", "https"}:
            raise InvalidTarget(f"{target!r}: the scheme must be http or https")
        if not parts.hostname or port == 0:
            raise InvalidTarget(f"{target!r}: a host is missing")
        if parts.username is not None or parts.password is not None:
            raise InvalidTarget("a target must not contain credentials: they would be logged")
        if parts.fragment:
            raise InvalidTarget(f"{target!r}: a fragment (#…) is never sent; remove it")
        try:
            config.guard.check_written(parts.scheme, host, port)
        except (AddressRefused, HostMalformed) as error:
            raise InvalidTarget(str(error)) from error

    def privileges(self, options: NoOptions, target: str, config: HttpConfig) -> Sequence[str]:
        """See `SinkType`: none; requests are signed with the subscription's own secret."""
        return ()

    def request_of(
        self, request: DeliveryRequest, config: HttpConfig, *, at: float
    ) -> SentRequest | None:
        """See `SinkType`."""
        own = own_headers(request, signers(request.secrets), config, timestamp=int(at))
        return SentRequest(
            method="POST",
            url=request.target,
            headers=tuple(
                (name.decode(), value.decode()) for name, value in (*common_headers(config), *own)
            ),
            body=request.body,
            signed=(SIGNATURE.decode(), MAGENTO_SIGNATURE.decode()),
        )

    def open(self, config: HttpConfig) -> Sink:
        """See `SinkType`."""
        from asyncevents_http.sink import HttpSink

        return HttpSink(config)
