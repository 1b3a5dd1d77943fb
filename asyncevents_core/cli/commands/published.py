"""`published`: the events, newest first, or one of them."""

from __future__ import annotations

import json
from uuid import UUID

import click

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.options import JSON_OPTION, LIMIT_OPTION
from asyncevents_core.cli.output import age, console, errors, json_lines, local, short, table
from asyncevents_core.domain.event import Event, EventState
from asyncevents_core.errors import NotFound
from asyncevents_core.forms import PublishedForm
from asyncevents_core.logging_setup import printable, printable_lines


@click.command()
@click.argument("event_id", metavar="[UUID]", type=click.UUID, required=False)
@click.option("--name", help="Events of this name only.")
@LIMIT_OPTION
@click.option("--before", type=click.UUID, metavar="UUID", help="Page on: the last id shown.")
@JSON_OPTION
@pass_cli
def published(
    context: CliContext,
    event_id: UUID | None,
    name: str | None,
    limit: int,
    before: UUID | None,
    as_json: bool,
) -> None:
    """List what was published, newest first, or show one event.

    With a UUID, all of it: what was published, why its service failed last, and where.

    \b
    Examples:
      asyncevents published --name sales.order.created
      asyncevents published 01a20db9-18ed-7c3f-8404-7a976b50113d
    """
    if event_id is not None:
        _show(_event(context, event_id), as_json=as_json)
        return
    found = context.ledger.read(
        lambda view: view.events.page(name=name, limit=limit, before=before)
    )
    if as_json:
        json_lines(PublishedForm.of(one, json.loads) for one in found)
        return
    table(
        "Published events",
        ["published", "id", "event", "state", "error", "data"],
        [
            [
                age(one.created_at),
                one.id,
                one.name,
                one.state,
                short(one.error or ""),
                short(one.published.decode()),
            ]
            for one in found
        ],
        spare=["error", "data"],
        cut=["event"],
    )
    if found:
        failed = next((one for one in found if one.state is EventState.FAILED), None)
        step = f"trace {found[0].id}: what became of it"
        if failed is not None:
            step = f"published {failed.id}: why its service failed"
        errors().print(f"asyncevents {step}", markup=False)


def _event(context: CliContext, event_id: UUID) -> Event:
    found = context.ledger.read(lambda view: view.events.get(event_id))
    if found is None:
        raise NotFound(f"no event {event_id}: `asyncevents published` lists them")
    return found


def _show(one: Event, *, as_json: bool) -> None:
    if as_json:
        json_lines([PublishedForm.of(one, json.loads)])
        return
    out = console()
    for label, value in (
        ("event", one.name),
        ("id", one.id),
        ("own id", one.external_id),
        ("published", f"{local(one.created_at)} ({age(one.created_at)})"),
        ("tenant", one.tenant),
        ("state", one.state),
        ("error", one.error),
    ):
        if value:
            out.print(f"{label:>12}  {printable(str(value))}", markup=False, soft_wrap=True)
    if one.traceback:
        out.print("traceback", style="italic")
        out.print(printable_lines(one.traceback), markup=False, soft_wrap=True)
    out.print("data", style="italic")
    data = json.dumps(json.loads(one.published), indent=2, ensure_ascii=False)
    out.print(printable_lines(data), markup=False, soft_wrap=True)
