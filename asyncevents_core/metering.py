"""Where numbers and spans go, by the settings METRICS and TRACES."""

from __future__ import annotations

from typing import Final

from asyncevents_core.adapters.prometheus import Tally
from asyncevents_core.errors import MissingExtra
from asyncevents_core.ports.metrics import Instruments
from asyncevents_core.ports.tracing import NO_TRACING, Tracing
from asyncevents_core.settings.schema import Settings

PROMETHEUS: Final = "prometheus"
OPENTELEMETRY: Final = "opentelemetry"


def instruments_of(settings: Settings) -> Instruments | None:
    """Return what keeps the numbers; None where METRICS is off. Raises `MissingExtra`."""
    if settings.metrics == PROMETHEUS:
        return Tally()
    if settings.metrics == OPENTELEMETRY:
        try:
            from asyncevents_core.adapters.opentelemetry import OpenTelemetryInstruments
        except ModuleNotFoundError as error:
            raise MissingExtra(f'METRICS = "{OPENTELEMETRY}"', extra="otel") from error
        return OpenTelemetryInstruments()
    return None


def tracing_of(settings: Settings) -> Tracing:
    """Return what records spans; nothing does where TRACES is off. Raises `MissingExtra`."""
    if settings.traces != OPENTELEMETRY:
        return NO_TRACING
    try:
        from asyncevents_core.adapters.opentelemetry_tracing import OpenTelemetryTracing
    except ModuleNotFoundError as error:
        raise MissingExtra(f'TRACES = "{OPENTELEMETRY}"', extra="otel") from error
    return OpenTelemetryTracing()
