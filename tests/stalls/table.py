"""The stall table in Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import attrs

from tests.stalls.observing import seconds
from tests.stalls.stall import PROMISED, Naming, Observed, Stall

BUILD = Path(__file__).parents[2] / "build"


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


def _row(one: Observed) -> str:
    named = "; ".join(f"{seconds(name.after)}, {name.by}" for name in one.namings) or "—"
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
