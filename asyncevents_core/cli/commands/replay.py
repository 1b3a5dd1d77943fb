"""`replay`: send again what was sent before."""

from __future__ import annotations

from uuid import UUID

import click

from asyncevents_core.cli.actor import local_actor
from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.options import dead_filter, dead_filter_options
from asyncevents_core.cli.output import errors, interruptible, progress_bar
from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.counts import counted
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.engine.replaying.by_query import count_found, found_filter, replay_found
from asyncevents_core.engine.replaying.replay import Replayed, replay_dead
from asyncevents_core.engine.replaying.replay import replay as replay_one
from asyncevents_core.engine.searching.telling import behind
from asyncevents_core.logging_setup import printable
from asyncevents_core.ports.indexer import COUNTED


@click.command()
@click.argument("identifier", metavar="[UUID]", type=click.UUID, required=False)
@click.option("--query", metavar="QUERY", help="All deliveries that a search finds, each once.")
@click.option("--dead", is_flag=True, help="All dead letters that the options below mean.")
@dead_filter_options
@click.option("--by", metavar="WHO", help="Who asks for it; by default you.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_cli
def replay(
    context: CliContext,
    identifier: UUID | None,
    query: str | None,
    dead: bool,
    event_name: str | None,
    subscription: int | None,
    reason: str | None,
    since: int | None,
    until: int | None,
    replayed: bool,
    by: str | None,
    yes: bool,
) -> None:
    """Send a delivery's stored bytes again.

    It is a new delivery; its id, printed, can be traced. UUID is a delivery's id, or the id of an
    event whose service failed. Refused, saying so, where the subscription is disabled or deleted.
    With --dead all dead letters are meant, or those that the options say: they are counted first.
    Events whose service failed are among them, with the reason `service`; they have no
    subscription. --query replays every delivery of which `asyncevents logs QUERY` finds an attempt,
    also those that arrived.

    \b
    Examples:
      asyncevents replay 01a20db9-18ed-7c3f-8404-7a976b50113d
      asyncevents replay --dead --subscription 7 --since 2026-11-01
      asyncevents replay --query 'data.data.increment_id: CK* AND success: false'
    """
    wanted = dead_filter(
        event_name=event_name,
        subscription=subscription,
        reason=reason,
        since=since,
        until=until,
        replayed=replayed,
    )
    actor = local_actor(context.settings, name=by)
    if dead + (identifier is not None) + (query is not None) != 1:
        raise click.UsageError("give a UUID, --query, or --dead")
    if not dead and wanted != DeadFilter():
        raise click.UsageError("the options that choose go with --dead")
    if identifier is not None:
        click.echo(str(replay_one(context.ledger, identifier, by=actor)))
        return
    if query is not None:
        _replay_found(context, query, by=actor, ask=not yes)
        return
    count = context.ledger.read(lambda view: view.dead_letters.count(wanted))
    if not count:
        click.echo(f"there are none: {wanted}")
        return
    if not yes:
        click.confirm(f"Replay {counted(count, 'dead letter')} ({wanted})?", abort=True)
    with interruptible(_half_done), progress_bar() as progress:
        task = progress.add_task("replaying", total=count)
        done = replay_dead(
            context.ledger,
            wanted,
            by=actor,
            progress=lambda batch: progress.advance(task, batch),
        )
    _tell(done, "sent with another")


def _replay_found(context: CliContext, query: str, *, by: Actor, ask: bool) -> None:
    search = context.runtime.search
    wanted = found_filter(context.ledger, query)
    count = count_found(context.ledger, search, wanted)
    backlog = context.ledger.read(lambda view: view.index.backlog())
    reading = search.reading(query)
    for line in ("read as:", *(f"  {one}" for one in reading.lines)):
        errors().print(printable(line), markup=False)
    for doubt in reading.doubts:
        errors().print(f"doubtful: {printable(str(doubt))}", markup=False)
    told = behind(backlog, complete=search.is_complete(backlog))
    errors().print(told, markup=False)
    if not count.deliveries and count.exact:
        click.echo(f"there are none: {wanted}")
        return
    if ask:
        noun = "delivery" if count.deliveries == 1 else "deliveries"
        number = f"{count.deliveries:,} {noun}"
        if not count.exact:
            number = f"at least {number}, of more than {COUNTED:,} attempts found"
        click.confirm(f"Replay {number} ({wanted})?", abort=True)
    total, exact = search.count(wanted)
    with interruptible(_half_way), progress_bar() as progress:
        task = progress.add_task("replaying", total=total if exact else None)
        done = replay_found(
            context.ledger,
            search,
            wanted,
            by=by,
            progress=lambda batch: progress.advance(task, batch),
        )
    _tell(done, "further attempts of the same, or of deliveries under way")


def _half_done() -> str:
    return "what was replayed stays so; the same command goes on with the rest, without --replayed"


def _half_way() -> str:
    return "what was replayed stays so, and the same command would replay it again"


def _tell(done: Replayed, passed_over: str) -> None:
    others = f", {done.passed_over} {passed_over}" if done.passed_over else ""
    click.echo(f"{done.made} replayed, {done.refused} refused{others}; request {done.request}")
