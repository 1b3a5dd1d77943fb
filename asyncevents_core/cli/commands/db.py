"""`db`: the ledger's schema."""

from __future__ import annotations

import click

from asyncevents_core.cli.app import CliContext, pass_cli


@click.group()
def db() -> None:
    """Manage the ledger's schema."""


@db.command()
@pass_cli
def upgrade(context: CliContext) -> None:
    """Make the ledger's tables, or bring them to this version. Safe to repeat."""
    revision = context.ledger.upgrade()
    click.echo(f"the ledger's schema is at revision {revision}")
