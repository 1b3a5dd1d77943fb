"""`asyncevents dev`: worker, receiver and pages in one process, started anew with new code."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Final

import click
from rich.console import Console
from watchfiles import PythonFilter, watch

from asyncevents_core import AsyncEvents, NewSubscription
from asyncevents_core.errors import AsyncEventsError
from asyncevents_core.plugin import EventDefinition
from asyncevents_http.background import pages_of, running
from asyncevents_http.listen import Printer
from asyncevents_http.receiver import Receiver

_LOOK_EVERY: Final = 500  # milliseconds
_GRACE: Final = 5.0


@click.command()
@click.option("--port", default=8080, show_default=True, help="Port of the receiver.")
@click.option(
    "--pages", default=8000, show_default=True, help="Port of the admin pages; 0: a free one."
)
@click.option(
    "--subscribe/--no-subscribe",
    default=True,
    show_default=True,
    help="Subscribe the receiver to all events.",
)
@click.option(
    "--reload/--no-reload",
    default=True,
    show_default=True,
    help="Start anew when a .py file here changes.",
)
@click.option("--lifeline", type=int, hidden=True, help="Of the process that starts this anew.")
def dev(port: int, pages: int, subscribe: bool, reload: bool, lifeline: int | None) -> None:
    """Run a worker, a receiver and the pages while you develop.

    Shows each delivery that arrives, and a link that signs in to the pages (extra `web`). Makes
    or upgrades the ledger first, and subscribes the receiver to every event that is defined. The
    settings must allow recipients on this machine: `asyncevents init --dev`.

    \b
    Example:
      asyncevents init --dev && export ASYNCEVENTS_SETTINGS_MODULE=asyncevents_settings
      asyncevents dev
      asyncevents publish example.created '{"id": 1}'     (in another terminal)
    """
    settings = click.get_current_context().find_root().params.get("settings_module")
    if lifeline is not None:
        threading.Thread(target=_end_with_parent, args=(lifeline,), daemon=True).start()
    if not reload:
        sys.exit(serve(settings, port, pages, subscribe))
    command = [sys.executable, "-m", "asyncevents_core"]
    command += [] if settings is None else ["--settings", settings]
    command += ["dev", "--no-reload", "--port", str(port), "--pages", str(pages)]
    sys.exit(_run_anew([*command, "--subscribe" if subscribe else "--no-subscribe"]))


def _run_anew(command: Sequence[str]) -> int:
    """Run a command, anew when a Python file changes, until Ctrl-C or a signal."""
    out = Console(stderr=True, soft_wrap=True, highlight=False)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # An exception could come between the start of a child and its assignment.
        signal.signal(number, lambda *_: stop.set())
    # Nobody else has the other end: what reads this one learns that this process is gone.
    lifeline, _held = os.pipe()
    command = [*command, f"--lifeline={lifeline}"]
    child = _start(command, lifeline)
    told = False
    try:
        for changes in watch(
            ".",
            watch_filter=PythonFilter(),
            yield_on_timeout=True,
            rust_timeout=_LOOK_EVERY,
            stop_event=stop,
        ):
            if changes:
                out.print(f"[yellow]{len(changes)} file(s) changed: starting anew[/]")
                _end(child)
                child = _start(command, lifeline)
                told = False
            elif child.poll() is not None and not told:
                out.print("[yellow]waiting for a .py file to change; Ctrl-C ends this[/]")
                told = True
    finally:
        _end(child)
    return 0


def _start(command: Sequence[str], lifeline: int) -> subprocess.Popen[bytes]:
    # In a process group of its own, so that Ctrl-C reaches it through `_end` only: while it still
    # imports, it would answer with a traceback.
    return subprocess.Popen(  # noqa: S603 - this command itself
        command, process_group=0, pass_fds=(lifeline,)
    )


def _end_with_parent(lifeline: int) -> None:
    """Wait until the process that started this one is gone, and end as if it had said so."""
    os.set_inheritable(lifeline, False)
    while os.read(lifeline, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_GRACE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def serve(settings: str | None, port: int, pages: int, subscribe: bool) -> int:
    """Run worker and receiver until a signal comes; return the exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s  %(message)s")
    out = Console(stderr=True, soft_wrap=True, highlight=False)
    receiver = Receiver(port=port, arrived=Printer(as_json=False).show)
    try:
        with AsyncEvents(settings) as events:
            events.upgrade()
            definitions = events.definitions()
            with running(receiver):
                out.print(
                    f"receiver on [bold]{receiver.url}/[/], worker running; Ctrl-C stops both"
                )
                if subscribe:
                    for line in _subscribe_all(events, definitions, receiver):
                        out.print(line)
                with pages_of(events, out, port=pages):
                    return events.run_worker()
    except KeyboardInterrupt:
        # It came before the worker, which would have ended by itself.
        return 0
    except AsyncEventsError as error:
        out.print(f"[red]{error}[/]")
        return 1
    except OSError as error:
        out.print(f"[red]cannot listen on port {port}: {error}[/]")
        return 1


def _subscribe_all(
    events: AsyncEvents, definitions: Sequence[EventDefinition], receiver: Receiver
) -> list[str]:
    """Subscribe the receiver to each event once; it verifies with each subscription's secret."""
    known = {(one.event_name, one.target): one for one in events.subscriptions()}
    lines = []
    for definition in definitions:
        path = f"/{definition.name}"
        target = receiver.url + path
        found = known.get((definition.name, target))
        if found is None:
            found = events.subscribe(
                NewSubscription(event_name=definition.name, sink="http", target=target)
            )
        if found.secret is not None:
            receiver.add_secret(path, found.secret)
        lines.append(f"  [bold]{definition.name}[/] → {target}")
    return lines
