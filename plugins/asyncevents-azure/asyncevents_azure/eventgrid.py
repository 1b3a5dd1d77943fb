"""The sink `eventgrid`: CloudEvents in batches over HTTP.

https://learn.microsoft.com/azure/event-grid/post-to-custom-topic and
https://learn.microsoft.com/rest/api/eventgrid/dataplane/namespace-topics. Without Microsoft's SDK,
which would take the CloudEvents apart and write them anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

import httpx
from attrs import frozen

from asyncevents_azure.kinds import EventGridConfig, Prepared
from asyncevents_azure.sink import AzureSink, Tokens, Verdict, line, network, too_large
from asyncevents_core.plugin import BatchLimits, DeliveryRequest, Failure, Outcome

SCOPE: Final = "https://eventgrid.azure.net/.default"
CONTENT_TYPE: Final = "application/cloudevents-batch+json; charset=utf-8"
LARGEST: Final = 1024 * 1024
"""Bytes of a request, which is an array. Documented as 1 MB; where that means less, the server
refuses a batch, and its halves are sent."""
_BRACKETS: Final = 2
_LONGEST_ANSWER: Final = 64 * 1024

_STATUSES: Final[Mapping[int, Failure]] = {
    401: Failure.CREDENTIALS,
    403: Failure.DENIED,
    404: Failure.UNKNOWN_TARGET,
    408: Failure.TIMED_OUT,
    410: Failure.UNKNOWN_TARGET,
    413: Failure.TOO_LARGE,
    429: Failure.THROTTLED,
}
"""Other statuses from 400 on are `INVALID`; from 500 on, and below 400, `UNAVAILABLE`."""
_ADVICE: Final = (
    "Event Grid does not accept the credentials; check the key, the end of the token, or the "
    "application"
)


@frozen(kw_only=True)
class _Answer:
    """What of an answer is looked at: its status, a header, and at most so many bytes."""

    status: int
    retry_after: str | None
    body: bytes


class EventGridSink(AzureSink[bytes]):
    """Publishes to custom topics and to topics of namespaces."""

    accepted = "accepted by Event Grid"
    limits = BatchLimits(entries=1000, bytes=LARGEST - 1)

    def __init__(self, config: EventGridConfig) -> None:
        super().__init__(config.timeout)
        self._config = config
        self._http: httpx.AsyncClient | None = None
        self._tokens: Tokens | None = None

    def size(self, request: DeliveryRequest) -> int:
        """See `BatchingSink`: with the comma."""
        return len(request.body) + 1

    async def _deliver(
        self, prepared: Prepared, requests: Sequence[DeliveryRequest], outcomes: dict[int, Outcome]
    ) -> None:
        items = []
        for number, request in enumerate(requests):
            size = len(request.body) + _BRACKETS
            if size > LARGEST:
                outcomes[number] = too_large(size, LARGEST).outcome()
            else:
                items.append((number, request.body))

        async def send(bodies: Sequence[bytes]) -> Verdict | None:
            return await self._send(prepared, bodies)

        if items:
            await self._attempt(items, send, outcomes)

    async def _send(self, prepared: Prepared, bodies: Sequence[bytes]) -> Verdict | None:
        http, tokens = self._client()
        credentials = prepared.credentials
        headers = {"content-type": CONTENT_TYPE, "host": prepared.host}
        if credentials.access_key is not None:
            headers["aeg-sas-key"] = credentials.access_key
        elif credentials.sas_token is not None:
            headers["aeg-sas-token"] = credentials.sas_token
        else:
            headers["authorization"] = f"Bearer {(await tokens.get(credentials)).text}"
        origin = (self._config.endpoint or f"https://{prepared.host}").rstrip("/")
        content = b"[" + b",".join(bodies) + b"]"
        try:
            answer = await _ask(http, origin + prepared.place, headers, content)
        except httpx.HTTPError as error:
            return network(error, "publishing")
        verdict = verdict_on(answer)
        if verdict is not None and verdict.failure is Failure.CREDENTIALS:
            tokens.forget(credentials)
        return verdict

    def _client(self) -> tuple[httpx.AsyncClient, Tokens]:
        if self._http is None or self._tokens is None:
            # The limit for a batch as a whole is set around it.
            self._http = httpx.AsyncClient(timeout=self._config.timeout)
            self._tokens = Tokens(self._http, self._config.authority, SCOPE)
        return self._http, self._tokens

    async def _release(self) -> None:
        if self._http is not None:
            await self._http.aclose()


async def _ask(
    http: httpx.AsyncClient, url: str, headers: Mapping[str, str], content: bytes
) -> _Answer:
    async with http.stream("POST", url, headers=dict(headers), content=content) as answer:
        body = b""
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > _LONGEST_ANSWER:
                break
        return _Answer(
            status=answer.status_code, retry_after=answer.headers.get("retry-after"), body=body
        )


def verdict_on(answer: _Answer) -> Verdict | None:
    """Return what an answer means for all events of a request; None where they were accepted."""
    status = answer.status
    if 200 <= status < 300:
        return None
    broken = status < 400 or status >= 500
    failure = _STATUSES.get(status, Failure.UNAVAILABLE if broken else Failure.INVALID)
    if failure is Failure.CREDENTIALS:
        # What the server says may repeat a part of the token.
        return Verdict(failure=failure, detail=f"HTTP {status}: {_ADVICE}", status=status)
    return Verdict(
        failure=failure,
        detail=line(f"HTTP {status}: {_words(answer.body)}".rstrip(": ")),
        status=status,
        retry_after=_seconds(answer.retry_after),
    )


def _words(body: bytes) -> str:
    """Return code and message of an error as Azure writes them, else nothing."""
    try:
        error = json.loads(body)["error"]
        return f"{error['code']}: {error['message']}"
    except (ValueError, KeyError, TypeError):
        return ""


def _seconds(value: str | None) -> float | None:
    """Return a Retry-After in seconds; None where it is a date, or no number."""
    if value is None or not value.strip().isdecimal():
        return None
    return float(value)
