"""`published`, `trace`: what happened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import click
from rich.syntax import Syntax

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.render import (
    JSON_OPTION,
    console,
    iso,
    json_lines,
    local,
    seconds,
    table,
)
from asyncevents_core.domain.delivery import Attempt
from asyncevents_core.domain.trace import Trace
from asyncevents_core.engine.tracing import traces_of_event
from asyncevents_core.errors import NotFound
from asyncevents_core.logging_setup import printable
from asyncevents_core.ports.ledger import Ledger

_LONGEST_CELL = 120
SHOWN: Final = 50
"""How many rows are listed unless one says otherwise."""

LIMIT_OPTION = click.option(
    "--limit",
    default=SHOWN,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Show so many at most.",
)


@click.command()
@click.option("--name", help="Events of this name only.")
@LIMIT_OPTION
@click.option("--before", type=click.UUID, metavar="UUID", help="Page on: the last id shown.")
@JSON_OPTION
@pass_cli
def published(
    context: CliContext, name: str | None, limit: int, before: UUID | None, as_json: bool
) -> None:
    """List what was published, newest first, with its state."""
    found = context.ledger.read(
        lambda queries: queries.events(name=name, limit=limit, before=before)
    )
    if as_json:
        json_lines(
            {
                "id": one.id,
                "event_name": one.name,
                "state": one.state.value,
                "reason": one.reason,
                "tenant": one.tenant,
                "event_id": one.external_id,
                "data": json.loads(one.published),
                "published_at": iso(one.created_at),
            }
            for one in found
        )
        return
    table(
        "Published events",
        ["published", "id", "event", "state", "data"],
        [
            [
                local(one.created_at),
                one.id,
                one.name,
                f"{one.state}: {one.reason}" if one.reason else one.state,
                short(one.published.decode()),
            ]
            for one in found
        ],
    )


@click.command()
@click.argument("identifier", metavar="UUID", type=click.UUID)
@JSON_OPTION
@pass_cli
def trace(context: CliContext, identifier: UUID, as_json: bool) -> None:
    """Show a delivery, or all of an event, with attempts.

    UUID is a delivery's id, or an event's: the `id` of the CloudEvent.
    """
    found = _traces(context.ledger, identifier)
    if as_json:
        json_lines(_plain(one) for one in found)
        return
    for one in found:
        _show(one)


def _traces(ledger: Ledger, identifier: UUID) -> Iterator[Trace]:
    one = ledger.read(lambda queries: queries.trace(identifier))
    if one is not None:
        yield one
        return
    event = ledger.read(lambda queries: queries.event(identifier))
    if event is None:
        raise NotFound(f"no delivery and no event {identifier}: `asyncevents logs` lists them")
    found = 0
    for one in traces_of_event(ledger, identifier):
        yield one
        found += 1
    if not found:
        reason = f" ({event.reason})" if event.reason else ""
        raise NotFound(
            f"event {identifier} ({event.name}) has no deliveries; it is {event.state}{reason}"
        )


def _show(one: Trace) -> None:
    out = console()
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
        ("due", local(one.delivery.due_at)),
        ("replay of", one.delivery.replay_of),
        ("asked for by", _request(one)),
        ("replayed by", ", ".join(map(str, one.replays))),
    ):
        if value:
            out.print(f"{label:>12}  {printable(str(value))}", markup=False)
    table(
        "Attempts",
        ["no.", "started", "outcome", "status", "took", "detail", "response"],
        [
            [
                number,
                local(attempt.started_at),
                attempt.outcome,
                attempt.status,
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


def _plain(one: Trace) -> dict[str, Any]:
    return {
        "uuid": one.delivery.id,
        "summary": one.summary,
        "state": one.delivery.state.value,
        "reason": one.delivery.reason,
        "event_id": one.event.id,
        "event_name": one.event.name,
        "tenant": one.event.tenant,
        "subscription_id": one.delivery.subscription_id,
        "sink": one.sink,
        "target": one.target,
        "replay_of": one.delivery.replay_of,
        "requested_by": None if one.request is None else one.request.requested_by,
        "requested_at": None if one.request is None else iso(one.request.requested_at),
        "replays": [str(replay) for replay in one.replays],
        "due_at": iso(one.delivery.due_at),
        "attempts": [attempt_fields(attempt) for attempt in one.attempts],
        "payload": None if one.event.body is None else json.loads(one.event.body),
    }


def attempt_fields(one: Attempt) -> dict[str, Any]:
    """Return an attempt as JSON has it."""
    return {
        "outcome": one.outcome.value,
        "detail": one.detail,
        "status": one.status,
        "response": one.response,
        "target": one.target,
        "started_at": iso(one.started_at),
        "duration": one.duration,
    }


def short(text: str) -> str:
    """Return a text as one line that fits into a cell."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_CELL else line[: _LONGEST_CELL - 1] + "…"
