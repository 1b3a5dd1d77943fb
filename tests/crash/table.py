"""Reports as tables in Markdown, and as files of which a table is made again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs
from attrs import evolve

from tests.crash.counting import Counts
from tests.crash.run import KindReport, Report

_FAMILIES = {"kill": "kills", "freeze": "freezes", "network": "network", "state": "others"}


def store(report: Report, folder: Path) -> None:
    """Keep a report: the suite can be run pair by pair."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{report.pair.replace(' × ', '-')}.json"
    path.write_text(json.dumps(attrs.asdict(report), indent=1, default=dict))


def stored(folder: Path) -> list[Report]:
    """Return what was kept."""
    found = []
    for path in sorted(folder.glob("*.json")):
        plain = json.loads(path.read_text())
        plain["counts"] = Counts(**plain["counts"])
        plain["kinds"] = [KindReport(**one) for one in plain["kinds"]]
        found.append(Report(**plain))
    return found


def tables(reports: Sequence[Report]) -> str:
    """Return both tables: of pairs, and of kinds of faults."""
    total = sum(one.times("kill", "freeze") for one in reports)
    others = sum(one.times("network", "state") for one in reports)
    pairs = sum(one.counts.events for one in reports) * 3
    lost = sum(one.counts.lost for one in reports)
    summary = (
        f"In total: {len(reports)} pairs of broker and ledger, {total} kills and freezes, {others} "
        f"other faults, {pairs:,} pairs of an event and a subscriber, {lost} lost."
    )
    return "\n\n".join([_by_pair(reports), _by_kind(reports), summary])


def _by_pair(reports: Iterable[Report]) -> str:
    lines = [
        "| broker × ledger | events | kills | freezes | other faults | lost | duplicates "
        "| abandoned, overtaken | longest stop | seed |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in reports:
        counts = one.counts
        others = one.times("network", "state")
        lines.append(
            f"| {one.pair} | {counts.events} | {one.times('kill')} | {one.times('freeze')} "
            f"| {others} | {counts.lost} | {counts.duplicates} "
            f"| {counts.abandoned}, {counts.overtaken} | {one.longest_stop:.1f} s "
            f"| {one.seed} |"
        )
    return "\n".join(lines)


def _by_kind(reports: Iterable[Report]) -> str:
    merged: dict[str, KindReport] = {}
    for report in reports:
        for one in report.kinds:
            merged[one.name] = _merged(merged[one.name], one) if one.name in merged else one
    lines = [
        "| fault | times | longest stop of healthy workers | named by | healed |",
        "|---|---|---|---|---|",
    ]
    order = list(_FAMILIES)
    for one in sorted(merged.values(), key=lambda one: (order.index(one.family), one.name)):
        lines.append(
            f"| {one.name} | {one.times} | {one.longest_stop:.1f} s | {_named(one)} "
            f"| {_healed(one)} |"
        )
    return "\n".join(lines)


def _merged(one: KindReport, other: KindReport) -> KindReport:
    named = dict(one.named)
    for line, number in other.named.items():
        named[line] = named.get(line, 0) + number
    return evolve(
        one,
        times=one.times + other.times,
        longest_stop=max(one.longest_stop, other.longest_stop),
        named=named,
        went_on=one.went_on + other.went_on,
        slowest=max(one.slowest, other.slowest),
    )


def _named(one: KindReport) -> str:
    """Name the two lines that were said most often."""
    most = sorted(one.named.items(), key=lambda item: (-item[1], item[0]))[:2]
    if not most:
        return "needs no name" if one.went_on == one.times else "—"
    return "; ".join(f"“{line}” ({number})" for line, number in most)


def _healed(one: KindReport) -> str:
    if one.went_on == one.times:
        return "deliveries went on"
    after = f"at most {one.slowest:.1f} s after its end"
    if not one.went_on:
        return after
    return f"went on {one.went_on} times, else {after}"
