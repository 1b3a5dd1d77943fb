"""The example shop, a worker and a receiver, live: what `asyncevents demo` shows."""

from __future__ import annotations

import json
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from typing import Final
from uuid import UUID

import click
from attrs import asdict
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from asyncevents_core import AsyncEvents, DeliveryState, NewSubscription
from asyncevents_http.background import pages_of, running
from asyncevents_http.receiver import Arrival, Behaviour, Receiver
from asyncevents_http.shop.customers import customer
from asyncevents_http.shop.models import open_database
from asyncevents_http.shop.orders import Item, place_order

_SKUS: Final = ("espresso", "moka-pot", "grinder", "beans-1kg", "filter-100")
_ROWS: Final = 14
_PATIENCE: Final = 90.0
_LOOK_EVERY: Final = 0.2
_ENDINGS: Final = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""What ends the demo as Ctrl-C does: nothing is left behind."""
_TARGETS: Final = {
    "sales.order.created": ("/warehouse", "/accounting"),
    "sales.order.cancelled": ("/warehouse",),
    "customer.registered": ("/newsletter",),
}


def show(count: int, rate: float, *, ends: bool, as_json: bool) -> int:
    """Let the shop publish, and show what arrives; return the exit code.

    Args:
        count: How many events.
        rate: Events a second.
        ends: Whether to end when all are delivered; else Ctrl-C does.
        as_json: Whether to write a line of JSON for each request, and nothing else to the output.
    """
    for number in _ENDINGS:
        signal.signal(number, signal.default_int_handler)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="asyncevents-demo-"))
        os.environ["SHOP_DATABASE_URL"] = f"sqlite:///{folder}/shop.db"
        os.environ["SHOP_BROKER_URL"] = f"sqla+sqlite:///{folder}/broker.db"
        shop = _Shop()
        events = stack.enter_context(AsyncEvents("asyncevents_http.shop.settings"))
        events.upgrade()
        board = _Board(count)
        receiver = Receiver(
            behaviour=Behaviour(fails=_moody), arrived=_print_json if as_json else board.arrived
        )
        stack.enter_context(running(receiver))
        for name, paths in _TARGETS.items():
            for path in paths:
                _subscribe(events, receiver, name, path)
        # What is for people does not mix with the objects.
        console = Console(stderr=as_json)
        stack.enter_context(pages_of(events, console, port=0))
        published: list[UUID] = []
        stopped = False
        try:
            with events.worker(), board.shown(console, live=not as_json):
                _publish(shop, events, count, rate, published, board)
                complete = _wait(events, published, board)
                if not ends:
                    board.note = "all done; Ctrl-C ends the demo"
                    _wait_for_ctrl_c()
        except KeyboardInterrupt:
            complete = _finished(events, published)
            stopped = len(complete) < count
        good = _report(console, receiver, published, complete, count)
        if stopped:
            console.print("[yellow]stopped before the end[/]")
        else:
            console.print("[green]all well[/]" if good else "[red]not all arrived[/]")
        console.print("Yours next: asyncevents init --dev", highlight=False)
        return 0 if good or (stopped and not ends) else 1


def _wait_for_ctrl_c() -> None:
    """Wait until a signal raises `KeyboardInterrupt`.

    The system may give a signal to any thread. The main one looks for it now and then.
    """
    while True:
        time.sleep(_LOOK_EVERY)


class _Shop:
    """The example shop, in which something happens."""

    def __init__(self) -> None:
        self._engine = open_database()
        self._random = random.Random(42)  # noqa: S311 - the same demo each time

    def happen(self, events: AsyncEvents, number: int) -> tuple[str, UUID]:
        """Let something happen in the shop; return the event's name and id."""
        email = f"veronica+{number}@example.com"
        kind = number % 5
        if kind == 3:
            made = customer.publish(events, email, newsletter=True)
            return "customer.registered", made
        if kind == 4:
            made = events.publish("sales.order.cancelled", {"id": number, "reason": "sold out"})
            return "sales.order.cancelled", made
        items = [
            Item(sku=sku, price=Decimal(self._random.randint(500, 9000)) / 100)
            for sku in self._random.sample(_SKUS, self._random.randint(1, 3))
        ]
        placed = place_order(events, self._engine, email, items)
        return "sales.order.created", placed.event_id


class _Board:
    """What is shown. Written by several threads; a lock keeps it whole."""

    def __init__(self, total: int) -> None:
        self._lock = threading.Lock()
        self._total = total
        self._rows: list[Arrival] = []
        self._counts: Counter[str] = Counter()
        self.note = ""

    def published(self, name: str) -> None:
        """One more event was published."""
        with self._lock:
            self._counts["published"] += 1
            self._counts[name] += 1

    def arrived(self, arrival: Arrival) -> None:
        """A request reached the receiver."""
        with self._lock:
            self._rows = [*self._rows[-(_ROWS - 1) :], arrival]
            good = 200 <= arrival.status < 300
            self._counts["delivered" if good else "failed"] += 1
            if arrival.attempt > 1:
                self._counts["retries"] += 1

    def __rich__(self) -> Group:
        with self._lock:
            rows, counts = list(self._rows), Counter(self._counts)
        table = Table(box=None, header_style="bold", pad_edge=False, expand=True)
        for column in ("time", "event", "to", "attempt", "signature", "answer"):
            table.add_column(column, no_wrap=True)
        # What is left of the terminal's width.
        table.add_column("data", no_wrap=True, ratio=1)
        for one in rows:
            good = 200 <= one.status < 300
            table.add_row(
                time.strftime("%H:%M:%S", time.localtime(one.at)),
                one.event_type,
                one.path.rpartition("/")[0],
                str(one.attempt),
                Text("valid", "green") if one.valid else Text("invalid", "bold red"),
                Text(str(one.status), "green" if good else "yellow"),
                Text(str(one.data), "dim"),
            )
        line = Text.assemble(
            (f"published {counts['published']}/{self._total}", "bold"),
            f"   delivered {counts['delivered']}",
            (f"   failed attempts {counts['failed']}", "yellow"),
            f"   retries {counts['retries']}",
            (f"   {self.note}", "dim"),
        )
        return Group(line, Text(""), table)

    @contextmanager
    def shown(self, console: Console, *, live: bool) -> Iterator[None]:
        """Show the board while the block runs, if it is to be `live`, and on a terminal."""
        if not live or not console.is_terminal:
            yield
            return
        with Live(self, console=console, refresh_per_second=8):
            yield


def _print_json(arrival: Arrival) -> None:
    click.echo(json.dumps(asdict(arrival)))


def _moody(delivery_id: str, attempt: int) -> bool:
    """Fail about every fourth delivery once, some of them twice; never for good."""
    mood = int(delivery_id[-2:] or "0", 16)
    return (attempt == 1 and mood % 4 == 0) or (attempt == 2 and mood % 16 == 0)


def _subscribe(events: AsyncEvents, receiver: Receiver, name: str, path: str) -> None:
    path = f"{path}/{name}"
    made = events.subscribe(
        NewSubscription(event_name=name, sink="http", target=receiver.url + path)
    )
    if made.secret is not None:
        receiver.add_secret(path, made.secret)


def _publish(
    shop: _Shop,
    events: AsyncEvents,
    count: int,
    rate: float,
    published: list[UUID],
    board: _Board,
) -> None:
    for number in range(count):
        name, made = shop.happen(events, number)
        published.append(made)
        board.published(name)
        time.sleep(1 / rate)


def _wait(events: AsyncEvents, published: list[UUID], board: _Board) -> set[UUID]:
    """Wait until every event is delivered to all its subscribers, or patience ends."""
    until = time.monotonic() + _PATIENCE
    done: set[UUID] = set()
    while len(done) < len(published) and time.monotonic() < until:
        done |= _finished(events, [one for one in published if one not in done])
        board.note = f"{len(done)} events traced to their end"
        time.sleep(_LOOK_EVERY)
    return done


def _finished(events: AsyncEvents, published: list[UUID]) -> set[UUID]:
    """Return the events whose traces all end with "Delivered"."""
    done = set()
    for event_id in published:
        traces = events.traces(event_id)
        if traces and all(
            one.delivery.state is DeliveryState.DELIVERED and one.attempts for one in traces
        ):
            done.add(event_id)
    return done


def _report(
    console: Console, receiver: Receiver, published: list[UUID], complete: set[UUID], count: int
) -> bool:
    received = sum(str(one) in receiver.valid_events for one in published)
    traced = len(complete)
    console.print(
        f"{len(published)} published, {received} received with a valid signature, {traced} traced "
        f"to their end, {receiver.invalid} invalid signatures, {receiver.received} requests",
        soft_wrap=True,
        highlight=False,
    )
    return received == traced == count and not receiver.invalid
