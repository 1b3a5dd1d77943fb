"""Peers that can be run in several ways: all are tried once per run of the suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.benchmarks.peers.base import Job, Peer
from tests.benchmarks.scenario import Context

_MOST: Final = 2_000


def tried(context: Context, called: str, ways: Mapping[str, Peer]) -> dict[str, float]:
    """Return the steady rate of each way, the best first; the first to ask pays the trial."""
    key = f"trial: {called}"
    if key not in context.shared:
        context.progress.expect(len(ways))
        rates = {}
        for way, peer in ways.items():
            context.progress.step(f"trial: {called}, {way}")
            job = Job(payloads=context.small, events=min(_MOST, context.options.events))
            rates[way] = peer.run(job).arrivals.steady_rate
        best = sorted(rates, key=rates.__getitem__, reverse=True)
        context.shared[key] = {way: rates[way] for way in best}
    found: dict[str, float] = context.shared[key]
    return found


def trial_note(rates: Mapping[str, float]) -> str:
    """Return what a trial came to, for the report."""
    return "tried: " + "; ".join(f"{way}: {rate:.0f}/s" for way, rate in rates.items())
