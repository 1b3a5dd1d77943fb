"""What probes and Prometheus see: the endpoint of health, asked every second."""

from __future__ import annotations

import contextlib
import http.client
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

Numbers = Mapping[str, Sequence[float]]
"""The values of each metric, of all processes and labels."""

_PATIENCE: Final = 3.0
"""Seconds for an answer, as a platform has it."""
_WAITS: Final = 10.0
"""Seconds of backlog that count: rules wait for minutes, of which a drill has none."""


def _first(numbers: Numbers, name: str, choose: Callable[[Sequence[float]], float]) -> float | None:
    values = numbers.get(name)
    return choose(values) if values else None


RULES: Final[Mapping[str, Callable[[Numbers], bool]]] = {
    "LedgerAway": lambda at: _first(at, "asyncevents_worker_ledger_up", min) == 0,
    "BrokerAway": lambda at: _first(at, "asyncevents_worker_broker_up", min) == 0,
    "WorkerStalled": lambda at: _first(at, "asyncevents_worker_stalled", max) == 1,
    "CallsHang": lambda at: (_first(at, "asyncevents_worker_stuck", sum) or 0) > 0,
    "BacklogGrows": lambda at: (_first(at, "asyncevents_backlog_age_seconds", max) or 0) > _WAITS,
}
"""Rules of deploy/monitoring by their conditions, without how long these have to hold."""
NOBODY: Final = "NobodyAnswers"


def signs(port: int, workers: int) -> Iterator[tuple[str, str]]:
    """Return by what something is named now, and the words; nothing where all is well.

    `workers` is how many there should be.
    """
    for path, by in (("/livez", "liveness"), ("/readyz", "readiness")):
        answer = _ask(port, path)
        if answer is None:
            yield by, "nobody answers"
        else:
            lines = answer[1].splitlines()
            for line in lines:
                if not line.endswith(": ok"):
                    yield from ((by, one) for one in _plain(line).split("; "))
            if len(lines) < workers:
                yield by, f"{len(lines)} of {workers} answer"
    answer = _ask(port, "/metrics")
    if answer is None or answer[0] != http.client.OK:
        yield "metrics", NOBODY
        return
    numbers = _numbers(answer[1])
    yield from (("metrics", name) for name, holds in RULES.items() if holds(numbers))


def _ask(port: int, path: str) -> tuple[int, str] | None:
    try:
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
        ) as asked:
            asked.request("GET", path)
            answer = asked.getresponse()
            return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException):
        return None


def _numbers(text: str) -> Numbers:
    found: dict[str, list[float]] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            found.setdefault(one.name, []).append(one.value)
    return found


def _plain(line: str) -> str:
    """Return what a probe said, without the numbers in it."""
    return re.sub(r"\d+", "…", line.partition(": ")[2] or line)
