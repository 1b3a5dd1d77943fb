"""A plugin that sets OpenTelemetry's SDK up in workers, as an application would.

Spans and numbers go to exporters that keep nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    ConsoleMetricExporter,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from asyncevents_core.plugin import hookimpl


class _Nowhere(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS


@hookimpl
def asyncevents_prepare_process() -> None:
    """Set the global providers; what is sampled is said by who publishes."""
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(_Nowhere()))
    trace.set_tracer_provider(tracers)
    nowhere = ConsoleMetricExporter(formatter=lambda _: "", out=_Null())
    metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(nowhere)]))


class _Null:
    """A stream that keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""
