"""Asks a callback whether it wants what somebody subscribes it to: a challenge that it repeats."""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
from typing import Final

from attrs import frozen

from asyncevents_core.domain.callback import KEY
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.ports.sink import DeliveryRequest
from asyncevents_core.sink_catalog import ConfiguredSink
from asyncevents_core.web.mcp import names
from asyncevents_core.web.mcp.rpc import RpcError

_DEADLINE: Final = 10.0
_BYTES: Final = 32


@frozen(kw_only=True)
class Callback:
    """Where a subscription is to lead, and how it signs."""

    key: str
    url: str
    secret: str


def prove(sink: ConfiguredSink, callback: Callback) -> None:
    """Send a challenge, which is used once, through the sink itself; blocks.

    So what may be reached, how long it is waited for and how it is signed is what holds for
    deliveries. Raises `RpcError` unless the callback repeats it. The error says no more than the
    kind of failure: nobody learns from it what answers at addresses of others.
    """
    challenge = secrets.token_urlsafe(_BYTES)
    body = json.dumps({"type": "verification", "challenge": challenge}).encode()
    request = DeliveryRequest(
        delivery_id=uuid7(),
        event_id=uuid7(),
        event_name="verification",
        tenant=None,
        subscription_id=0,
        target=callback.url,
        body=body,
        attempt=1,
        secrets=(callback.secret,),
        options=sink.options({KEY: callback.key}),
    )
    outcome = asyncio.run(_posted(sink, request))
    reason = _reason(outcome, challenge)
    if reason is not None:
        raise RpcError(names.CALLBACK_FAILED, "Callback endpoint error", {"reason": reason})


async def _posted(sink: ConfiguredSink, request: DeliveryRequest) -> Outcome:
    opened = sink.open()
    try:
        return await opened.deliver(request, _DEADLINE)
    finally:
        await opened.close()


def _reason(outcome: Outcome, challenge: str) -> str | None:
    """Return in the protocol's words why it is not proven; None where it is."""
    status = outcome.http_status
    if status is None:
        if outcome.timed_out:
            return "timeout"
        return "tls_error" if "TLS" in outcome.detail else "connection_refused"
    if 200 <= status < 300:
        return None if _repeats(outcome.response, challenge) else "challenge_failed"
    if status >= 500:
        return "http_5xx"
    return "http_4xx" if status >= 400 else "challenge_failed"


def _repeats(response: str, challenge: str) -> bool:
    try:
        answer = json.loads(response)
    except ValueError:
        return False
    said = answer.get("challenge") if isinstance(answer, dict) else None
    return isinstance(said, str) and hmac.compare_digest(said.encode(), challenge.encode())
