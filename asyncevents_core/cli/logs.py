"""`logs`: list attempts, search them, export what is found."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.parameters import row_id
from asyncevents_core.cli.reading import LIMIT_OPTION, attempt_fields, short
from asyncevents_core.cli.render import (
    JSON_OPTION,
    errors,
    json_lines,
    local,
    progress_bar,
    seconds,
    table,
)
from asyncevents_core.domain import logcsv
from asyncevents_core.domain.logfilter import LogFilter
from asyncevents_core.domain.trace import LogRow
from asyncevents_core.engine.searching import SearchPage
from asyncevents_core.errors import AsyncEventsError
from asyncevents_core.ports.index_queue import IndexBacklog


@click.command()
@click.argument("query", required=False)
@click.option(
    "--subscription", type=row_id, metavar="ID", help="Attempts of one subscription only."
)
@LIMIT_OPTION
@click.option("--before", type=row_id, metavar="LOG_ID", help="Page on: the last log id shown.")
@click.option(
    "--csv",
    "csv_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write all that QUERY finds into a file.",
)
@JSON_OPTION
@pass_cli
def logs(
    context: CliContext,
    query: str | None,
    subscription: int | None,
    limit: int,
    before: int | None,
    csv_path: Path | None,
    as_json: bool,
) -> None:
    """List attempts, newest first, or search them.

    QUERY is in Lucene's syntax. Searching needs an index, which workers keep (extra `search`). With
    QUERY, --json and --csv are not limited: they stream every hit. `asyncevents trace UUID` shows
    one delivery in full.

    \b
    Examples:
      asyncevents logs
      asyncevents logs 'customer.* AND success: false'
      asyncevents logs 'data.data.increment_id: CK*' --csv found.csv
    """
    if query is None:
        if csv_path is not None:
            raise click.UsageError("--csv goes with a QUERY; *:* finds everything")
        wanted = LogFilter(subscription_id=subscription)
        found = context.ledger.read(
            lambda queries: queries.logs(wanted, limit=limit, before=before)
        )
        _show(found, as_json=as_json)
        return
    if subscription is not None:
        raise click.UsageError(f"say it in the query: … AND subscription_id:{subscription}")
    if csv_path is not None:
        _export(context, query, csv_path)
    elif as_json:
        json_lines(_plain(one) for rows in context.runtime.search.pages(query) for one in rows)
    else:
        page = context.runtime.search.page(query, limit=limit, before=before)
        _show(page.rows, as_json=False)
        errors().print(_told(page), markup=False)


def _show(rows: Iterable[LogRow], *, as_json: bool) -> None:
    if as_json:
        json_lines(_plain(one) for one in rows)
        return
    table(
        "Attempts",
        ["log id", "started", "uuid", "event", "sub.", "outcome", "detail", "took"],
        [
            [
                one.log_id,
                local(one.attempt.started_at),
                one.attempt.delivery_id,
                one.event_name,
                one.subscription_id,
                one.attempt.outcome,
                short(one.attempt.detail),
                seconds(one.attempt.duration),
            ]
            for one in rows
        ],
    )


def _export(context: CliContext, query: str, path: Path) -> None:
    search = context.runtime.search
    counted = search.page(query, limit=1)
    written = 0
    try:
        with path.open("wb") as file, progress_bar() as progress:
            task = progress.add_task("writing", total=counted.total if counted.exact else None)
            file.write(logcsv.header())
            for rows in search.pages(query):
                file.write(logcsv.lines(rows))
                written += len(rows)
                progress.advance(task, len(rows))
    except OSError as error:
        raise AsyncEventsError(f"{path}: {error.strerror}") from error
    click.echo(f"{written} attempts written to {path}")


def _plain(one: LogRow) -> dict[str, Any]:
    return {
        "log_id": one.log_id,
        "uuid": one.attempt.delivery_id,
        "event_name": one.event_name,
        "subscription_id": one.subscription_id,
        "delivery": one.delivery_state.value,
        **attempt_fields(one.attempt),
    }


def _told(page: SearchPage) -> str:
    """Say how much was found, and how far behind the index is."""
    total = f"{page.total:,}" if page.exact else f"more than {page.total:,}"
    more = f"; more: --before {page.next}" if page.next is not None else ""
    off = "" if page.indexing else " Indexing is switched off (INDEXING_ENABLED)."
    return f"{total} found{more}. {behind(page.behind)}{off}"


def behind(backlog: IndexBacklog) -> str:
    """Say how far behind an index is, in words."""
    aside = f"; {backlog.set_aside} were refused by it" if backlog.set_aside else ""
    if not backlog.waiting:
        return f"The index is up to date{aside}."
    age = ""
    if backlog.oldest is not None:
        late = datetime.now(UTC).timestamp() - backlog.oldest / 1e6
        age = f", the oldest made {max(0, round(late))} s ago"
    return f"The index is behind by {backlog.waiting:,} attempts{age}{aside}."
