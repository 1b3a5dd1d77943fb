"""`logs`: list attempts, search them, export what is found."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Final

import click

from asyncevents_core.adapters.private_files import make_file
from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.options import JSON_OPTION, SHOWN
from asyncevents_core.cli.output import (
    errors,
    json_lines,
    local,
    progress_bar,
    seconds,
    short,
    table,
)
from asyncevents_core.cli.parameters import instant, row_id
from asyncevents_core.domain import log_csv
from asyncevents_core.domain.counts import counted
from asyncevents_core.domain.trace import LogBatch, LogFilter, LogRow
from asyncevents_core.engine.searching.export import batches_of_log
from asyncevents_core.engine.searching.pages import pages_of_log
from asyncevents_core.engine.searching.search import SearchPage
from asyncevents_core.engine.searching.tail import LogFollower
from asyncevents_core.engine.searching.telling import behind, told
from asyncevents_core.errors import AsyncEventsError
from asyncevents_core.forms import LogRowForm, PayloadRowForm
from asyncevents_core.logging_setup import printable
from asyncevents_core.ports.ledger import Ledger


@click.command()
@click.argument("query", required=False)
@click.option("--event", "event_name", metavar="NAME", help="Of events of this name.")
@click.option("--subscription", type=row_id, metavar="ID", help="Of one subscription.")
@click.option("--delivered/--failed", default=None, help="Those that succeeded, or did not.")
@click.option(
    "--since",
    type=instant,
    metavar="TIME",
    help="Begun then or later, in local time, such as 2026-11-24.",
)
@click.option("--until", type=instant, metavar="TIME", help="Begun before then.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), help="By default 50; with --csv or --json, all."
)
@click.option("--before", type=row_id, metavar="LOG_ID", help="Page on: the last log id shown.")
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
    help="Write them into a file; - is stdout.",
)
@click.option(
    "--follow", "-f", is_flag=True, help="Print new attempts as they are written, until Ctrl-C."
)
@click.option(
    "--payload", is_flag=True, help="With --csv or --json: what was sent, too (the CloudEvent)."
)
@click.option("--explain", is_flag=True, help="Say how QUERY is read, and search nothing.")
@JSON_OPTION
@pass_cli
def logs(
    context: CliContext,
    query: str | None,
    event_name: str | None,
    subscription: int | None,
    delivered: bool | None,
    since: int | None,
    until: int | None,
    limit: int | None,
    before: int | None,
    csv_path: Path | None,
    follow: bool,
    payload: bool,
    explain: bool,
    as_json: bool,
) -> None:
    """List attempts, newest first, or search them.

    Options narrow the list without an index. A QUERY in Lucene's syntax looks into the payload,
    too (data.data.x), and needs the index that workers keep (extra `search`). --csv and --json
    stream all there is, with --payload also what was sent. With --follow what is written from now
    on is printed, one attempt a line, within about a second. `asyncevents trace UUID` shows one
    delivery in full.

    \b
    Examples:
      asyncevents logs --failed --since 2026-11-24
      asyncevents logs --failed --follow
      asyncevents logs 'customer.* AND success: false'
      asyncevents logs 'data.data.increment_id: CK*' --csv found.csv
      asyncevents logs --explain 'event_name:order.* AND NOT success:true'

    \b
    In a QUERY, where case counts for AND, OR, NOT and TO only:
      kettle                      a word or value of event_name, uuid, payload
      "blue kettle"               words one after the other; a value with spaces
      success:false               of one field; data.x is x of the payload
      data.total:(5 OR -3.25)     one of several values
      a AND (b OR NOT c)          both; mixed with OR only in parentheses
      data.sku:CK* data.sku:C?1   any characters; exactly one
      data.sku:/CK[0-9]{4}/       a regular expression
      data.total:[10 TO 20]       from, to; {10 TO 20} without the ends
      data.total:>10 attempt:<=2  one end
      http_status:[500 TO 599]    what the recipient answered
      duration:>0.5               seconds
      started_at:>now-1d          the last 24 hours; started_at:2026-11 is a month
      kettel~ kettel~1 "a b"~2    almost: other letters, words moved
      _exists_:data.note          there is a value
      "a:b" a\\:b                  a character that means something else above
    Fields: log_id uuid event_name success started_at duration fate outcome
      http_status detail attempt subscription_id sink tenant target response
      event_id data.…
    """
    if csv_path is not None and as_json:
        raise click.UsageError("--csv or --json, not both")
    wanted = LogFilter(
        subscription_id=subscription,
        event_name=event_name,
        delivered=delivered,
        since=since,
        until=until,
    )
    if payload and (follow or (csv_path is None and not as_json)):
        raise click.UsageError("--payload goes with --csv or --json, and not with --follow")
    if explain and query is None:
        raise click.UsageError("--explain is about a QUERY: give one")
    if follow:
        if any(one is not None for one in (query, csv_path, since, until, limit, before)):
            raise click.UsageError(
                "--follow prints what comes: leave out QUERY, --csv, --since, --until, --limit and "
                "--before; --event, --subscription, --delivered, --failed and --json go with it"
            )
        follow_log(context.ledger, wanted, _print_json if as_json else _print_line)
        return
    streams = as_json or csv_path is not None
    if query is None:
        most = limit if streams else limit or SHOWN
        found = pages_of_log(context.ledger, wanted, limit=most, before=before)
        if streams:
            batches = batches_of_log(context.ledger, found, payload=payload)
            _stream(batches, csv_path, total=limit, payload=payload)
            return
        rows = [one for some in found for one in some]
        _show(rows)
        if len(rows) == most:
            errors().print(f"more: --before {rows[-1].log_id}", markup=False)
        return
    search = context.runtime.search
    reading = search.reading(query)
    if explain:
        for line in reading.lines:
            click.echo(printable(line))
    for doubt in reading.doubts:
        errors().print(f"doubtful: {printable(str(doubt))}", markup=False)
    if explain:
        return
    if not streams:
        page = search.page(query, wanted, limit=limit or SHOWN, before=before)
        _show(page.rows)
        errors().print(_told(page), markup=False)
        return
    page = search.page(query, wanted, limit=1, before=before)
    total = page.total if page.exact and before is None else None
    found = search.pages(query, wanted, limit=limit, before=before)
    _stream(
        batches_of_log(context.ledger, found, payload=payload),
        csv_path,
        total=limit if total is None else min(total, limit or total),
        payload=payload,
    )
    errors().print(behind(page.behind, complete=page.complete), markup=False)


def _stream(
    batches: Iterable[LogBatch], path: Path | None, *, total: int | None, payload: bool
) -> None:
    if path is not None:
        _export(batches, path, total=total, payload=payload)
    elif payload:
        json_lines(one for some in batches for one in PayloadRowForm.of_batch(some, json.loads))
    else:
        json_lines(LogRowForm.of(one) for some in batches for one in some.rows)


def _show(rows: Iterable[LogRow]) -> None:
    table(
        "Attempts",
        ["log id", "started", "event", "sub.", "outcome", "detail", "took", "uuid"],
        [
            [
                one.log_id,
                local(one.attempt.started_at),
                one.event_name,
                one.subscription_id,
                one.attempt.outcome,
                short(one.attempt.detail),
                seconds(one.attempt.duration),
                one.attempt.delivery_id,
            ]
            for one in rows
        ],
        spare=["took", "uuid"],
        cut=["detail", "event"],
    )


def _print_json(one: LogRow) -> None:
    json_lines([LogRowForm.of(one)])


def _print_line(one: LogRow) -> None:
    attempt = one.attempt
    cells = (
        one.log_id,
        local(attempt.started_at),
        attempt.delivery_id,
        one.event_name,
        one.subscription_id,
        attempt.outcome,
        short(attempt.detail),
        seconds(attempt.duration),
    )
    click.echo(printable("  ".join(map(str, cells))))


def _export(batches: Iterable[LogBatch], path: Path, *, total: int | None, payload: bool) -> None:
    written = 0
    rest = iter(batches)
    first = next(rest, LogBatch(rows=()))  # what is wrong is told before a file is replaced
    if not path.exists() and str(path) != "-":
        make_file(path)
    try:
        with click.open_file(str(path), "wb") as file, progress_bar() as progress:
            task = progress.add_task("writing", total=total)
            file.write(log_csv.header(payload=payload))
            for batch in chain([first], rest):
                file.write(log_csv.lines(batch))
                written += len(batch.rows)
                progress.advance(task, len(batch.rows))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise AsyncEventsError(f"{path}: {error.strerror}") from error
    to_stdout = str(path) == "-"
    where = "" if to_stdout else f" to {path}"
    click.echo(f"{counted(written, 'attempt')} written{where}", err=to_stdout)


def _told(page: SearchPage) -> str:
    """Say how much was found, how to page on, and how far behind the index is."""
    return told(page, more="" if page.next is None else f"; more: --before {page.next}")


_PAUSE: Final = 1.0


def follow_log(ledger: Ledger, wanted: LogFilter, show: Callable[[LogRow], None]) -> None:
    """Give `show` each attempt that is written from now on, until Ctrl-C."""
    with suppress(KeyboardInterrupt):
        follower = LogFollower(ledger, wanted)
        errors().print("Waiting for new attempts; Ctrl-C ends it.")
        while True:
            for row in follower.poll():
                show(row)
            if not follower.behind:
                time.sleep(_PAUSE)
