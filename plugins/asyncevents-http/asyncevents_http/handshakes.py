"""The consent of recipients, and the rate that they allow.

https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Final

from attrs import define, field, frozen

from asyncevents_core.plugin import Failure, Outcome
from asyncevents_http import outcomes
from asyncevents_http.clients import Call, Client
from asyncevents_http.flights import Flights
from asyncevents_http.recipients import Place, Recipient
from asyncevents_http.wire.errors import WireError
from asyncevents_http.wire.exchange import Answer, Headers

_VALID: Final = 24 * 3600.0
_REFUSED_FOR: Final = 60.0
"""Seconds for which a refusal stands, so that a recipient is not asked for each event."""
_KEPT: Final = 4096
_LONGEST_WAIT: Final = 5.0
"""Seconds that a request waits here for its turn, at most; above that it is retried."""
_MOST_RESERVED: Final = 10_000
_LARGEST_RATE: Final = 1_000_000
_RESERVED: Final = 3600.0
"""Seconds from now up to which turns are given."""
_WITHDRAWN: Final = frozenset({401, 403, 404, 405})
"""Statuses after which a recipient is asked again."""
_LEFT_OUT: Final = frozenset({b"content-type"})


@define
class _Pace:
    """Turns, evenly spread: so many seconds from one to the next. Times are monotonic."""

    interval: float
    _next: float = 0.0
    _reserved: dict[str, float] = field(factory=dict)

    def turn(self, message_id: str, now: float) -> float:
        """Return after how many seconds it is a message's turn, which is kept for it."""
        at = self._reserved.pop(message_id, None)
        if at is None:
            at = max(now, self._next)
            if at - now > _RESERVED or self._is_full(now):
                return min(at - now, _RESERVED)
            self._next = at + self.interval
        if at > now:
            self._reserved[message_id] = at
        return max(0.0, at - now)

    def take(self, message_id: str) -> None:
        """Use up the turn of a message."""
        self._reserved.pop(message_id, None)

    def _is_full(self, now: float) -> bool:
        """Tell whether no more turns can be kept; those go that nobody has come for."""
        if len(self._reserved) < _MOST_RESERVED:
            return False
        late = [one for one, at in self._reserved.items() if now - at > _RESERVED]
        for one in late:
            del self._reserved[one]
        return len(self._reserved) >= _MOST_RESERVED


@frozen
class _Consent:
    """What a recipient has said, and until when that stands."""

    until: float
    refusal: Outcome | None


class Handshakes:
    """Asks recipients for their consent, once a day and after they have refused. On one loop.

    `origin` is the name of the sender; `timeout` that of a request, in seconds.
    """

    def __init__(self, client: Client, *, origin: str, timeout: float) -> None:
        self._client = client
        self._origin = origin
        self._timeout = timeout
        self._kept: dict[Recipient, _Consent] = {}
        # All subscriptions to a target share its pace.
        self._paces: dict[Place, _Pace] = {}
        self._flights: Flights[Recipient, _Consent] = Flights()

    async def admit(
        self, recipient: Recipient, message_id: str, authorization: Headers, *, patience: float
    ) -> Outcome | None:
        """Wait until a message may be sent; return the outcome of one that may not be.

        It waits for its turn `patience` seconds at most.
        """
        kept = self._kept.get(recipient)
        if kept is None or time.monotonic() >= kept.until:
            ask = partial(self._ask, recipient, authorization)
            kept = await self._flights.join(recipient, ask)
        if kept.refusal is not None:
            return kept.refusal
        pace = self._paces.get(recipient.place)
        if pace is None:
            return None
        wait = pace.turn(message_id, time.monotonic())
        if wait > min(patience, _LONGEST_WAIT):
            return Outcome.failed(
                Failure.THROTTLED,
                f"the recipient allows {60 / pace.interval:g} requests a minute "
                "(WebHook-Allowed-Rate)",
                retry_after=wait,
            )
        if wait:
            await asyncio.sleep(wait)
            pace.take(message_id)
        return None

    def answered(self, recipient: Recipient, status: int) -> None:
        """Ask again before the next request, where a status says that there is no consent."""
        kept = self._kept.get(recipient)
        if status in _WITHDRAWN and kept is not None and kept.refusal is None:
            del self._kept[recipient]

    async def close(self) -> None:
        """Wait for requests under way, which end when the client is closed."""
        await self._flights.close()

    async def _ask(self, recipient: Recipient, authorization: Headers) -> _Consent:
        headers = [one for one in recipient.common if one[0] not in _LEFT_OUT]
        headers += [*authorization, (b"webhook-request-origin", self._origin.encode())]
        rate = None if recipient.consent is None else recipient.consent.rate
        if rate is not None:
            headers.append((b"webhook-request-rate", b"%d" % rate))
        call = Call(
            method="OPTIONS",
            origin=recipient.origin,
            host=recipient.host,
            target=recipient.target,
            headers=headers,
        )
        now = time.monotonic()
        try:
            answer = await self._client.call(call, self._timeout)
        except WireError as error:
            # Nobody has refused: it is asked again with the next attempt.
            return _Consent(now, outcomes.of_error(error))
        consent = self._read(answer, now)
        if consent.refusal is None:
            self._set_pace(recipient.place, answer.header(b"webhook-allowed-rate"))
        return self._keep(recipient, consent, now)

    def _read(self, answer: Answer, now: float) -> _Consent:
        failure = outcomes.failure_of(answer.status)
        if not 200 <= answer.status < 300 and failure.retried:
            return _Consent(
                now,
                Outcome.failed(
                    failure,
                    f"the handshake (OPTIONS) was answered with HTTP {answer.status}",
                    http_status=answer.status,
                    retry_after=outcomes.retry_after(answer.header(b"retry-after")),
                ),
            )
        allowed = answer.header(b"webhook-allowed-origin")
        origins = [] if allowed is None else [one.strip().lower() for one in allowed.split(",")]
        granted = 200 <= answer.status < 300
        if not granted or not ({"*", self._origin.lower()} & set(origins)):
            said = f"HTTP {answer.status}" if not granted else _words(allowed)
            return _Consent(
                now + _REFUSED_FOR,
                Outcome.failed(
                    Failure.DENIED,
                    f"the recipient does not consent to webhooks of {self._origin}: its answer to "
                    f"the handshake (OPTIONS) is {said}",
                    http_status=answer.status,
                ),
            )
        return _Consent(now + _VALID, None)

    def _set_pace(self, place: Place, rate: str | None) -> None:
        interval = _interval(rate)
        known = self._paces.get(place)
        if interval is None:
            self._paces.pop(place, None)
        elif known is None:
            self._paces[place] = _Pace(interval)
            if len(self._paces) > _KEPT:
                del self._paces[next(iter(self._paces))]
        else:
            known.interval = interval

    def _keep(self, recipient: Recipient, consent: _Consent, now: float) -> _Consent:
        self._kept.pop(recipient, None)
        if consent.until > now:
            self._kept[recipient] = consent
        if len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return consent


def _words(allowed: str | None) -> str:
    if allowed is None:
        return "without WebHook-Allowed-Origin"
    return f"WebHook-Allowed-Origin: {allowed[:100]}"


def _interval(rate: str | None) -> float | None:
    """Read how many seconds lie between requests; None where there are as many as one likes."""
    if rate is None or not (rate.isascii() and rate.isdigit()) or len(rate) > 12 or int(rate) == 0:
        return None
    return 60 / min(int(rate), _LARGEST_RATE)
