"""`published`: the events, newest first."""

from __future__ import annotations

import json
from uuid import UUID

import click

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.options import JSON_OPTION, LIMIT_OPTION
from asyncevents_core.cli.output import json_lines, local, short, table
from asyncevents_core.forms import PublishedForm


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
        lambda view: view.events.page(name=name, limit=limit, before=before)
    )
    if as_json:
        json_lines(PublishedForm.of(one, json.loads) for one in found)
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
