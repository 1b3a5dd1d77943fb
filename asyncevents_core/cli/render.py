"""What people and scripts see: tables on terminals, JSON lines for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from asyncevents_core.domain.envelope import to_datetime

JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")


def console() -> Console:
    """Return a console on stdout: colours on terminals only, wide where it is piped."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=200)


def errors() -> Console:
    """Return a console on stderr."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; cells are plain text. Says so where it is empty."""
    made = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    count = 0
    for row in rows:
        count += 1
        made.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    if count:
        console().print(made)
    else:
        console().print(f"{title}: none")


def json_lines(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print one JSON object per line."""
    for row in rows:
        click.echo(json.dumps(row, default=str, ensure_ascii=False))


def iso(instant: int | None) -> str | None:
    """Return an instant in ISO 8601, UTC, for programs."""
    return None if instant is None else to_datetime(instant).isoformat()


def local(instant: int | None) -> str:
    """Return an instant in local time, for people."""
    if instant is None:
        return ""
    at: datetime = to_datetime(instant).astimezone()
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def seconds(duration: float) -> str:
    """Return a duration for people."""
    return f"{duration * 1000:.0f} ms" if duration < 1 else f"{duration:.2f} s"


def progress_bar() -> Progress:
    """Return a progress bar on stderr; it shows on terminals only."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors(),
        transient=True,
    )


@contextmanager
def interruptible(state: Callable[[], str]) -> Iterator[None]:
    """Say how things stand where Ctrl-C ends the block; the exit code is 1 then."""
    try:
        yield
    except KeyboardInterrupt:
        raise click.ClickException(f"interrupted: {state()}") from None
