"""What metrics and traces cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from asyncevents_core import NewSubscription
from asyncevents_core.adapters.opentelemetry_tracing import OpenTelemetryTracing
from tests.benchmarks.constants import EVENT, SECRET
from tests.benchmarks.costs import compared
from tests.benchmarks.driving import Run, project_workers, watch
from tests.benchmarks.figures import Findings
from tests.benchmarks.importable import importable
from tests.benchmarks.payloads import Payloads
from tests.benchmarks.peers import watched
from tests.benchmarks.receiving import recipient
from tests.benchmarks.scenario import Context, Scenario
from tests.integration.project import Project
from tests.services.ports import free_port

LIMIT: Final = 0.95
_OFF: Final = "neither"
_ONE_PERCENT: Final = "metrics for Prometheus, traces of 1 %"
_PATH: Final = "/1/ok"
WAYS: Final[Mapping[str, Mapping[str, Any]]] = {
    _OFF: {},
    "metrics for Prometheus": {"METRICS": "prometheus"},
    "metrics by OpenTelemetry": {"METRICS": "opentelemetry"},
    "traces of 1 %": {"TRACES": "opentelemetry"},
    "traces of all": {"TRACES": "opentelemetry"},
    _ONE_PERCENT: {"METRICS": "prometheus", "TRACES": "opentelemetry"},
}
_SAMPLED: Final = {"traces of 1 %": 0.01, "traces of all": 1.0, _ONE_PERCENT: 0.01}


class Watching(Scenario):
    """Deliveries to one subscription, by one worker process, at 300 bytes, with metrics and traces.

    All events are published before, one by one. The rate is the steady one, CPU that of the worker
    from a tenth of the arrivals to the last. Spans and numbers go to an exporter of OpenTelemetry's
    SDK that keeps nothing; what is sampled is decided where an event is published.
    """

    name = "watching"
    title = "Metrics and traces"

    def run(self, context: Context) -> Findings:
        """See `Scenario`."""
        found = context.in_turn({name: lambda name=name: _deliver(context, name) for name in WAYS})
        return compared(
            self.name,
            self.title,
            found,
            text=f"{_ONE_PERCENT}: {LIMIT:g} × the rate without",
            way=_ONE_PERCENT,
            against=_OFF,
            limit=LIMIT,
        )


def _deliver(context: Context, name: str) -> Run:
    with (
        importable(),
        context.on_servers(
            PLUGINS=[watched.__name__], HEALTH_ADDRESS=f"127.0.0.1:{free_port()}", **WAYS[name]
        ) as project,
        recipient() as server,
    ):
        _publish(project, context.small, context.options.events, _SAMPLED.get(name), server.url)
        with project_workers(project, 1) as workers:
            return watch(workers, server, [_PATH], context.options.events)


def _publish(
    project: Project, payloads: Payloads, count: int, sampled: float | None, url: str
) -> None:
    """Publish one by one: each event has a trace of its own."""
    with project.events() as events:
        if sampled is not None:
            provider = TracerProvider(sampler=TraceIdRatioBased(sampled))
            events.runtime.tracing = OpenTelemetryTracing(provider)
        events.subscribe(
            NewSubscription(event_name=EVENT, sink="http", target=url + _PATH, secret=SECRET)
        )
        for data in payloads.some(0, count):
            events.publish(EVENT, data)
        if not events.flush(60):
            raise RuntimeError("the broker did not take the events within a minute")
