"""Access tokens of OAuth 2: client credentials (RFC 6749, section 4.4)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_plus, urlencode

from attrs import field, frozen

from asyncevents_http.basic import basic
from asyncevents_http.flights import Flights
from asyncevents_http.wire.errors import WireError
from asyncevents_http.wire.exchange import Answer, Origin

if TYPE_CHECKING:
    from asyncevents_http.clients import Client

_MARGIN: Final = 60.0
"""Seconds before its end, and at most a tenth of its life, from which on a token is renewed."""
_UNKNOWN_LIFE: Final = 3600.0
"""Seconds for which a token is kept whose end nobody says; a 401 ends it earlier."""
_KEPT: Final = 4096
_LONGEST: Final = 16_384
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_LONGEST_ERROR: Final = 200


class TokenRefused(Exception):
    """There is no token; the text says why, without a secret."""

    def __init__(self, text: str, *, http_status: int | None = None) -> None:
        super().__init__(text)
        self.http_status = http_status


@frozen(kw_only=True, cache_hash=True)
class ClientCredentials:
    """What a token is asked for with, and where. `in_body`: the secret is a part of the form."""

    url: str
    origin: Origin
    host: bytes
    target: bytes
    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None
    audience: str | None
    in_body: bool

    @property
    def form(self) -> bytes:
        """The body of the request."""
        fields = {"grant_type": "client_credentials"}
        if self.scope is not None:
            fields["scope"] = self.scope
        if self.audience is not None:
            fields["audience"] = self.audience
        if self.in_body:
            fields |= {"client_id": self.client_id, "client_secret": self.client_secret}
        return urlencode(fields).encode()

    @property
    def authorization(self) -> bytes | None:
        """The header of the request; its parts are encoded as in a form (RFC 6749, 2.3.1)."""
        if self.in_body:
            return None
        return basic(quote_plus(self.client_id), quote_plus(self.client_secret))


@frozen
class Token:
    """An access token; `until` is on the clock of `time.monotonic`."""

    text: str = field(repr=False)
    until: float


class Tokens:
    """The tokens of a sink: one for the same credentials, whoever uses them. Used on one loop.

    `timeout` is that of a request for one, in seconds.
    """

    def __init__(self, client: Client, *, timeout: float) -> None:
        self._client = client
        self._timeout = timeout
        self._kept: dict[ClientCredentials, Token] = {}
        self._flights: Flights[ClientCredentials, Token] = Flights()

    async def get(self, credentials: ClientCredentials) -> Token:
        """Return a token that is good, as far as one knows; fetch it where there is none.

        Raises `TokenRefused`, or `AddressRefused` where the guard lets no address pass.
        """
        kept = self._kept.get(credentials)
        if kept is not None and time.monotonic() < kept.until:
            return kept
        return await self._flights.join(credentials, partial(self._fetch, credentials))

    def reject(self, credentials: ClientCredentials, token: Token) -> None:
        """Forget a token that a recipient did not take, unless there is another one by now."""
        if self._kept.get(credentials) is token:
            del self._kept[credentials]

    async def close(self) -> None:
        """Wait for requests under way, which end when the client is closed."""
        await self._flights.close()

    async def _fetch(self, credentials: ClientCredentials) -> Token:
        # Imported here: clients send what recipients are, and these know credentials.
        from asyncevents_http.clients import Call

        headers = [
            (b"content-type", b"application/x-www-form-urlencoded"),
            (b"accept", b"application/json"),
            (b"accept-encoding", b"identity"),
        ]
        if credentials.authorization is not None:
            headers.append((b"authorization", credentials.authorization))
        call = Call(
            method="POST",
            origin=credentials.origin,
            host=credentials.host,
            target=credentials.target,
            headers=headers,
            body=credentials.form,
        )
        try:
            answer = await self._client.call(call, self._timeout)
        except WireError as error:
            raise TokenRefused(f"no token from {credentials.url}: {error}") from error
        token = _read(answer, credentials, time.monotonic())
        self._kept.pop(credentials, None)
        self._kept[credentials] = token
        if len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return token


def _read(answer: Answer, credentials: ClientCredentials, now: float) -> Token:
    """Read a token. Raises `TokenRefused`."""

    def refused(why: str) -> TokenRefused:
        text = f"no token from {credentials.url}: HTTP {answer.status}{why}"
        return TokenRefused(text, http_status=answer.status)

    said = _object(answer.body)
    if not 200 <= answer.status < 300:
        raise refused(_error_of(said, credentials.client_secret))
    text = said.get("access_token")
    if not isinstance(text, str) or len(text) > _LONGEST or not _TOKEN.fullmatch(text):
        raise refused(", and no access_token in its answer")
    kind = said.get("token_type", "bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise refused(", and a token that is not of type bearer")
    life = _seconds(said.get("expires_in"))
    return Token(text, now + life - min(_MARGIN, life / 10))


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _error_of(said: Mapping[str, Any], secret: str) -> str:
    """Return what the server says of an error (RFC 6749, 5.2), should it repeat the secret, too."""
    parts = [said.get(name) for name in ("error", "error_description")]
    text = ": ".join(one for one in parts if isinstance(one, str) and one)
    for form in {secret, quote_plus(secret)}:
        text = text.replace(form, "•••")
    text = "".join(one for one in text if one.isprintable())[:_LONGEST_ERROR]
    return f", {text}" if text else ""


def _seconds(value: object) -> float:
    """Read how long a token lives; some servers write the number as a text."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        return _UNKNOWN_LIFE
    return float(value)
