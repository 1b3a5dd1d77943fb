"""`trace`: what became of an event or a delivery."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import click
from rich.syntax import Syntax

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.options import JSON_OPTION
from asyncevents_core.cli.output import console, json_lines, local, seconds, short, table
from asyncevents_core.cli.parameters import row_id
from asyncevents_core.domain.trace import Trace
from asyncevents_core.domain.trace_context import TraceContext
from asyncevents_core.engine.searching.pages import traces_of_event
from asyncevents_core.errors import NotFound
from asyncevents_core.forms import TraceForm
from asyncevents_core.logging_setup import printable
from asyncevents_core.ports.ledger import Ledger


class _Identifier(click.ParamType):  # type: ignore[type-arg]
    """A UUID, or the number of an attempt."""

    name = "uuid or log id"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> UUID | int:
        return row_id(value) if str(value).isdecimal() else click.UUID.convert(value, param, ctx)


@click.command()
@click.argument("identifier", metavar="UUID|LOG_ID", type=_Identifier())
@JSON_OPTION
@pass_cli
def trace(context: CliContext, identifier: UUID | int, as_json: bool) -> None:
    """Show a delivery, or all of an event, with attempts.

    UUID is a delivery's id, or an event's: the `id` of the CloudEvent. LOG_ID is the number of an
    attempt, as `asyncevents logs` shows it: its delivery is meant.

    
    Examples:
      asyncevents trace 118
      asyncevents trace 01a20db9-18ed-7c3f-8404-7a976b50113d
    """
    if isinstance(identifier, int):
        identifier = _delivery_of(context.ledger, identifier)
    found = _traces(context.ledger, identifier)
    if as_json:
        json_lines(TraceForm.of(one, json.loads) for one in found)
        return
    for one in found:
        _show(one)


def _delivery_of(ledger: Ledger, log_id: int) -> UUID:
    """Return the delivery of an attempt. Raises `NotFound`."""
    found = ledger.read(lambda view: view.log.rows([log_id]))
    if not found:
        raise NotFound(f"no attempt {log_id}: `asyncevents logs` lists them")
    return found[0].attempt.delivery_id


def _traces(ledger: Ledger, identifier: UUID) -> Iterator[Trace]:
    one = ledger.read(lambda view: view.traces.of_delivery(identifier))
    if one is not None:
        yield one
        return
    event = ledger.read(lambda view: view.events.get(identifier))
    if event is None:
        raise NotFound(f"no delivery and no event {identifier}: `asyncevents logs` lists them")
    found = 0
    for one in traces_of_event(ledger, identifier):
        yield one
        found += 1
    if not found:
        error = f" ({event.error})" if event.error else ""
        raise NotFound(
            f"event {identifier} ({event.name}) has no deliveries; it is {event.state}{error}"
        )


def _show(one: Trace) -> None:
    out = console()
    context = TraceContext.read(one.event.trace_context)
    good = one.delivery.state.value == "delivered"
    colour = "green" if good else "red" if one.delivery.state.value == "dead" else "yellow"
    out.print(f"[bold {colour}]{one.summary}[/]", end="")
    out.print(f" ({one.delivery.reason})" if one.delivery.reason else "")
    for label, value in (
        ("delivery", one.delivery.id),
        ("event", f"{one.event.name} {one.event.id}"),
        ("published", local(one.event.created_at)),
        ("tenant", one.event.tenant),
        ("to", f"{one.sink} {one.target} (subscription {one.delivery.subscription_id})"),
        ("trace id", None if context is None else context.trace_id),
        ("due", local(one.delivery.due_at)),
        ("replay of", one.delivery.replay_of),
        ("asked for by", _request(one)),
        ("replayed by", ", ".join(map(str, one.replays))),
    ):
        if value:
            out.print(f"{label:>12}  {printable(str(value))}", markup=False)
    table(
        "Attempts",
        ["no.", "started", "outcome", "http status", "took", "detail", "response"],
        [
            [
                number,
                local(attempt.started_at),
                attempt.outcome,
                attempt.http_status,
                seconds(attempt.duration),
                attempt.detail,
                short(attempt.response),
            ]
            for number, attempt in enumerate(one.attempts, start=1)
        ],
    )
    if one.event.body is not None:
        lines = json.dumps(json.loads(one.event.body), indent=2, ensure_ascii=False).split("\n")
        pretty = "\n".join(map(printable, lines))
        out.print("payload", style="italic")
        out.print(Syntax(pretty, "json", theme="ansi_dark", word_wrap=True))


def _request(one: Trace) -> str | None:
    request = one.request
    return None if request is None else f"{request.requested_by}, {local(request.requested_at)}"
