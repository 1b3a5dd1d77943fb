"""What people and scripts see: tables on terminals, JSON lines for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import attrs
import click
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from asyncevents_core.domain.instant import iso, to_datetime
from asyncevents_core.logging_setup import printable

_GAP: Final = 2


def console() -> Console:
    """Return a console on stdout: colours on terminals only, wide where it is piped."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=200)


def errors() -> Console:
    """Return a console on stderr."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; cells are plain text. Says so where it is empty.

    Where a terminal is too narrow, a row takes several lines, so that ids stay in one piece.
    """
    texts = [["" if cell is None else printable(str(cell)) for cell in row] for row in rows]
    out = console()
    if not texts:
        out.print(f"{title}: none")
        return
    widths = [max(map(cell_len, cells)) for cells in zip(columns, *texts, strict=True)]
    if out.is_terminal and sum(widths) + _GAP * (len(widths) - 1) > out.width:
        _print_stacked(out, title, [columns, *texts], widths)
        return
    made = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in texts:
        made.add_row(*map(escape, row))
    out.print(made)


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
        click.echo(json.dumps(row, default=_plain, ensure_ascii=False))


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


def seconds(duration: float) -> str:
    """Return a duration for people."""
    return f"{duration * 1000:.0f} ms" if duration < 1 else f"{duration:.2f} s"


def tell_secret(secret: str) -> None:
    """Print the receiver's form of a secret, which nothing shows again."""
    text = f"the receiver verifies with this secret, shown only now: {secret}"
    console().print(text, markup=False)


def counted(number: int, noun: str) -> str:
    """Return a number with what it counts: ``1 attempt``, ``2,000 attempts``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


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
