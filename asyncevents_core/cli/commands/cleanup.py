"""`cleanup`: delete what is old."""

from __future__ import annotations

import click

from asyncevents_core.cli.actor import local_actor
from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.output import progress_bar
from asyncevents_core.cli.parameters import DAYS, Number
from asyncevents_core.domain.counts import counted
from asyncevents_core.engine.upkeep.cleanup import clean_up
from asyncevents_core.engine.upkeep.sign_ins import forget_old_sign_ins
from asyncevents_core.settings.run_time import log_lifetime_days


@click.command()
@click.option("--days", type=Number(0, DAYS), help="Instead of LOG_LIFETIME_DAYS.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_cli
def cleanup(context: CliContext, days: float | None, yes: bool) -> None:
    """Delete events that are over and old. For cron.

    Their deliveries and attempts go with them. What waits, is under way or is held is kept, however
    old. LOG_CLEANUP_ENABLED lets the workers do the same on LOG_CLEANUP_SCHEDULE. Sessions that are
    over go, too; workers delete them in any case.
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
    forget_old_sign_ins(context.ledger, idle=context.settings.web_session_idle)
    click.echo(f"{counted(done.events, 'event')} deleted, {counted(done.rows, 'row')} in all")
