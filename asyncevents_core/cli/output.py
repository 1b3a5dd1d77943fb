"""What people and scripts see: tables on terminals, JSON lines for programs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import attrs
import click
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from asyncevents_core.domain.instant import iso, to_datetime
from asyncevents_core.logging_setup import printable

_GAP: Final = 2
_LEAST: Final = 8
"""Cells that are left of a column that is cut."""


def console() -> Console:
    """Return a console on stdout: colours on terminals only, wide where it is piped."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=200)


def errors() -> Console:
    """Return a console on stderr."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    spare: Sequence[str] = (),
    cut: Sequence[str] = (),
) -> None:
    """Print a table; cells are plain text. Says so where it is empty.

    Where a terminal is too narrow, it leaves out the columns in `spare`, the last one first, then
    cuts those in `cut`. If that is not enough, or they are empty, a row takes several lines, so
    that ids stay in one piece.
    """
    texts = [["" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    out = console()
    if not texts:
        out.print(f"{title}: none")
        return
    by_column = dict(zip(columns, zip(*texts, strict=True), strict=True))
    if out.is_terminal:
        by_column = _narrowed(by_column, out.width, spare, cut)
    widths = _widths(by_column)
    if out.is_terminal and _total(widths) > out.width:
        shown = [list(by_column), *zip(*by_column.values(), strict=True)]
        _print_stacked(out, title, shown, widths)
        return
    made = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in by_column:
        made.add_column(column, overflow="fold")
    for row in zip(*by_column.values(), strict=True):
        made.add_row(*map(escape, row))
    out.print(made)


def _narrowed(
    by_column: dict[str, tuple[str, ...]], width: int, spare: Sequence[str], cut: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return the columns so that a row fits into `width`, as far as `spare` and `cut` allow."""
    kept = dict(by_column)
    for column in reversed(spare):
        if _total(_widths(kept)) <= width:
            return kept
        del kept[column]
    for column in cut:
        too_wide = _total(_widths(kept)) - width
        if too_wide <= 0:
            break
        room = max(max(map(cell_len, kept[column])) - too_wide, cell_len(column), _LEAST)
        kept[column] = tuple(
            cell if cell_len(cell) <= room else set_cell_size(cell, room - 1) + "…"
            for cell in kept[column]
        )
    return kept


def _widths(by_column: Mapping[str, Sequence[str]]) -> list[int]:
    return [max(map(cell_len, [column, *cells])) for column, cells in by_column.items()]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _print_stacked(
    out: Console, title: str, rows: Sequence[Sequence[str]], widths: Sequence[int]
) -> None:
    """Print rows, the first of them headings, each over as many lines as all columns need."""
    lines: list[list[int]] = [[]]
    room = out.width
    for column, width in enumerate(widths):
        if lines[-1] and width > room:
            lines.append([])
            room = out.width - _GAP
        lines[-1].append(column)
        room -= width + _GAP
    out.print(title, style="italic")
    for number, row in enumerate(rows):
        for depth, line in enumerate(lines):
            cells = (row[one] + " " * (widths[one] - cell_len(row[one])) for one in line)
            text = (" " * _GAP).join(cells).rstrip()
            if text:
                indent = " " * _GAP if depth else ""
                style = None if number else "bold"
                out.print(indent + text, style=style, markup=False, soft_wrap=True)


def json_lines(rows: Iterable[object]) -> None:
    """Print one JSON object per line: of mappings, or of forms (`asyncevents_core.forms`)."""
    for row in rows:
        text = json.dumps(row, default=_plain, ensure_ascii=False)
        click.echo(text if text.isprintable() else _UNPRINTABLE.sub(_escaped, text))


_UNPRINTABLE: Final = re.compile(r"[^ -~]")


def _escaped(found: re.Match[str]) -> str:
    """Escape as JSON does what would steer a terminal: C1, and what turns the direction round."""
    one = found[0]
    return one if one.isprintable() else json.dumps(one)[1:-1]


def fields_of(form: attrs.AttrsInstance) -> dict[str, Any]:
    """Return the fields of a form by their names, so that a command can add to them."""
    return {one.name: getattr(form, one.name) for one in attrs.fields(type(form))}


def _plain(value: object) -> object:
    """Return what JSON has for a value that it does not know."""
    if isinstance(value, datetime):
        return iso(value)
    kind = type(value)
    if attrs.has(kind):
        return {one.name: getattr(value, one.name) for one in attrs.fields(kind)}
    return str(value)


def local(instant: int | None) -> str:
    """Return an instant in local time, for people."""
    if instant is None:
        return ""
    at: datetime = to_datetime(instant).astimezone()
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def age(instant: int | None, *, now: int | None = None) -> str:
    """Return how long ago an instant is, or how far ahead, for people: ``56 min ago``, ``in 3 d``.

    Both are microseconds since 1970; `now` is this machine's time unless it is given.
    """
    if instant is None:
        return ""
    passed = (time.time_ns() // 1000 if now is None else now) - instant
    text = roughly(abs(passed) / 1_000_000)
    return f"{text} ago" if passed >= 0 else f"in {text}"


def roughly(duration: float) -> str:
    """Return seconds for people who want no more than their size: ``55 s``, ``3 d``."""
    unit, one = next(
        ((unit, one) for unit, one in _UNITS if round(duration / one) < _MOST_OF[unit]), _UNITS[-1]
    )
    return f"{round(duration / one):,} {unit}"


_UNITS: Final = (("s", 1), ("min", 60), ("h", 3_600), ("d", 86_400))
_MOST_OF: Final = {"s": 120, "min": 120, "h": 48, "d": 1_000_000_000}
"""From how many of a unit on the next one is used."""


def seconds(duration: float) -> str:
    """Return a duration for people."""
    return f"{duration * 1000:.0f} ms" if duration < 1 else f"{duration:.2f} s"


def tell_secret(secret: str) -> None:
    """Print the receiver's form of a secret, which nothing shows again."""
    text = f"the receiver verifies with this secret, shown only now: {secret}"
    console().print(text, markup=False)


def progress_bar() -> Progress:
    """Return a progress bar on stderr; it shows on terminals only."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors(),
        transient=True,
        # Elsewhere it would leave an empty line.
        disable=not errors().is_terminal,
    )


@contextmanager
def interruptible(state: Callable[[], str]) -> Iterator[None]:
    """Say how things stand where Ctrl-C ends the block; the exit code is 1 then."""
    try:
        yield
    except KeyboardInterrupt:
        raise click.ClickException(f"interrupted: {state()}") from None


_LONGEST_CELL = 120


def short(text: str) -> str:
    """Return a text as one line that fits into a cell."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_CELL else line[: _LONGEST_CELL - 1] + "…"
