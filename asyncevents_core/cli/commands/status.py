"""`status`: the backlog, the workers, and what to do about them."""

from __future__ import annotations

from collections.abc import Iterator

import click

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.options import JSON_OPTION
from asyncevents_core.cli.output import age, console, json_lines, local
from asyncevents_core.domain.counts import counted
from asyncevents_core.domain.problem import Problem
from asyncevents_core.domain.worker import Role
from asyncevents_core.engine.upkeep.diagnosis import diagnose
from asyncevents_core.engine.upkeep.status import Status
from asyncevents_core.forms import StatusForm


@click.command()
@JSON_OPTION
@pass_cli
def status(context: CliContext, as_json: bool) -> None:
    """Show the backlog, the workers, and what is wrong.

    Also the dead letters, how late the oldest due row is, which workers are alive, how far the
    search index is. Says in words what is wrong with workers, database, disk and broker, and what
    to do about it. --json prints one object, with the names of the REST API. Exits with 0 whatever
    is wrong, as long as it can tell; asyncevents check exits with 1.
    """
    indexing = context.runtime.indexer is not None
    found = diagnose(context.ledger, context.runtime.broker, indexing=indexing)
    if as_json:
        json_lines([StatusForm.of(found)])
        return
    for label, value in _told(found, indexer=context.runtime.indexer):
        console().print(f"{label:>18}  {value}", markup=False)
    for problem in found.problems:
        _print(problem)


def _told(found: Status, *, indexer: str | None) -> Iterator[tuple[str, str]]:
    """Say the status in words, a line for each thing."""
    for label, number in (
        ("events open", found.events_open),
        ("events resolving", found.events_resolving),
        ("events failed", found.events_failed),
        ("deliveries due", found.deliveries_due),
        ("retries scheduled", found.retries_scheduled),
        ("parked", found.parked),
        ("under way", found.under_way),
        ("held", found.held),
        ("dead letters", found.dead_letters),
        ("recipients failing", found.recipients_failing),
    ):
        yield label, f"{number:,}"
    if found.events_filtered or found.filters_failed:
        failed = f", {found.filters_failed:,} with an error" if found.filters_failed else ""
        yield "filtered out", f"{found.events_filtered + found.filters_failed:,}{failed}"
    yield "oldest due", _oldest(found)
    roles = ", ".join(f"{found.consumers(role)} {role}" for role in Role)
    yield "workers", f"{len(found.workers)} alive ({roles})" if found.workers else "none alive"
    if indexer is None:
        yield "search index", "off"
        return
    waiting = counted(found.index_waiting, "attempt", exact=found.index_exact)
    behind = f"{waiting} not in it yet"
    refused = f", {found.index_set_aside:,} refused" if found.index_set_aside else ""
    yield "search index", (behind if found.index_waiting else "up to date") + refused


def _oldest(found: Status) -> str:
    if found.oldest_due_at is None:
        return "nothing waits"
    return f"{age(found.oldest_due_at, now=found.now)}, {local(found.oldest_due_at)}"


def _print(problem: Problem) -> None:
    """Print a problem on a line, or, where that is too narrow, what to do on the next one."""
    out = console()
    line = f"{problem.words}: {problem.advice}"
    lines = [line] if len(line) <= out.width else [f"{problem.words}:", f"  {problem.advice}"]
    for one in lines:
        out.print(one, style="yellow", markup=False, highlight=False)
