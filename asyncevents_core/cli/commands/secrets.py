"""`secrets rotate`: encrypt what the ledger keeps with another key."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import click

from asyncevents_core.cli.actor import local_actor
from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.output import interruptible, progress_bar
from asyncevents_core.domain.counts import counted
from asyncevents_core.engine.managing.secrets import KeysInUse, keys_in_use, rotate_secrets
from asyncevents_core.errors import SecretKeysError

_NAMED: Final = 20


@click.group()
def secrets() -> None:
    """Rotate the keys that encrypt what is secret."""


@secrets.command()
@click.option("--check", is_flag=True, help="Only say what needs an older key; 1 if anything does.")
@pass_cli
def rotate(context: CliContext, check: bool) -> None:
    """Encrypt everything anew, with the first of SECRET_KEYS.

    What subscriptions keep encrypted is their secrets and options, those of disabled and deleted
    ones too. Put a new key in front of SECRET_KEYS and restart every process, so that all can read
    what it encrypts; then run this, and remove the old key. It may be interrupted and run again,
    while workers run. Exits with 1 where an older key is still needed, or no key fits.

    \b
    Examples:
      asyncevents secrets rotate
      asyncevents secrets rotate --check
    """
    keys = len(context.settings.secret_keys)
    if check:
        _tell(keys_in_use(context.ledger), keys=keys)
        return
    with interruptible(_half_done), progress_bar() as progress:
        task = progress.add_task("encrypting", total=None)
        done = rotate_secrets(
            context.ledger,
            by=local_actor(context.settings),
            progress=lambda number, total: progress.update(task, completed=number, total=total),
        )
    click.echo(f"{counted(done.renewed, 'subscription')} encrypted anew")
    _tell(done.now, keys=keys)


def _half_done() -> str:
    return "what was encrypted anew stays so; `asyncevents secrets rotate` goes on with the rest"


def _tell(found: KeysInUse, *, keys: int) -> None:
    """Say which of so many keys are needed, and exit with 1 unless the first is enough."""
    kept = f"{counted(found.kept, 'subscription')} with secrets or options"
    if found.older:
        click.echo(f"{len(found.older):,} of {kept} need an older key: {_listed(found.older)}")
        click.echo("restart what runs with older SECRET_KEYS, then: asyncevents secrets rotate")
    if found.missing:
        noun = "subscription" if len(found.missing) == 1 else "subscriptions"
        raise SecretKeysError(
            f"none of SECRET_KEYS decrypts what is kept of {noun} {_listed(found.missing)}: add "
            "the key that encrypted it, behind the first one, and run this again"
        )
    if found.older:
        sys.exit(1)
    rest = ", the others can be removed" if keys > 1 else ""
    click.echo(f"{kept}: the first of SECRET_KEYS is enough{rest}")


def _listed(ids: Sequence[int]) -> str:
    more = f" and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else ""
    return ", ".join(map(str, ids[:_NAMED])) + more
