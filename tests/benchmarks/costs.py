"""What ways of delivering cost, against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tests.benchmarks.driving import Run
from tests.benchmarks.figures import Bar, Columns, Figure, Findings, ratio

_CPU: Final = "µs of CPU per delivery"


def compared(
    name: str,
    title: str,
    found: Mapping[str, Sequence[Run]],
    *,
    text: str,
    way: str,
    against: str,
    limit: float,
) -> Findings:
    """Return the steady rates and the worker's CPU of each way.

    The bar, with `text`, is that `way` keeps `limit` of the rate of `against`.
    """
    rates = {
        one: Figure(
            name=one, unit="deliveries/s", values=[run.arrivals.steady_rate for run in runs]
        )
        for one, runs in found.items()
    }
    costs = {
        one: [run.usage.per_delivery("workers") for run in runs] for one, runs in found.items()
    }
    return Findings(
        figures=[
            *rates.values(),
            *(
                Figure(name=f"{one}: worker", unit=_CPU, values=values)
                for one, values in costs.items()
            ),
        ],
        bars=[Bar(text=text, value=ratio(rates[way], rates[against]), limit=limit)],
        columns=[
            Columns(
                name=name,
                title=title,
                unit="µs of CPU of the worker per delivery",
                groups={one: {"worker": tuple(values)} for one, values in costs.items()},
            )
        ],
    )
