"""Distributed traces: from the application that publishes to the recipient, by others' SDK."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
import sqlalchemy as sa
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import SpanKind, StatusCode

from asyncevents_core import NewSubscription, RetryPolicy, event
from asyncevents_core.adapters.opentelemetry_tracing import OpenTelemetryTracing
from asyncevents_core.domain.payload import attributes_of, data_of
from asyncevents_core.domain.trace_context import LONGEST, TraceContext
from asyncevents_core.logging_setup import JsonFormatter
from asyncevents_core.plugin import Outcome, hookimpl
from asyncevents_core.ports.tracing import NO_TRACING, Attempted
from asyncevents_core.testing import RecordingSinkType
from asyncevents_core.testing.builders import make_delivery, make_event

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    "parent",
    [
        PARENT,
        PARENT[:-2] + "00",
        # A later version may say more in its flags.
        "cc" + PARENT[2:],
    ],
)
@pytest.mark.parametrize("state", [None, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "a=1 , b=2"])
def test_what_headers_say_is_kept_as_it_is(parent, state):
    made = TraceContext.of(parent, state)
    assert dict(made.attributes) == {
        "traceparent": parent,
        **({} if state is None else {"tracestate": state}),
    }
    assert TraceContext.read(made.text) == made
    assert made.trace_id == TRACE
    assert made.is_sampled is not parent.endswith("00")


@pytest.mark.parametrize(
    "parent",
    [
        None,
        "",
        "nonsense",
        PARENT.upper(),
        PARENT + "\n",
        PARENT + "-more",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        PARENT + '", "data": "x',
    ],
)
def test_what_is_none_is_left_out(parent):
    assert TraceContext.of(parent) is None
    assert TraceContext.read(parent) is None


@pytest.mark.parametrize("state", ["", "a\r\nb: c", "ä=1", "x" * 513])
def test_a_state_that_cannot_be_is_left_out(state):
    assert TraceContext.of(PARENT, state) == TraceContext(traceparent=PARENT)
    assert len(TraceContext.of(PARENT, "x" * 512).text) <= LONGEST


@pytest.fixture
def spans():
    return InMemorySpanExporter()


@pytest.fixture
def provider(spans):
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(spans))
    return made


@event("order.loaded")
def load_order(id):
    """A service whose own spans belong to the trace, too."""
    with trace.get_tracer("shop").start_as_current_span("ask the database"):
        return {"id": id, "context": trace.get_current_span().get_span_context().trace_id}


@event("order.loaded_later")
async def load_order_later(id):
    return {"id": id, "trace_id": f"{trace.get_current_span().get_span_context().trace_id:032x}"}


@pytest.fixture
def application(local_application, provider):
    kind = RecordingSinkType()

    class Sinks:
        @hookimpl
        def asyncevents_register_sinks(self):
            return [kind]

    made = local_application(Sinks(), settings={"EVENT_MODULES": [__name__]})
    made.runtime.tracing = OpenTelemetryTracing(provider)
    made.recorder = kind.recorder
    made.tracer = provider.get_tracer("shop")
    return made


def subscribe(application, name="example.created", **more):
    return application.subscribe(
        NewSubscription(event_name=name, sink="recording", target="memory:a", **more)
    )


def named(spans, name):
    return [one for one in spans.get_finished_spans() if one.name == name]


def test_one_trace_from_the_request_to_the_attempt(application, spans):
    subscribe(application)
    with application.tracer.start_as_current_span("POST /checkout") as request:
        (delivered,) = application.deliver()
    (published,) = named(spans, "publish example.created")
    (attempt,) = named(spans, "deliver example.created")
    assert published.parent.span_id == request.get_span_context().span_id
    assert attempt.parent.span_id == published.context.span_id
    assert attempt.context.trace_id == published.context.trace_id
    assert (published.kind, attempt.kind) == (SpanKind.PRODUCER, SpanKind.CLIENT)
    said = dict(attempt.attributes)
    assert said.pop("asyncevents.waited") >= 0
    assert said == {
        "messaging.system": "asyncevents",
        "messaging.operation.type": "process",
        "messaging.operation.name": "deliver",
        "messaging.destination.name": "example.created",
        "messaging.message.id": str(delivered.event.id),
        "asyncevents.delivery.id": str(delivered.delivery.id),
        "asyncevents.subscription.id": delivered.delivery.subscription_id,
        "asyncevents.sink": "recording",
        "asyncevents.attempt": 1,
        "asyncevents.outcome": "delivered",
    }
    # The recipient continues the trace at the attempt, the CloudEvent at the publication.
    (sent,) = application.recorder.requests
    assert sent.trace_context.traceparent.split("-")[2] == f"{attempt.context.span_id:016x}"
    attributes = json.loads(attributes_of(sent.body))
    assert attributes["traceparent"].split("-")[2] == f"{published.context.span_id:016x}"


def test_retries_are_spans_of_the_same_trace_and_say_what_failed(application, spans):
    subscribe(application, retry=RetryPolicy(schedule=(0.0,)))
    application.recorder.script(
        "memory:a",
        Outcome.retryable("HTTP 503", http_status=503),
        Outcome.retryable("no answer"),
        Outcome.delivered(http_status=200),
    )
    application.deliver()
    attempts = named(spans, "deliver example.created")
    assert [one.attributes["asyncevents.attempt"] for one in attempts] == [1, 2, 3]
    assert len({one.context.trace_id for one in attempts}) == 1
    assert [one.attributes.get("error.type") for one in attempts] == ["503", "_OTHER", None]
    assert [one.attributes.get("http.response.status_code") for one in attempts] == [503, None, 200]
    assert [one.status.status_code for one in attempts] == [
        StatusCode.ERROR,
        StatusCode.ERROR,
        StatusCode.UNSET,
    ]
    assert attempts[0].status.description == "HTTP 503"


@pytest.mark.parametrize("name", ["order.loaded", "order.loaded_later"])
def test_services_are_part_of_the_trace(application, spans, name):
    subscribe(application, name)
    (delivered,) = application.deliver(name)
    (published,) = named(spans, f"publish {name}")
    (resolved,) = named(spans, f"resolve {name}")
    assert resolved.parent.span_id == published.context.span_id
    data = json.loads(data_of(delivered.event.body))
    if name == "order.loaded_later":
        assert data["trace_id"] == f"{published.context.trace_id:032x}"
    else:
        assert data["context"] == published.context.trace_id
    # The body that was made of the service's result says where it comes from, too.
    attributes = json.loads(attributes_of(delivered.event.body))
    assert attributes["traceparent"].split("-")[2] == f"{published.context.span_id:016x}"


def test_events_published_together_share_a_span(application, spans):
    application.publish_many([("example.created", {"n": n}) for n in range(3)])
    (published,) = named(spans, "publish example.created")
    assert published.attributes["messaging.batch.message_count"] == 3
    ledger = application.runtime.ledger
    contexts = {
        one.trace_context
        for one in ledger.read(lambda view: view.events.page(name=None, limit=9, before=None))
    }
    assert len(contexts) == 1
    assert TraceContext.read(contexts.pop()).trace_id == f"{published.context.trace_id:032x}"


def test_what_is_refused_ends_its_span_with_the_error(application, spans):
    with pytest.raises(Exception, match="unknown event"):
        application.publish("order.unheard_of", {})
    (published,) = named(spans, "publish order.unheard_of")
    assert published.status.status_code is StatusCode.ERROR


def test_what_is_not_sampled_costs_no_spans_and_is_passed_on(local_application, spans):
    provider = TracerProvider(sampler=ParentBased(ALWAYS_OFF))
    provider.add_span_processor(SimpleSpanProcessor(spans))
    kind = RecordingSinkType()

    class Sinks:
        @hookimpl
        def asyncevents_register_sinks(self):
            return [kind]

    made = local_application(Sinks())
    made.runtime.tracing = OpenTelemetryTracing(provider)
    subscribe(made)
    made.deliver()
    assert spans.get_finished_spans() == ()
    (sent,) = kind.recorder.requests
    assert not sent.trace_context.is_sampled


def test_a_worker_without_tracing_tells_recipients_all_the_same(application):
    subscribe(application)
    event_id = application.publish("example.created", {"id": 1})
    application.runtime.tracing = NO_TRACING
    application.deliver()
    (first, second) = application.recorder.requests
    by_id = {one.event_id: one for one in (first, second)}
    assert by_id[event_id].trace_context is not None


def test_without_tracing_nothing_is_kept(local_application):
    kind = RecordingSinkType()

    class Sinks:
        @hookimpl
        def asyncevents_register_sinks(self):
            return [kind]

    made = local_application(Sinks())
    subscribe(made)
    (delivered,) = made.deliver()
    assert delivered.event.trace_context is None
    assert b"traceparent" not in delivered.event.body
    assert kind.recorder.requests[0].trace_context is None


def test_a_state_with_quotes_does_not_break_the_event(application):
    entered = trace.set_span_in_context(
        trace.NonRecordingSpan(
            trace.SpanContext(
                trace_id=int(TRACE, 16),
                span_id=int("00f067aa0ba902b7", 16),
                is_remote=True,
                trace_flags=trace.TraceFlags(1),
                trace_state=trace.TraceState([("a", "x' \\y")]),
            )
        )
    )
    subscribe(application)
    with application.tracer.start_as_current_span("request", context=entered):
        (delivered,) = application.deliver()
    event = json.loads(delivered.event.body)
    assert event["tracestate"] == "a=x' \\y"
    assert event["data"] == {"id": 42}


def test_log_lines_say_to_which_trace_they_belong(provider):
    record = logging.LogRecord("asyncevents", logging.INFO, "", 0, "hello", None, None)
    assert "trace_id" not in JsonFormatter().format(record)
    with provider.get_tracer("shop").start_as_current_span("request") as span:
        line = json.loads(JsonFormatter().format(record))
    assert line["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert line["span_id"] == f"{span.get_span_context().span_id:016x}"


def test_an_event_of_an_older_version_has_none(application):
    """What is inserted without the column is delivered as before."""
    subscribe(application)
    event_id = application.publish("example.created", {"id": 1})
    with application.ledger._engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE asyncevents_event SET trace_context = NULL WHERE id = :id"),
            {"id": event_id.bytes},
        )
    application.deliver()
    assert {one.trace_context is None for one in application.recorder.requests} == {True, False}


async def test_an_attempt_that_is_cut_off_ends_its_span_with_an_error(application, spans):
    subscription = subscribe(application)
    attempted = Attempted(
        context=TraceContext(traceparent=PARENT),
        event=make_event(),
        delivery=make_delivery(),
        subscription=subscription,
        waited=0.0,
    )
    with (
        pytest.raises(asyncio.CancelledError),
        application.runtime.tracing.attempting(attempted),
    ):
        raise asyncio.CancelledError
    (attempt,) = named(spans, f"deliver {attempted.event.name}")
    assert attempt.status.status_code is StatusCode.ERROR
    assert attempt.attributes["error.type"] == "timeout"
