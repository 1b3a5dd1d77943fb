"""The stall table, and what each stall looks like to who is on call, in Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from tests.stalls.observing import seconds
from tests.stalls.runbook import Runbook
from tests.stalls.stall import PROMISED, Naming, Observed, Stall

BUILD = Path(__file__).parents[2] / "build"
_WAYS = ("log", "liveness", "readiness", "metrics", "status", "check", "publish()")
"""Where somebody may look. What ends says so in any case."""


def store(row: Observed) -> None:
    """Keep what was seen of one kind."""
    path = _path(row.kind, row.on)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(attrs.asdict(row), indent=1))


def stored(stall: Stall) -> Observed | None:
    """Return what was kept; None if the kind was not seen yet."""
    path = _path(stall.name, stall.on)
    if not path.exists():
        return None
    plain = json.loads(path.read_text())
    return Observed(**{**plain, "namings": [Naming(**one) for one in plain["namings"]]})


def _path(kind: str, on: str) -> Path:
    return BUILD / "stalls" / (re.sub(r"\W+", "-", f"{kind} on {on}") + ".json")


def table(rows: Sequence[Observed]) -> str:
    """Return the table, and how many kinds were healed or named in time."""
    lines = [
        "| what stands still | on | stopped for | goes on by itself | named after, by | in words "
        "| after its end |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += map(_row, rows)
    kept = sum(one.kept for one in rows)
    lines += ["", f"{kept} of {len(rows)} were healed or named within {PROMISED:g} seconds."]
    missed = [f"{one.kind} ({one.on})" for one in rows if not one.kept]
    if missed:
        lines += ["", f"Neither healed nor named: {'; '.join(missed)}."]
    return "\n".join(lines)


def sections(rows: Sequence[Observed], runbook: Runbook) -> str:
    """Return a section for each stall: who said what, after how long, and what to do then."""
    return "\n\n".join("\n".join(_section(one, runbook)) for one in rows)


def _section(row: Observed, runbook: Runbook) -> Iterator[str]:
    yield f"## {row.kind[0].upper()}{row.kind[1:]} ({row.on})"
    yield ""
    if row.healed == 0.0:
        yield f"Deliveries went on; the longest pause was {seconds(row.stopped)}."
    else:
        gone_on = "" if row.healed is None else f", and went on {_healed(row)}"
        yield f"Deliveries stood still for {seconds(row.stopped)}{gone_on}."
    if row.namings:
        yield ""
        yield "| after | who says it | what it says | what the runbook says |"
        yield "|---|---|---|---|"
        for one in row.namings:
            advice = runbook.says_of(one)
            to_do = "" if advice is None else f"{advice.text} ([more](../{advice.page}))"
            # The number and its unit stay on one line.
            after = seconds(one.after).replace(" ", "&nbsp;")
            yield f"| {after} | {one.by} | {_cell(one.words)} | {to_do} |"
    silent = [way for way in _WAYS if way not in {one.by for one in row.namings}]
    if silent:
        yield ""
        yield f"Nothing unusual: {', '.join(silent)}."


def _row(one: Observed) -> str:
    named = "; ".join(f"{seconds(name.after)}, {name.by}" for name in one.first_of_each) or "—"
    words = next((f"{_cell(name.words)}" for name in one.namings), "—")
    return (
        f"| {one.kind} | {one.on} | {seconds(one.stopped)} | {_healed(one)} | {named} | {words} "
        f"| {seconds(one.after_end)} |"
    )


def _healed(one: Observed) -> str:
    if one.healed is None:
        return "no"
    return "deliveries do not stop" if one.healed == 0.0 else f"after {seconds(one.healed)}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
