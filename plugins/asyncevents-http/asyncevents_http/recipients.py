"""What stays the same from one request to a recipient to the next."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import httpx
from attrs import define, field, frozen

from asyncevents_core.plugin import DeliveryRequest
from asyncevents_http.config import HttpConfig
from asyncevents_http.guard import AddressRefused
from asyncevents_http.headers import (
    MAGENTO_SIGNATURE,
    SIGNATURE,
    common_headers,
    content_type_of,
    trace_headers,
)
from asyncevents_http.identities import Identity, read_identity
from asyncevents_http.keys import Keys
from asyncevents_http.message_signatures import signature_headers
from asyncevents_http.modes import FORMS, Form
from asyncevents_http.options import HttpOptions
from asyncevents_http.reading import Reading
from asyncevents_http.signing import magento_signature
from asyncevents_http.tokens import ClientCredentials
from asyncevents_http.wire.exchange import Headers, Origin

Place = tuple[Origin, bytes, bytes]
"""Where requests go."""

_PORTS: Final = {"http": 80, "https": 443}
_PRINTABLE: Final = "".join(chr(code) for code in range(0x21, 0x7F))
"""What goes out as it is: whoever wrote "%3A" or "[" wants just that to arrive."""


@define
class Message:
    """What one request has of its own: headers, and the body. Not changed once it is made.

    `id` tells it from others, also from those of other subscriptions to the same event.
    """

    # Not frozen: one is made for each attempt, and a frozen one takes longer.
    id: str
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)


@frozen(kw_only=True)
class Signing:
    """How the requests of a subscription are signed."""

    standard: bool = True
    messages: bool = False
    magento: bool = False


@frozen(kw_only=True)
class Consent:
    """That a recipient is asked for its consent, and for how many requests a minute."""

    rate: int | None


@frozen(kw_only=True)
class Batching:
    """How many deliveries travel together: at most, in bytes, and how long one waits, seconds."""

    count: int
    bytes: int
    wait: float


@frozen(kw_only=True, cache_hash=True)
class Recipient:
    """A target and the options of a subscription to it, read. Immutable, thread-safe.

    `timeout` is that of an attempt, in seconds. `refusal` says why the target may not be
    connected to; `reading` what answers mean, where that is not the usual. `credentials`,
    `consent` and `batching` are there where a subscription wants them.
    """

    origin: Origin
    host: bytes
    target: bytes
    method: str
    content_type: str
    common: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    timeout: float
    signing: Signing
    form: Form | None = None
    reading: Reading | None = None
    refusal: str | None = None
    credentials: ClientCredentials | None = field(default=None, repr=False)
    consent: Consent | None = None
    batching: Batching | None = None
    direct: bool = field(init=False, eq=False)
    """Whether nothing has to be done before a request is sent."""
    _prefix: bytes = field(init=False, repr=False, eq=False)

    @direct.default
    def _is_direct(self) -> bool:
        return (
            self.refusal is None
            and self.origin.identity is None
            and self.credentials is None
            and self.consent is None
            and self.batching is None
        )

    @_prefix.default
    def _write_prefix(self) -> bytes:
        lines = [b"host: " + self.host, *(b"%b: %b" % one for one in self.common)]
        method = self.method.encode()
        return b"%b %b HTTP/1.1\r\n%b\r\n" % (method, self.target, b"\r\n".join(lines))

    @property
    def place(self) -> Place:
        """What all subscriptions to a target share."""
        return self.origin, self.host, self.target

    @property
    def url(self) -> str:
        """The target as it is requested."""
        scheme = "https" if self.origin.tls else "http"
        return f"{scheme}://{self.host.decode()}{self.target.decode()}"

    def message(self, request: DeliveryRequest, keys: Keys, *, timestamp: int) -> Message:
        """Return what an attempt sends that begins at `timestamp`, seconds since the epoch."""
        message_id, delivery_id = str(request.event_id), str(request.delivery_id)
        body = request.body
        headers = [
            (b"webhook-id", message_id.encode()),
            (b"webhook-timestamp", b"%d" % timestamp),
            (b"asyncevents-delivery", delivery_id.encode()),
        ]
        if request.trace_context is not None:
            headers += trace_headers(request.trace_context)
        if self.form is not None:
            more, body = self.form.write(request)
            headers += more
        self.sign(message_id, headers, body, keys, timestamp=timestamp)
        return Message(delivery_id, headers, body)

    def sign(
        self, message_id: str, headers: Headers, body: bytes, keys: Keys, *, timestamp: int
    ) -> None:
        """Add signatures over just these bytes to headers."""
        signing = self.signing
        if keys.secrets:
            if signing.standard:
                first, *others = keys.signers
                signature = first.sign(message_id, timestamp, body)
                for one in others:
                    signature += " " + one.sign(message_id, timestamp, body)
                headers.append((SIGNATURE, signature.encode()))
            if signing.messages:
                headers += signature_headers(
                    keys.message_signers,
                    method=self.method,
                    uri=self.url,
                    content_type=self.content_type,
                    message_id=message_id,
                    body=body,
                    created=timestamp,
                )
            if signing.magento:
                signature = magento_signature(keys.secrets[0], body)
                headers.append((MAGENTO_SIGNATURE, signature.encode()))

    def head(self, message: Message) -> bytes:
        """Return the head of a request, with the empty line that ends it."""
        lines = b"".join([b"%b: %b\r\n" % one for one in message.headers])
        return self._prefix + lines + b"content-length: %d\r\n\r\n" % len(message.body)


def read_recipient(target: str, options: HttpOptions, config: HttpConfig) -> Recipient:
    """Read a target and options. No I/O.

    Raises `HostMalformed` or httpx.InvalidURL for a target, `IdentityMalformed` for a client
    certificate, ValueError for a token's URL that cannot be used. A target that may not be
    connected to is one all the same: its `refusal` says why.
    """
    url = httpx.URL(target)
    credentials = client_credentials(options, config)
    return Recipient(
        origin=origin_of(url, _identity(options)),
        host=url.netloc,
        target=request_target(target),
        method=options.method,
        content_type=content_type_of(options),
        common=tuple(common_headers(options, config)),
        timeout=config.timeout if options.timeout is None else min(options.timeout, config.timeout),
        signing=Signing(
            standard=options.signature in {"standard", "both"},
            messages=options.signature in {"rfc9421", "both"},
            magento=(
                config.magento_signature
                if options.magento_signature is None
                else options.magento_signature
            ),
        ),
        form=FORMS.get(options.mode),
        reading=Reading.of(options),
        refusal=_refusal(url, config),
        credentials=credentials,
        consent=Consent(rate=options.handshake_rate) if options.handshake else None,
        batching=_batching(options),
    )


def client_credentials(options: HttpOptions, config: HttpConfig) -> ClientCredentials | None:
    """Return what an access token is fetched with; None where none is wanted.

    Raises ValueError, `AddressRefused` or `HostMalformed` for a URL that cannot be used.
    """
    if options.token_url is None or options.client_id is None or options.client_secret is None:
        return None
    url = read_url(options.token_url, "token_url")
    host = url.raw_host.decode("ascii")
    config.guard.check_written(url.scheme, host, url.port)
    return ClientCredentials(
        url=options.token_url,
        origin=origin_of(url),
        host=url.netloc,
        target=request_target(options.token_url),
        client_id=options.client_id,
        client_secret=options.client_secret,
        scope=options.scope,
        audience=options.audience,
        in_body=options.client_auth == "body",
    )


def read_url(text: str, name: str) -> httpx.URL:
    """Read an http(s) URL. Raises ValueError, with `name` in it, where it is none."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ValueError(f"{name} is not a URL: {error}") from None
    if url.scheme not in _PORTS or not url.raw_host or not text.isprintable() or " " in text:
        raise ValueError(f"{name} is not a URL of http or https: {text[:200]!r}")
    if url.userinfo or url.fragment:
        raise ValueError(f"{name} must not contain credentials or a fragment")
    return url


def origin_of(url: httpx.URL, identity: Identity | None = None) -> Origin:
    """Return where the requests of a URL go, and as whom."""
    host = url.raw_host.decode("ascii").strip("[]")
    return Origin(
        tls=url.scheme == "https",
        host=host,
        port=_PORTS.get(url.scheme, 80) if url.port is None else url.port,
        identity=identity,
    )


def request_target(url: str) -> bytes:
    """Return what of a URL follows its host, as it is given.

    Only what a request line cannot hold is percent-encoded: spaces, control characters, and what
    is not ASCII. A fragment is not sent.
    """
    rest = url.partition("://")[2].partition("#")[0]
    start = min((at for one in "/?" if (at := rest.find(one)) >= 0), default=len(rest))
    rest = rest[start:]
    return quote(rest if rest.startswith("/") else "/" + rest, safe=_PRINTABLE).encode("ascii")


def _identity(options: HttpOptions) -> Identity | None:
    if options.client_certificate is None or options.client_key is None:
        return None
    return read_identity(
        options.client_certificate, options.client_key, options.client_key_passphrase
    )


def _refusal(url: httpx.URL, config: HttpConfig) -> str | None:
    try:
        config.guard.check_written(url.scheme, url.raw_host.decode("ascii"), url.port)
    except AddressRefused as error:
        return str(error)
    return None


def _batching(options: HttpOptions) -> Batching | None:
    if options.mode != "batched":
        return None
    return Batching(count=options.batch_count, bytes=options.batch_bytes, wait=options.batch_wait)
