"""`replay` and `dead-letters`: what failed, and once more."""

from __future__ import annotations

from uuid import UUID

import click

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.render import JSON_OPTION, iso, json_lines, local, table
from asyncevents_core.engine.replay import replay as replay_one


@click.command()
@click.argument("identifier", metavar="UUID", type=click.UUID)
@pass_cli
def replay(context: CliContext, identifier: UUID) -> None:
    """Send a delivery's stored bytes again, as a new delivery; print the id to trace.

    UUID is a delivery's id, or the id of an event whose service failed. Refused, saying so,
    where the subscription is disabled or deleted.
    """
    click.echo(str(replay_one(context.ledger, identifier)))


@click.command("dead-letters")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@JSON_OPTION
@pass_cli
def dead_letters(context: CliContext, limit: int, as_json: bool) -> None:
    """List what could not be delivered, and events whose service failed; newest first."""
    found = context.ledger.read(lambda queries: queries.dead_letters(limit=limit))
    if as_json:
        json_lines(
            {
                "uuid": one.id,
                "event_name": one.event_name,
                "subscription_id": one.subscription_id,
                "target": one.target,
                "reason": one.reason,
                "summary": one.summary,
                "created_at": iso(one.created_at),
            }
            for one in found
        )
        return
    table(
        "Dead letters (asyncevents replay UUID)",
        ["created", "uuid", "event", "sub.", "target", "reason", "summary"],
        [
            [
                local(one.created_at),
                one.id,
                one.event_name,
                one.subscription_id,
                one.target,
                one.reason,
                one.summary,
            ]
            for one in found
        ],
    )
