"""`status`: the backlog, the workers, and what to do about them."""

from __future__ import annotations

from collections.abc import Iterator

import click

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.options import JSON_OPTION
from asyncevents_core.cli.output import console, counted, json_lines, local
from asyncevents_core.domain.worker import Role
from asyncevents_core.engine.upkeep.status import Status, read_status
from asyncevents_core.forms import StatusForm


@click.command()
@JSON_OPTION
@pass_cli
def status(context: CliContext, as_json: bool) -> None:
    """Show the backlog, the workers and the dead letters.

    Also how late the oldest due row is, which workers are alive, how far the search index is, and
    what to do next, if anything. --json prints one object, with the names of the REST API.
    """
    found = context.ledger.read(read_status)
    if as_json:
        json_lines([StatusForm.of(found)])
        return
    for label, value in _told(found, indexer=context.runtime.indexer):
        console().print(f"{label:>18}  {value}", markup=False)
    for line in _advice(found):
        console().print(f"[yellow]{line}[/]", soft_wrap=True)


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
    ):
        yield label, f"{number:,}"
    yield "oldest due", _oldest(found)
    roles = ", ".join(f"{found.consumers(role)} {role}" for role in Role)
    yield "workers", f"{len(found.workers)} alive ({roles})" if found.workers else "none alive"
    if indexer is None:
        yield "search index", "off"
        return
    behind = f"{counted(found.index_waiting, 'attempt')} not in it yet"
    refused = f", {found.index_set_aside:,} refused" if found.index_set_aside else ""
    yield "search index", (behind if found.index_waiting else "up to date") + refused


def _oldest(found: Status) -> str:
    if found.oldest_due_at is None:
        return "nothing waits"
    ahead = (found.oldest_due_at - found.now) / 1e6
    when = f"in {ahead:.0f} s" if ahead > 0 else f"{-ahead:.0f} s ago"
    return f"{when}, {local(found.oldest_due_at)}"


def _advice(found: Status) -> Iterator[str]:
    """Say what to do next, where anything is to be done."""
    if found.events_open and not found.consumers(Role.TRIGGER):
        yield "nobody takes the open events: asyncevents worker"
    waiting = found.deliveries_due or found.retries_scheduled or found.parked
    if waiting and not found.consumers(Role.RETRY):
        yield "nobody makes the deliveries that wait: asyncevents worker"
    if found.dead_letters or found.events_failed:
        yield "what could not be delivered: asyncevents dead-letters, asyncevents replay --dead"
