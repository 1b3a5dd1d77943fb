"""Spans by OpenTelemetry's API: recorded by the provider that this process has set up.

Without an SDK, OpenTelemetry's API records nothing. Names are by its conventions for messaging
(https://opentelemetry.io/docs/specs/semconv/messaging/). Extra `otel`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    TracerProvider,
    get_tracer_provider,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from asyncevents_core.domain.event import Event
from asyncevents_core.domain.outcome import Outcome, OutcomeKind
from asyncevents_core.domain.trace_context import TraceContext
from asyncevents_core.ports.tracing import Attempted, AttemptSpan, Tracing

_SCOPE: Final = "asyncevents"
_PROPAGATOR: Final = TraceContextTextMapPropagator()


class OpenTelemetryTracing(Tracing):
    """Spans of the tracer `asyncevents`. `provider` is OpenTelemetry's global one by default.

    What is not sampled at its beginning costs nothing later: its events' attempts have no spans.
    """

    enabled = True

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._tracer = (provider or get_tracer_provider()).get_tracer(_SCOPE)

    @contextmanager
    def publishing(self, names: Sequence[str]) -> Iterator[TraceContext | None]:
        distinct = set(names)
        attributes: dict[str, str | int] = {
            "messaging.system": _SCOPE,
            "messaging.operation.type": "send",
            "messaging.operation.name": "publish",
            "messaging.batch.message_count": len(names),
        }
        name = "publish"
        if len(distinct) == 1:
            (one,) = distinct
            name, attributes["messaging.destination.name"] = f"publish {one}", one
        with self._tracer.start_as_current_span(
            name, kind=SpanKind.PRODUCER, attributes=attributes
        ):
            yield _current()

    @contextmanager
    def resolving(self, event: Event) -> Iterator[None]:
        context = TraceContext.read(event.trace_context)
        if context is None or not context.is_sampled:
            yield
            return
        with self._tracer.start_as_current_span(
            f"resolve {event.name}",
            context=_entered(context),
            attributes={
                "messaging.system": _SCOPE,
                "messaging.operation.name": "resolve",
                "messaging.destination.name": event.name,
                "messaging.message.id": str(event.id),
            },
        ):
            yield

    @contextmanager
    def attempting(self, attempted: Attempted) -> Iterator[AttemptSpan]:
        event, delivery = attempted.event, attempted.delivery
        attributes: dict[str, str | int | float] = {
            "messaging.system": _SCOPE,
            "messaging.operation.type": "process",
            "messaging.operation.name": "deliver",
            "messaging.destination.name": event.name,
            "messaging.message.id": str(event.id),
            "asyncevents.delivery.id": str(delivery.id),
            "asyncevents.subscription.id": attempted.subscription.id,
            "asyncevents.sink": attempted.subscription.sink,
            "asyncevents.attempt": delivery.deaths + 1,
            "asyncevents.waited": attempted.waited,
        }
        if delivery.replay_of is not None:
            attributes["asyncevents.replay_of"] = str(delivery.replay_of)
        with self._tracer.start_as_current_span(
            f"deliver {event.name}",
            context=_entered(attempted.context),
            kind=SpanKind.CLIENT,
            attributes=attributes,
        ) as span:
            try:
                yield _Recorded(span)
            except asyncio.CancelledError:
                # The span would end as if all were well.
                span.set_attribute("error.type", "timeout")
                span.set_status(Status(StatusCode.ERROR, "cut off"))
                raise

    def current(self) -> TraceContext | None:
        return _current()

    @contextmanager
    def continuing(self, context: TraceContext) -> Iterator[None]:
        token = attach(_entered(context))
        try:
            yield
        finally:
            detach(token)


class _Recorded(AttemptSpan):
    """A span that is recorded."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._context = _current()

    @property
    def context(self) -> TraceContext | None:
        return self._context

    def ended(self, outcome: Outcome) -> None:
        self._span.set_attribute("asyncevents.outcome", outcome.kind.value)
        if outcome.http_status is not None:
            self._span.set_attribute("http.response.status_code", outcome.http_status)
        if outcome.kind is OutcomeKind.DELIVERED:
            return
        self._span.set_attribute("error.type", _error_type(outcome))
        self._span.set_status(Status(StatusCode.ERROR, outcome.detail))


def _error_type(outcome: Outcome) -> str:
    if outcome.timed_out:
        return "timeout"
    return "_OTHER" if outcome.http_status is None else str(outcome.http_status)


def _current() -> TraceContext | None:
    """Return where the span that goes on belongs."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return TraceContext.among(carrier)


def _entered(context: TraceContext) -> Context:
    return _PROPAGATOR.extract(dict(context.attributes))
