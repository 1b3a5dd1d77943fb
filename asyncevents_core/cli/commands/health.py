"""`health`: whether the processes on this machine live, or are ready; for probes."""

from __future__ import annotations

import http.client
import sys
from contextlib import closing
from typing import Final

import click

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.settings.schema import host_and_port

_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked, not listened at


@click.command()
@click.option(
    "--live/--ready",
    "live",
    default=False,
    help="Whether they live (a process that does not should be started anew), or whether they do "
    "their work. Default: --ready.",
)
@click.option("--role", type=click.Choice(["worker", "server"]), help="Ask processes of this role.")
@click.option("--timeout", default=3.0, show_default=True, help="Seconds to wait for an answer.")
@pass_cli
def health(context: CliContext, live: bool, role: str | None, timeout: float) -> None:
    """Ask the processes on this machine whether they are well.

    They answer at HEALTH_ADDRESS. Prints a line for each. Exits with 0 if all are, else with 1;
    also where nobody answers. For probes of containers and scripts; asyncevents status looks at
    the whole system.

    \b
    Examples:
      asyncevents health
      asyncevents health --live --role worker
    """
    address = context.settings.health_address
    if address is None:
        raise click.ClickException(
            'HEALTH_ADDRESS is not set. Set it, as "127.0.0.1:9464", for the processes to answer'
        )
    host, port = host_and_port(address)
    query = "" if role is None else f"?role={role}"
    try:
        host = _EVERYWHERE.get(host, host)
        with closing(http.client.HTTPConnection(host, port, timeout=timeout)) as connection:
            connection.request("GET", f"/{'livez' if live else 'readyz'}{query}")
            answer = connection.getresponse()
            click.echo(answer.read().decode(errors="replace"), nl=False)
    except (OSError, http.client.HTTPException) as error:
        raise click.ClickException(f"nobody answers at {address}: {error}") from error
    sys.exit(0 if answer.status == http.client.OK else 1)
