"""A storm at a shop behind a real server: many requests at once, kills, a database that goes away.

A request places an order, and another one with the next number in a savepoint: `commit`,
`savepoint` (the second one is undone), `rollback` (both are) or `kill` (the server, just after its
commit). What became of it is in the shop's own rows, and nowhere else: they are what there should
be events of.
"""

from __future__ import annotations

import itertools
import random
import subprocess
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.integration.answering import answers
from tests.integration.project import PATIENCE, eventually
from tests.services.ports import free_port

REQUESTS = 50
"""Requests at the same time."""
KINDS = ("commit", "commit", "rollback", "savepoint")
_KEPT: Mapping[str, int] = {"commit": 2, "savepoint": 1}
"""How many orders there are after a request; none after others."""


class ShopServer:
    """A server with the route ``GET /order/NUMBER/KIND``, on one port, started anew after kills.

    `start` starts it on a port. It answers 404 where there is nothing, and 204 to an order.
    """

    def __init__(self, start: Callable[[int], subprocess.Popen[str]]) -> None:
        self._start = start
        self.port = free_port()
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = self._start(self.port)
        eventually(self._answers, what="the server answers")

    def recover(self) -> None:
        """Be there again after a request has killed it."""
        assert self.process is not None
        assert self.process.wait(PATIENCE) == -9
        self.start()

    def _answers(self) -> bool:
        return answers(f"http://127.0.0.1:{self.port}/", status=404)

    def place(self, number: int, kind: str) -> bool:
        """Ask for an order; return whether it was answered as it should be."""
        try:
            answer = httpx.get(
                f"http://127.0.0.1:{self.port}/order/{number}/{kind}", timeout=PATIENCE
            )
        except httpx.HTTPError:
            return False
        return answer.status_code == 204


def kept(numbers: Iterable[int], kinds: Iterable[str]) -> set[int]:
    """Return the numbers of the orders that there are after such requests."""
    return {
        number + more
        for number, kind in zip(numbers, kinds, strict=True)
        for more in range(_KEPT.get(kind, 0))
    }


def storm(
    server: ShopServer,
    database: Any,
    numbers: Callable[[], Collection[int]],
    *,
    said: Callable[[], str] = str,
) -> int:
    """Let it come, and return how many orders there are at least.

    `database` is the running server of it, and `numbers` returns the numbers of the shop's orders.
    `said` is what the shop logged, for failures.
    """
    chosen = random.Random(7)

    def at_once(start: int, kinds: list[str]) -> list[bool]:
        return list(pool.map(server.place, range(start, start + 10 * REQUESTS, 10), kinds))

    server.start()
    with ThreadPoolExecutor(REQUESTS) as pool:
        # All at once: commits, rollbacks and savepoints.
        kinds = [chosen.choice(KINDS) for _ in range(REQUESTS)]
        assert all(at_once(0, kinds)), said()
        wanted = kept(range(0, 10 * REQUESTS, 10), kinds)
        assert set(numbers()) == wanted

        # Others are under way when a request kills the server, just after its commit.
        for round_ in range(1, 4):
            start = 100_000 * round_
            kinds = [chosen.choice(KINDS) for _ in range(REQUESTS)]
            kinds[REQUESTS // 2] = "kill"
            assert not all(at_once(start, kinds))
            assert start + 10 * (REQUESTS // 2) in numbers(), "it had committed"
            server.recover()

        # The database goes away under them, and comes back.
        over, counts = threading.Event(), itertools.count(90_000)
        answered: list[bool] = []

        def go_on(kind: str) -> None:
            while not over.is_set():
                answered.append(server.place(10 * next(counts), kind))

        shopping = [pool.submit(go_on, chosen.choice(KINDS)) for _ in range(REQUESTS)]
        try:
            eventually(lambda: len(answered) > REQUESTS, what="requests are answered")
            assert all(answered), said()
            database.kill()
            eventually(lambda: not all(answered), what="a request finds no database")
            database.start()
            failed = len(answered)
            eventually(lambda: any(answered[failed:]), what="requests are answered again")
        finally:
            over.set()
        for one in shopping:
            one.result(PATIENCE)
    return len(wanted)
