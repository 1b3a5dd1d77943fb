"""Numbers handed to OpenTelemetry: to the meter provider that this process has set up.

Before one is set up they wait for it; without an SDK OpenTelemetry's API drops them. Extra `otel`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from opentelemetry.metrics import (
    CallbackOptions,
    Counter,
    Histogram,
    Meter,
    MeterProvider,
    Observation,
    get_meter_provider,
)

from asyncevents_core.ports.metrics import METRICS, Instruments, Metric

_SCOPE: Final = "asyncevents"

_ATTRIBUTES: Final = {
    "error": "error.type",
    "event": "asyncevents.event.name",
    "mode": "asyncevents.ledger.mode",
    "outcome": "asyncevents.outcome",
    "reason": "asyncevents.dead.reason",
    "result": "asyncevents.ledger.result",
    "sink": "asyncevents.sink",
    "state": "asyncevents.state",
    "status": "asyncevents.subscription.status",
}
"""Labels by their names in OpenTelemetry, which has one name space for all."""


class OpenTelemetryInstruments(Instruments):
    """Counters, histograms and gauges of the meter `asyncevents`. Thread-safe.

    `provider` is OpenTelemetry's global one by default.
    """

    def __init__(self, provider: MeterProvider | None = None) -> None:
        meter = (provider or get_meter_provider()).get_meter(_SCOPE)
        self._lock = threading.Lock()
        self._gauges: dict[str, dict[tuple[str, ...], float]] = {}
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        for metric in METRICS:
            self._make(meter, metric)

    def _make(self, meter: Meter, metric: Metric) -> None:
        if metric.kind == "counter":
            made = meter.create_counter(metric.name, unit=metric.unit, description=metric.help)
            self._counters[metric.name] = made
        elif metric.kind == "histogram":
            self._histograms[metric.name] = meter.create_histogram(
                metric.name,
                unit=metric.unit,
                description=metric.help,
                explicit_bucket_boundaries_advisory=metric.buckets,
            )
        else:
            self._gauges[metric.name] = {}
            meter.create_observable_gauge(
                metric.name,
                callbacks=[partial(self._read, metric)],
                unit=metric.unit,
                description=metric.help,
            )

    def add(self, metric: Metric, amount: int, *values: str) -> None:
        self._counters[metric.name].add(amount, _attributes(metric, values))

    def observe(self, metric: Metric, value: float, *values: str) -> None:
        self._histograms[metric.name].record(value, _attributes(metric, values))

    def set(self, metric: Metric, value: float, *values: str) -> None:
        with self._lock:
            self._gauges[metric.name][values] = float(value)

    def _read(self, metric: Metric, _: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            numbers = list(self._gauges[metric.name].items())
        return [Observation(value, _attributes(metric, values)) for values, value in numbers]


def _attributes(metric: Metric, values: tuple[str, ...]) -> Mapping[str, str]:
    named = zip(metric.labels, values, strict=True)
    return {_ATTRIBUTES[label]: value for label, value in named if value}
