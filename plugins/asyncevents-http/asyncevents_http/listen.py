"""`asyncevents listen`: a local receiver that prints what arrives."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from datetime import UTC, datetime

import click
from attrs import asdict
from rich.console import Console
from rich.markup import escape

from asyncevents_core.errors import InvalidSecret
from asyncevents_http.receiver import Arrival, Behaviour, Receiver

_LONGEST_DATA = 200


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, help="Port to listen on; 0: a free one.")
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    envvar="ASYNCEVENTS_LISTEN_SECRET",
    help="Verification token or whsec_ secret; may be given several times.",
)
@click.option(
    "--fail-first",
    default=0,
    show_default=True,
    metavar="N",
    help="Answer the first N requests of each delivery with 503.",
)
@click.option("--status", default=200, show_default=True, help="Status to answer with.")
@click.option("--delay", default=0.0, show_default=True, help="Seconds to wait before each answer.")
@click.option("--count", type=int, metavar="N", help="Exit after N different events were accepted.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per request.")
def listen(
    host: str,
    port: int,
    secrets: tuple[str, ...],
    fail_first: int,
    status: int,
    delay: float,
    count: int | None,
    as_json: bool,
) -> None:
    """Receive webhooks, verify and print them.

    Exits with 1 if a signature was not valid. Stop it with Ctrl-C.

    \b
    Example:
      asyncevents listen --port 8080 --secret supersecret --fail-first 2
      asyncevents subscribe sales.order.created http://127.0.0.1:8080/ \\
          --sink http --secret supersecret
    """
    printer = Printer(as_json=as_json)
    behaviour = Behaviour(status=status, fail_first=fail_first, delay=delay)
    try:
        receiver = Receiver(
            host=host, port=port, secrets=secrets, behaviour=behaviour, arrived=printer.show
        )
        invalid = asyncio.run(_serve(receiver, printer, count, verifies=bool(secrets)))
    except InvalidSecret as error:
        raise click.BadParameter(str(error), param_hint="--secret") from error
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error}") from error
    sys.exit(1 if invalid else 0)


async def _serve(receiver: Receiver, printer: Printer, count: int | None, *, verifies: bool) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await receiver.start()
    printer.say(f"listening on [bold]{receiver.url}/[/]")
    if not verifies:
        printer.say("[yellow]signatures are not verified: pass --secret[/]")
    try:
        while not stop.is_set() and not (count and len(receiver.valid_events) >= count):
            try:
                async with asyncio.timeout(0.1):
                    await stop.wait()
            except TimeoutError:
                continue
    finally:
        await receiver.stop()
    events = len(receiver.valid_events)
    printer.say(
        f"{receiver.received} requests, {events} events accepted, "
        f"{receiver.invalid} invalid signatures"
    )
    return receiver.invalid


class Printer:
    """Prints arrivals to stdout, everything else to stderr."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._out = Console(soft_wrap=True, highlight=False)
        self._err = Console(stderr=True, soft_wrap=True, highlight=False)

    def say(self, text: str) -> None:
        """Print a line for people."""
        self._err.print(text)

    def show(self, arrival: Arrival) -> None:
        """Print one request."""
        if self._as_json:
            print(json.dumps(asdict(arrival)), flush=True)
            return
        at = datetime.fromtimestamp(arrival.at, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]
        mark = {True: "[green]✓ valid[/]", False: "[red]✗ invalid[/]", None: "[dim]unverified[/]"}
        answer = "[green]" if arrival.status < 300 else "[red]"
        data = escape(json.dumps(arrival.data)[:_LONGEST_DATA])
        self._out.print(
            f"[dim]{at}[/] {mark[arrival.valid]} {answer}{arrival.status}[/] "
            f"[bold]{_plain(arrival.event_type)}[/] attempt {arrival.attempt} "
            f"[dim]{_plain(arrival.path)} {_plain(str(arrival.delivery_id))}[/]\n  {data}"
        )
        if arrival.problem:
            self._out.print(f"  [red]{_plain(arrival.problem)}[/]")


def _plain(text: str) -> str:
    """Escape what would steer a terminal, and what rich takes for markup: anybody may send it."""
    return escape("".join(one if one.isprintable() else repr(one)[1:-1] for one in text))
