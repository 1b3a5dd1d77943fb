"""Runs scenarios one after another; one that fails costs the others nothing."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from attrs import asdict, evolve

from tests.benchmarks.figures import Report, Result
from tests.benchmarks.machine import machine, versions
from tests.benchmarks.scenario import Context, Options, Progress, Scenario
from tests.benchmarks.services import Services


def run(
    scenarios: Sequence[Scenario],
    options: Options,
    *,
    progress_of: Callable[[Scenario], Progress],
    done: Callable[[Report, Result], None],
) -> Report:
    """Run them on one set of servers. `done` hears of each result, with the report so far."""
    measured_on = machine()
    with Services(fsync=options.fsync) as services:
        report = Report(
            machine=measured_on, versions=versions(services), options=asdict(options), results=()
        )
        context = Context(options=options, services=services)
        for scenario in scenarios:
            context.progress = progress_of(scenario)
            result = _result(scenario, context)
            report = evolve(report, results=(*report.results, result))
            done(report, result)
    return report


def _result(scenario: Scenario, context: Context) -> Result:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    begun = time.monotonic()
    findings = error = None
    try:
        findings = scenario.run(context)
    except Exception:
        error = traceback.format_exc()
    return Result(
        name=scenario.name,
        title=scenario.title,
        measures=" ".join((scenario.__doc__ or "").split()),
        at=at,
        seconds=time.monotonic() - begun,
        findings=findings,
        error=error,
    )
