"""`reindex`: build the search index anew."""

from __future__ import annotations

import click

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.output import errors, interruptible, progress_bar
from asyncevents_core.domain.counts import counted
from asyncevents_core.engine.searching.rebuild import Reindex, ReindexProgress


@click.command()
@click.option("--abandon", is_flag=True, help="Remove what an interrupted run has made.")
@pass_cli
def reindex(context: CliContext, abandon: bool) -> None:
    """Build the search index anew from the ledger.

    It will hold every attempt of the ledger. For an index that was lost, or was switched on later.
    Searches see the old index, with what is new, until the new one is complete. Interrupted, it
    goes on where it was when it is run again. What the index had refused is tried again.

    \b
    Examples:
      asyncevents reindex
      asyncevents reindex --abandon
    """
    with interruptible(_state), context.runtime.open_indexer() as indexer:
        errors().print("Waiting for the process that has the index, if there is one …")
        with Reindex(context.ledger, indexer) as run:
            if abandon:
                found = run.abandon()
                click.echo("removed" if found else "there is nothing to remove")
                return
            done = _run(run)
    more = " more, after those of the run that was interrupted" if done.resumed else ""
    click.echo(f"{counted(done.added, 'attempt')} indexed{more}, {done.refused:,} refused")


def _state() -> str:
    return "`asyncevents reindex` goes on where this was, with --abandon it removes what was made"


def _run(run: Reindex) -> ReindexProgress:
    with progress_bar() as progress:
        task = progress.add_task("indexing", total=None)
        return run.run(
            lambda state: progress.update(task, completed=state.log_id, total=state.newest)
        )
