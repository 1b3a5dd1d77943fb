"""`import-mageos`: take over what a shop with mageos-async-events has."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from attrs import evolve, frozen
from rich.progress import Progress, TaskID

from asyncevents_core.adapters.mageos.crypt_keys import CryptKeys
from asyncevents_core.adapters.mageos.csv_table import read_csv
from asyncevents_core.adapters.mageos.event_definitions import ReadEvents, read_event_definitions
from asyncevents_core.adapters.mageos.events_module import events_module, is_served
from asyncevents_core.adapters.mageos.rows import read_row
from asyncevents_core.adapters.mageos.sql_dump import read_sql_dump
from asyncevents_core.cli.actor import local_actor
from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.options import JSON_OPTION, SHOWN
from asyncevents_core.cli.output import (
    console,
    errors,
    interruptible,
    json_lines,
    progress_bar,
    short,
    table,
)
from asyncevents_core.domain.counts import counted
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.original import OriginalEvent, OriginalSubscription, UnreadableRow
from asyncevents_core.domain.secret import weakness
from asyncevents_core.engine.managing.moving import (
    Planned,
    Result,
    carry_out,
    only_one,
    plan_move,
)

_EVENTS: Final = ".xml"
_ROWS: Final = {".sql": read_sql_dump, ".csv": read_csv}
_WORST_FIRST: Final = (Result.REFUSED, Result.WAITS, Result.NEW, Result.MADE, Result.THERE)
_WORDS: Final = {Result.THERE: "there already", Result.WAITS: "waiting for their events"}
_UNDONE: Final = (Result.REFUSED, Result.WAITS)
_Rows = Sequence[OriginalSubscription | UnreadableRow]


@frozen(kw_only=True)
class _PlannedEvent:
    """What becomes of an event definition."""

    original: OriginalEvent
    result: Result
    detail: str = ""


@click.command()
@click.argument(
    "files",
    metavar="FILE…",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The shop's app/etc/env.php, whose key decrypts tokens; or a file with only the key.",
)
@click.option(
    "--events-to",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.py",
    help="Write the events that are not defined yet into this new module.",
)
@click.option(
    "--sink",
    "sinks",
    metavar="METADATA=SINK",
    multiple=True,
    help="The sink that takes the place of a notifier with another name.",
)
@click.option("--new-secrets", is_flag=True, help="Replace tokens that cannot be decrypted.")
@click.option("--disabled", is_flag=True, help="Let none of the subscriptions deliver yet.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@JSON_OPTION
@pass_cli
def import_mageos(
    context: CliContext,
    files: tuple[Path, ...],
    key_file: Path | None,
    events_to: Path | None,
    sinks: tuple[str, ...],
    new_secrets: bool,
    disabled: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take over events and subscriptions of mageos-async-events.

    Each FILE is an async_events.xml (.xml), in the order in which the shop loads its modules, or a
    dump of the table async_event_subscriber (.sql of mysqldump, .csv with the names of columns).
    Subscriptions deliver as before, so that receivers stay as they are. What is there already is
    left alone: run it as often as you like. Exits with 1 if something could not be taken over.

    \b
    Examples:
      asyncevents import-mageos app/code/*/*/etc/async_events.xml --events-to shop_events.py
      asyncevents import-mageos subscribers.sql --key-file app/etc/env.php --dry-run
    """
    definitions, dumps = _sorted(files)
    read = read_event_definitions(definitions)
    keys = None if key_file is None else CryptKeys.read(key_file)
    rows = _read(dumps, keys)
    events = _plan_events(context, read, None if dry_run else events_to)
    move = _Move(
        context=context,
        coming=[EventDefinition(name=one.name, resources=one.resources) for one in read.events],
        sinks=_named(sinks),
        new_secrets=new_secrets,
        disabled=disabled,
    )
    found = (move.plan if dry_run else move.take_over)(rows)
    for note in read.notes:
        errors().print(f"note: {note}", markup=False)
    if as_json:
        json_lines([*map(_plain_event, events), *map(_plain, found)])
    else:
        _show(events, found, dry_run=dry_run)
    if any(one.result in _UNDONE for one in found):
        sys.exit(1)


# -- files ------------------------------------------------------------------------------------


def _sorted(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Return the definitions of events, and the dumps."""
    known = (_EVENTS, *_ROWS)
    for one in files:
        if one.suffix.lower() not in known:
            raise click.UsageError(f"{one}: its name ends in none of {', '.join(known)}")
    definitions = [one for one in files if one.suffix.lower() == _EVENTS]
    return definitions, [one for one in files if one.suffix.lower() != _EVENTS]


def _named(sinks: Sequence[str]) -> dict[str, str]:
    named = {}
    for text in sinks:
        metadata, equals, sink = text.partition("=")
        if not (equals and metadata and sink):
            raise click.UsageError(f"--sink {text!r}: write METADATA=SINK")
        named[metadata] = sink
    return named


def _read(dumps: Sequence[Path], keys: CryptKeys | None) -> _Rows:
    """Read all dumps to their ends: where one is broken, nothing has been done."""
    rows: list[OriginalSubscription | UnreadableRow] = []
    with progress_bar() as progress:
        for path in dumps:
            task = progress.add_task(f"reading {path.name}", total=path.stat().st_size)
            found = _ROWS[path.suffix.lower()](path, partial(_advance, progress, task))
            rows += (read_row(one, keys) for one in found)
    return rows


def _advance(progress: Progress, task: TaskID, done: int) -> None:
    progress.update(task, completed=done)


# -- events -----------------------------------------------------------------------------------


def _plan_events(
    context: CliContext, read: ReadEvents, events_to: Path | None
) -> Sequence[_PlannedEvent]:
    """Say what becomes of event definitions, and write those that are new."""
    if not read.events:
        return []
    known = set(context.runtime.catalog.names())
    plan = [
        _PlannedEvent(original=one, result=Result.THERE)
        if one.name in known
        else _PlannedEvent(original=one, result=Result.NEW, detail=_to_do(one))
        for one in read.events
    ]
    new = [one.original for one in plan if one.result is Result.NEW]
    if events_to is None or not new:
        return plan
    _write(events_to, events_module(new))
    return [evolve(one, result=Result.MADE) if one.original in new else one for one in plan]


def _to_do(one: OriginalEvent) -> str:
    return "" if is_served(one) else f"write what {one.service}::{one.method} did"


def _write(path: Path, source: str) -> None:
    """Write a module; one that is there is somebody's work by now, unless it is the same."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(source)
    except FileExistsError:
        if path.read_text(encoding="utf-8") != source:
            raise click.ClickException(
                f"{path} is there already, and different: name it in EVENT_MODULES, so that what "
                "is in it counts as defined; or give --events-to another name"
            ) from None


# -- subscriptions ----------------------------------------------------------------------------


@frozen(kw_only=True)
class _Move:
    """How subscriptions are taken over."""

    context: CliContext
    coming: Sequence[EventDefinition]
    sinks: Mapping[str, str]
    new_secrets: bool
    disabled: bool

    def plan(self, rows: _Rows) -> Sequence[Planned]:
        if not rows:
            return []
        with progress_bar() as progress:
            return self._plan(rows, progress)

    def take_over(self, rows: _Rows) -> Sequence[Planned]:
        if not rows:
            return []
        ledger = self.context.ledger
        made: list[Planned] = []
        try:
            with interruptible(_half_done), only_one(ledger) as right, progress_bar() as progress:
                return carry_out(
                    ledger,
                    self._plan(rows, progress),
                    right=right,
                    by=local_actor(self.context.settings),
                    observers=self.context.runtime.observers,
                    committed=made.extend,
                    progress=_telling(progress, "subscribing"),
                )
        except Exception:
            # The next run finds these there, and knows their secrets no more.
            _tell_secrets(made)
            raise

    def _plan(self, rows: _Rows, progress: Progress) -> Sequence[Planned]:
        context = self.context
        return plan_move(
            context.ledger,
            context.runtime.catalog,
            rows,
            check=context.runtime.check_subscription,
            by=local_actor(context.settings),
            coming=self.coming,
            sinks=self.sinks,
            new_secrets=self.new_secrets,
            disabled=self.disabled,
            progress=_telling(progress, "planning"),
        )


def _telling(progress: Progress, what: str) -> Callable[[int, int], None]:
    """Return what shows how many of how many are done."""
    task = progress.add_task(what, total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)


def _half_done() -> str:
    return "what was made stays so; run the same command again, and it goes on with the rest"


# -- what people see --------------------------------------------------------------------------


def _show(events: Sequence[_PlannedEvent], found: Sequence[Planned], *, dry_run: bool) -> None:
    if events:
        rows = [[one.original.name, one.result, one.detail] for one in events]
        table("Events", ["event", "result", "to do"], rows)
    if found:
        columns = ["there", "event", "sink", "target", "tenant", "result", "here", "why"]
        first = sorted(found, key=lambda one: _WORST_FIRST.index(one.result))[:SHOWN]
        table("Subscriptions", columns, map(_row, first), spare=("tenant", "sink"), cut=("target",))
        if len(found) > SHOWN:
            click.echo(f"… and {len(found) - SHOWN:,} more: --json lists all")
    for line in _summary(events, found):
        click.echo(line)
    if not dry_run and any(one.result is Result.NEW for one in events):
        click.echo("--events-to FILE.py writes the events that are new")
    _tell_secrets(found)
    if dry_run:
        click.echo("nothing was written: this was a dry run")


def _row(one: Planned) -> list[object]:
    there = one.where if one.number is None else one.number
    return [
        *(there, one.event_name, one.sink, one.target, one.tenant),
        *(one.result, one.subscription_id, short(one.detail)),
    ]


def _summary(events: Sequence[_PlannedEvent], found: Sequence[Planned]) -> Iterator[str]:
    for noun, results in (
        ("event", [one.result for one in events]),
        ("subscription", [one.result for one in found]),
    ):
        if results:
            counts = Counter(results)
            parts = [
                f"{counts[one]:,} {_WORDS.get(one, one)}" for one in _WORST_FIRST if counts[one]
            ]
            yield f"{counted(len(results), noun)}: {', '.join(parts)}"
    if weak := sum(_is_weak(one) for one in found):
        yield f"{counted(weak, 'token')} could be guessed: rotate them once all runs here"


def _is_weak(one: Planned) -> bool:
    secret = None if one.wanted is None else one.wanted.secret
    return secret is not None and weakness(secret) is not None


def _tell_secrets(found: Sequence[Planned]) -> None:
    """Print new secrets, which nothing shows again, however many there are."""
    told = [one for one in found if one.shown_secret is not None]
    if told:
        click.echo("their receivers verify with these secrets, shown only now:")
    for one in told:
        text = f"  {one.subscription_id}  {one.event_name}  {one.target}  {one.shown_secret}"
        console().print(text, markup=False, soft_wrap=True)


def _plain_event(one: _PlannedEvent) -> dict[str, Any]:
    original = one.original
    return {
        "what": "event",
        "where": original.where,
        "event_name": original.name,
        "service": f"{original.service}::{original.method}",
        "resources": original.resources,
        "result": one.result,
        "detail": one.detail,
    }


def _plain(one: Planned) -> dict[str, Any]:
    return {
        "what": "subscription",
        "where": one.where,
        "original_id": one.number,
        "event_name": one.event_name,
        "sink": one.sink,
        "target": one.target,
        "tenant": one.tenant,
        "result": one.result,
        "detail": one.detail,
        "subscription_id": one.subscription_id,
        "receiver_secret": one.shown_secret,
    }
