"""`asyncevents demo`. What it shows is imported when it runs, not where commands are listed."""

from __future__ import annotations

import sys

import click


@click.command()
@click.option(
    "--events",
    "count",
    default=50,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many events to publish.",
)
@click.option(
    "--rate",
    default=10.0,
    show_default=True,
    type=click.FloatRange(min=0.1),
    help="Events a second.",
)
@click.option("--exit", "ends", is_flag=True, help="End when all are delivered; 0 if all are well.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per request, as it arrives.")
def demo(count: int, rate: float, ends: bool, as_json: bool) -> None:
    """Watch a small shop publish, and subscribers receive.

    Everything is real and on this machine: SQLite, a worker, a receiver that verifies
    signatures and fails now and then, so that retries are seen. Nothing is left behind.

    \b
    Example:
      asyncevents demo --events 200 --exit
      asyncevents demo --events 20 --exit --json
    """
    from asyncevents_http.demonstration import show

    sys.exit(show(count, rate, ends=ends, as_json=as_json))
