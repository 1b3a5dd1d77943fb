"""`dead-letters`: what could not be delivered."""

from __future__ import annotations

from uuid import UUID

import click

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.options import JSON_OPTION, LIMIT_OPTION, dead_filter, dead_filter_options
from asyncevents_core.cli.output import age, json_lines, short, table
from asyncevents_core.forms import DeadLetterForm


@click.command("dead-letters")
@dead_filter_options
@LIMIT_OPTION
@click.option("--before", type=click.UUID, metavar="UUID", help="Page on: the last uuid shown.")
@JSON_OPTION
@pass_cli
def dead_letters(
    context: CliContext,
    event_name: str | None,
    subscription: int | None,
    reason: str | None,
    since: int | None,
    until: int | None,
    replayed: bool,
    limit: int,
    before: UUID | None,
    as_json: bool,
) -> None:
    """List what could not be delivered, newest first.

    It is what `asyncevents replay --dead` with the same options would send again: without
    --replayed what was replayed already is left out. Events whose service failed are among it, with
    the reason `service`; they have no subscription.
    """
    wanted = dead_filter(
        event_name=event_name,
        subscription=subscription,
        reason=reason,
        since=since,
        until=until,
        replayed=replayed,
    )
    found = context.ledger.read(
        lambda view: view.dead_letters.page(wanted, limit=limit, before=before)
    )
    if as_json:
        json_lines(map(DeadLetterForm.of, found))
        return
    table(
        "Dead letters (asyncevents replay UUID)",
        ["created", "uuid", "event", "reason", "sub.", "replayed", "target", "error"],
        [
            [
                age(one.created_at),
                one.id,
                one.event_name,
                one.reason,
                one.subscription_id,
                "yes" if one.replayed else "",
                one.target,
                short(one.error or ""),
            ]
            for one in found
        ],
        spare=["sub.", "replayed", "target", "error"],
        cut=["event"],
    )
