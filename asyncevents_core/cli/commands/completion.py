"""`completion`: what a shell needs to complete commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from asyncevents_core.cli.app import cli


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of a shell.

    SHELL is bash, zsh or fish.

    \b
    Example:
      eval "$(asyncevents completion bash)"
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"click cannot complete in {shell}")
    click.echo(kind(cli, {}, "asyncevents", "_ASYNCEVENTS_COMPLETE").source())
