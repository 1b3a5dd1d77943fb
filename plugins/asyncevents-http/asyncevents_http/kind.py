"""The type of the sink `http`: what it is called, and its targets. Loads no HTTP client."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from asyncevents_core.errors import InvalidOptions, InvalidTarget
from asyncevents_core.plugin import DeliveryRequest, SentRequest, Sink, SinkType
from asyncevents_http.config import HttpConfig
from asyncevents_http.guard import AddressRefused, HostMalformed
from asyncevents_http.options import HttpOptions

if TYPE_CHECKING:
    from asyncevents_http.recipients import Recipient

LONGEST_TARGET: Final = 2048


class HttpSinkType(SinkType[HttpConfig, HttpOptions]):
    """Registers the sink `http`."""

    name = "http"
    title = "HTTP webhook (CloudEvents, Standard Webhooks)"
    config_class = HttpConfig
    options_class = HttpOptions
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

    def validate_options(self, options: HttpOptions, target: str, config: HttpConfig) -> None:
        """See `SinkType`: times, the token's URL, and the client certificate, today too."""
        if options.timeout is not None and options.timeout > config.timeout:
            raise InvalidOptions(
                f"options.timeout: at most {config.timeout:g} s, which is SINKS['http']['timeout']"
            )
        recipient = self.prepare(target, options, config)
        identity = recipient.origin.identity
        if identity is None:
            return
        if not recipient.origin.tls:
            raise InvalidOptions(
                "options.client_certificate: a target of http:// has no TLS to present it in; use "
                "https://"
            )
        problem = identity.problem(time.time())
        if problem is not None:
            raise InvalidOptions(f"options.client_certificate: {problem}")

    def prepare(self, target: str, options: HttpOptions, config: HttpConfig) -> Recipient:
        """See `SinkType`."""
        import httpx

        from asyncevents_http.recipients import client_credentials, read_recipient

        try:
            client_credentials(options, config)
        except (AddressRefused, HostMalformed, ValueError) as error:
            raise InvalidOptions(f"options.token_url: {error}") from error
        try:
            return read_recipient(target, options, config)
        except (HostMalformed, httpx.InvalidURL) as error:
            raise InvalidTarget(str(error)) from error
        except ValueError as error:
            raise InvalidOptions(f"options: {error}") from error

    def privileges(self, options: HttpOptions, target: str, config: HttpConfig) -> Sequence[str]:
        """See `SinkType`: none; requests are signed with the subscription's own secret.

        A proxy is not lent: it stands before all subscriptions, and keeps them in.
        """
        return ()

    def request_of(
        self, request: DeliveryRequest, config: HttpConfig, *, at: float
    ) -> SentRequest | None:
        """See `SinkType`: of a batch it is the request that would be sent for this event alone.

        A token that would be fetched first is a word in capitals.
        """
        from asyncevents_http.sent import sent_request

        recipient = request.prepared
        options = request.options
        if not isinstance(options, HttpOptions):
            options = HttpOptions()
        if recipient is None:
            recipient = self.prepare(request.target, options, config)
        return sent_request(request, recipient, options, timestamp=int(at))

    def open(self, config: HttpConfig) -> Sink:
        """See `SinkType`."""
        from asyncevents_http.sink import HttpSink

        return HttpSink(config)
