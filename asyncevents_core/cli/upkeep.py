"""`status` and `cleanup`: how it stands, and what may go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.local import local_actor
from asyncevents_core.cli.parameters import DAYS, Number
from asyncevents_core.cli.render import JSON_OPTION, console, iso, json_lines, progress_bar
from asyncevents_core.configuration import log_lifetime_days
from asyncevents_core.domain.trace import Backlog
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.engine.cleanup import clean_up
from asyncevents_core.engine.sweep import alive
from asyncevents_core.ports.queries import LedgerQueries


@click.command()
@JSON_OPTION
@pass_cli
def status(context: CliContext, as_json: bool) -> None:
    """Show the backlog, the workers and the dead letters.

    Also how old the oldest due row is, and how far the search index.
    """

    def read(queries: LedgerQueries) -> dict[str, Any]:
        found = _plain(queries.backlog(), list(queries.workers()), queries.now())
        index = queries.index_backlog()
        return {**found, "index_waiting": index.waiting, "index_set_aside": index.set_aside}

    found = context.ledger.read(read)
    if as_json:
        json_lines([found])
        return
    for name, value in found.items():
        console().print(f"{name.replace('_', ' '):>22}  {'-' if value is None else value}")
    for line in _advice(found):
        console().print(f"[yellow]{line}[/]", soft_wrap=True)


@click.command()
@click.option("--days", type=Number(0, DAYS), help="Instead of LOG_LIFETIME_DAYS.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_cli
def cleanup(context: CliContext, days: float | None, yes: bool) -> None:
    """Delete events that are over and old. For cron.

    Their deliveries and attempts go with them. What waits, is under way or is held is kept, however
    old. LOG_CLEANUP_ENABLED lets the workers do the same on LOG_CLEANUP_SCHEDULE.
    """
    days = log_lifetime_days(context.settings, context.ledger) if days is None else days
    if not yes:
        click.confirm(f"Delete what was over {days:g} days ago for good?", abort=True)
    with progress_bar() as progress:
        task = progress.add_task("deleting", total=None)
        done = clean_up(
            context.ledger,
            days=days,
            indexed=context.runtime.policy.indexing,
            by=local_actor(context.settings),
            progress=lambda step: progress.advance(task, step.rows),
        )
    click.echo(f"{done.events} events deleted, {done.rows} rows in all")


def _advice(found: dict[str, Any]) -> Iterator[str]:
    """Say what to do next, where anything is to be done."""
    if found["events_open"] and not found[f"{Role.TRIGGER}_consumers"]:
        yield "nobody takes the open events: asyncevents worker"
    waiting = found["deliveries_due"] or found["retries_scheduled"] or found["parked"]
    if waiting and not found[f"{Role.RETRY}_consumers"]:
        yield "nobody makes the deliveries that wait: asyncevents worker"
    if found["dead_letters"] or found["events_failed"]:
        yield "what could not be delivered: asyncevents dead-letters, asyncevents replay --dead"


def _plain(backlog: Backlog, workers: list[WorkerRow], now: int) -> dict[str, Any]:
    running = alive(workers, now)
    oldest = backlog.oldest_due_at
    return {
        "events_open": backlog.events_open,
        "events_resolving": backlog.events_resolving,
        "deliveries_due": backlog.waiting_due,
        "retries_scheduled": backlog.waiting_later,
        "parked": backlog.parked,
        "under_way": backlog.leased,
        "held": backlog.held,
        "dead_letters": backlog.dead,
        "events_failed": backlog.events_failed,
        "oldest_due_at": iso(oldest),
        "oldest_due_seconds": None if oldest is None else max(0.0, round((now - oldest) / 1e6, 1)),
        "workers_alive": len(running),
        **{f"{role}_consumers": sum(role in one.roles for one in running) for role in Role},
    }
