"""The requests of a delivery's attempts: their headers, and the command that sends one again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

from asyncevents_core.domain.delivery import Attempt
from asyncevents_core.domain.subscription import Subscription
from asyncevents_core.domain.trace import Trace
from asyncevents_core.engine.delivering.sinks import request_of_attempt
from asyncevents_core.errors import AsyncEventsError
from asyncevents_core.ports.sink import SentRequest
from asyncevents_core.runtime import Runtime
from asyncevents_core.showing import DOTS
from asyncevents_core.sink_catalog import ConfiguredSink

_MICROS: Final = 1_000_000
_LONGEST_INLINE: Final = 8_000
"""Bytes of a body that stand in the command itself; a longer one is in a file."""


@frozen(kw_only=True)
class ShownRequest:
    """A request as it is shown: what is signed only to those who may send it again."""

    url: str
    headers: Sequence[tuple[str, str]]
    curl: str


def requests_of(
    runtime: Runtime, trace: Trace, subscription: Subscription, *, signed: bool
) -> Mapping[int, ShownRequest]:
    """Return the requests of a trace's attempts, by the attempt's number.

    Computed anew from what is kept, with the secret of now. Without `signed` signatures are a row
    of dots. Empty where the sink sends no single request of HTTP, or is not there, or where it
    cannot be told: the secret is unreadable, the payload is not kept.
    """
    if trace.event.body is None or subscription.unreadable is not None:
        return {}
    try:
        sink = runtime.sinks.get(subscription.sink)
        found = {one.claim_no: _request(sink, trace, one, subscription) for one in trace.attempts}
    except AsyncEventsError:
        # The attempts' details say what was wrong; there is no request to show.
        return {}
    name = f"{trace.delivery.id}.json"
    return {
        number: _shown(one, name, signed=signed) for number, one in found.items() if one is not None
    }


def _request(
    sink: ConfiguredSink, trace: Trace, attempt: Attempt, subscription: Subscription
) -> SentRequest | None:
    then = evolve(subscription, target=attempt.target)
    prepared = sink.prepare(then.target, then.options)
    request = request_of_attempt(trace, attempt, then, prepared)
    return sink.kind.request_of(request, sink.config, at=attempt.started_at / _MICROS)


def _shown(request: SentRequest, file: str, *, signed: bool) -> ShownRequest:
    headers = [
        (name, value if signed or name not in request.signed else DOTS)
        for name, value in request.headers
    ]
    return ShownRequest(url=request.url, headers=headers, curl=_curl(request, headers, file))


def _curl(request: SentRequest, headers: Sequence[tuple[str, str]], file: str) -> str:
    """Return the command; a long body is the file that the page offers to download."""
    lines = [f"curl -X {request.method} {shlex.quote(request.url)}"]
    lines += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in headers]
    if len(request.body) <= _LONGEST_INLINE:
        lines.append(f"--data-raw {shlex.quote(request.body.decode('utf-8', 'replace'))}")
    else:
        lines.append(f"--data-binary @{file}")
    return " \\\n  ".join(lines)
