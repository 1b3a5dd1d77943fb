"""The crash suite's machinery: one run on a pair of broker and ledger, with kills at random."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from attrs import define, field, frozen

from asyncevents_core.domain.query.nodes import MatchAll
from asyncevents_core.engine.searching.feed import IndexFeed, index_lease
from tests.integration.project import PATIENCE, Project, eventually

PUBLISHER = """
import sys, time
from asyncevents_core import AsyncEvents
from asyncevents_core.errors import LedgerUnavailable

path, total, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
events = AsyncEvents()
with open(path, "a+") as accepted:
    accepted.seek(0)
    done = len(accepted.read().split())
    while done < total:
        batch = [("order.created", {"n": done + n, "text": "x" * 500}) for n in range(5)]
        try:
            ids = events.publish_many(batch)
        except LedgerUnavailable:
            time.sleep(0.1)
            continue
        accepted.write("".join(f"{one}\\n" for one in ids))
        accepted.flush()
        done += len(ids)
        time.sleep(pause)
"""
SUBSCRIBERS = ("healthy", "flaky", "failing")
SETTLE_TIMEOUT = 240.0


@frozen(kw_only=True)
class Report:
    """What became of one run."""

    pair: str
    seed: int
    events: int
    kills: dict[str, int]
    lost: int
    unrecorded: int
    """Requests that were received beyond the attempts in the ledger."""
    duplicates: int
    abandoned: int
    misindexed: int
    """Attempts that the index has not, or has and the ledger has not."""
    seconds: float


@define(slots=False)
class Victim:
    """Something that is killed and comes back."""

    name: str
    kill: Callable[[], bool]
    """Kill it, if it runs; tell whether it did."""
    start: Callable[[], None]


@define(slots=False)
class Process:
    """A process of the project: started again when it is killed; its output goes to a file."""

    project: Project
    arguments: tuple[str, ...]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.arguments],
                cwd=self.project.folder,
                env=self.project.environment,
                stdout=log,
                stderr=log,
            )

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> bool:
        if not self.running:
            return False
        self.send(signal.SIGKILL)
        return True

    def stop(self) -> int:
        self.send(signal.SIGTERM)
        return self.process.returncode if self.process is not None else 0

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(PATIENCE)


@define(slots=False)
class CrashRun:
    """Publishes, delivers and kills; then counts."""

    project: Project
    inboxes: dict[str, Any]
    pair: str
    events: int
    rounds: int
    servers: dict[str, Any] = field(factory=dict)
    seed: int = field(factory=lambda: random.SystemRandom().randrange(10**6))
    kills: Counter[str] = field(factory=Counter)

    def __attrs_post_init__(self) -> None:
        self._accepted = self.project.folder / "accepted.txt"
        # About as long as the killing takes, so that something is in flight all the time.
        victims = 3 + len(self.servers)
        pause = self.rounds * (1.5 * victims + 6 * ("RabbitMQ" in self.servers)) / self.events * 5
        self._publisher = self._process(
            "publisher", "-c", PUBLISHER, str(self._accepted), str(self.events), f"{pause:.4f}"
        )
        self._workers = [
            self._process(f"worker{number}", "-m", "asyncevents_core", "worker")
            for number in range(2)
        ]

    def run(self) -> Report:
        """Run to the end, when nothing is open any more."""
        begun = time.monotonic()
        for one in (self._publisher, *self._workers):
            one.start()
        dice = random.Random(self.seed)
        victims = self._victims()
        order = [victim for victim in victims for _ in range(self.rounds)]
        dice.shuffle(order)
        for victim in order:
            time.sleep(dice.uniform(0.2, 1.0))
            if not self._in_flight(victim) or not victim.kill():
                continue
            self.kills[victim.name] += 1
            time.sleep(dice.uniform(0.0, 0.5))
            victim.start()
        eventually(self._published, what="everything is published", timeout=SETTLE_TIMEOUT)
        eventually(self._settled, what=self._open_rows, timeout=SETTLE_TIMEOUT)
        # A worker that was just started again ends without a word until it has its handlers.
        eventually(self._signed_on, what="the workers have started", timeout=SETTLE_TIMEOUT)
        codes = [worker.stop() for worker in self._workers]
        assert codes == [0, 0], codes
        return self._report(time.monotonic() - begun)

    def close(self) -> None:
        """Leave no process behind."""
        for one in (self._publisher, *self._workers):
            one.kill()

    def _process(self, name: str, *arguments: str) -> Process:
        log = self.project.folder / f"{name}.log"
        return Process(project=self.project, arguments=arguments, log=log)

    def _victims(self) -> Iterable[Victim]:
        yield Victim("publisher", self._publisher.kill, self._publisher.start)
        for worker in self._workers:
            yield Victim("worker", worker.kill, worker.start)
        for name, server in self.servers.items():
            yield Victim(name, lambda server=server: server.kill() or True, server.start)

    def _accepted_ids(self) -> list[str]:
        text = self._accepted.read_text() if self._accepted.exists() else ""
        # A line may be cut off where the publisher was killed: it never said "accepted".
        return [line for line in text.split() if len(line) == 36]

    def _in_flight(self, victim: Victim) -> bool:
        """Tell whether it matters; a worker is killed while requests are under way."""
        if victim.name == "worker":
            until = time.monotonic() + 3.0
            while not self._requests_under_way() and time.monotonic() < until:
                time.sleep(0.001)
            return self._requests_under_way() > 0
        received = {one.event_id for one in self.inboxes["healthy"].accepted}
        return self._publisher.running or bool(set(self._accepted_ids()) - received)

    def _requests_under_way(self) -> int:
        return sum(inbox.received - len(inbox.arrivals) for inbox in self.inboxes.values())

    def _signed_on(self) -> bool:
        with self.project.events() as events:
            rows = events.runtime.ledger.read(lambda view: list(view.workers.all()))
        pids = {one.process.pid for one in self._workers if one.process is not None}
        return pids <= {row.pid for row in rows}

    def _published(self) -> bool:
        return not self._publisher.running

    def _query(self, sql: str) -> list[Any]:
        engine = sa.create_engine(self.project.settings["LEDGER_URL"])
        try:
            with engine.connect() as connection:
                return list(connection.exec_driver_sql(sql))
        finally:
            engine.dispose()

    def _open_rows(self) -> str:
        states = self._query("SELECT state, COUNT(*) FROM asyncevents_delivery GROUP BY state")
        events = self._query("SELECT state, COUNT(*) FROM asyncevents_event GROUP BY state")
        return f"nothing is open: deliveries {states}, events {events}"

    def _settled(self) -> bool:
        time.sleep(0.5)
        (events,) = self._query("SELECT COUNT(*) FROM asyncevents_event WHERE due_at IS NOT NULL")
        (rows,) = self._query("SELECT COUNT(*) FROM asyncevents_delivery WHERE due_at IS NOT NULL")
        return events[0] == rows[0] == 0

    def _misindexed(self) -> int:
        """Index what is left, and count where the index and the ledger differ."""
        with self.project.events() as events, events.runtime.open_indexer() as indexer:
            ledger = events.runtime.ledger
            lease = index_lease(ledger)
            eventually(lease.keep, what="no dead worker has the index", timeout=SETTLE_TIMEOUT)
            feed = IndexFeed(ledger, indexer)
            while feed.step():
                continue
            lease.give_up()
            found = indexer.search(MatchAll(), limit=1_000_000, timeout=60).log_ids
        logged = [row[0] for row in self._query("SELECT id FROM asyncevents_attempt")]
        return len(set(found) ^ set(logged)) + len(found) - len(set(found))

    def _report(self, seconds: float) -> Report:
        states = {
            (as_text(event_id), target.rpartition("/")[2]): state
            for event_id, target, state in self._query(
                "SELECT d.event_id, s.target, d.state FROM asyncevents_delivery d "
                "JOIN asyncevents_subscription s ON s.id = d.subscription_id"
            )
        }
        attempts = dict(
            map(
                tuple,
                self._query("SELECT outcome, COUNT(*) FROM asyncevents_attempt GROUP BY outcome"),
            )
        )
        good = {
            name: Counter(one.event_id for one in inbox.accepted)
            for name, inbox in self.inboxes.items()
        }
        lost = 0
        accepted = self._accepted_ids()
        for event_id in accepted:
            for name in SUBSCRIBERS:
                state = states.get((event_id, name))
                arrived = state == "delivered" and good[name][event_id] > 0
                lost += not (arrived or state == "dead")
        requests = sum(inbox.received for inbox in self.inboxes.values())
        return Report(
            pair=self.pair,
            seed=self.seed,
            events=len(accepted),
            kills=dict(self.kills),
            lost=lost,
            unrecorded=max(0, requests - sum(attempts.values())),
            duplicates=sum(count - 1 for counts in good.values() for count in counts.values()),
            abandoned=attempts.get("abandoned", 0),
            misindexed=self._misindexed(),
            seconds=round(seconds, 1),
        )


def as_text(identifier: Any) -> str:
    """Write an id as databases return it as a UUID."""
    import uuid

    if isinstance(identifier, bytes):
        return str(uuid.UUID(bytes=identifier))
    return str(identifier)


def table(reports: Iterable[Report]) -> str:
    """Return the reports as a table in Markdown."""
    lines = [
        "| broker × ledger | events | kills | lost | duplicates | abandoned attempts |",
        "|---|---|---|---|---|---|",
    ]
    for one in reports:
        kills = ", ".join(f"{count} {name}" for name, count in sorted(one.kills.items()))
        lines.append(
            f"| {one.pair} | {one.events} | {sum(one.kills.values())} "
            f"({kills}) | {one.lost} | {one.duplicates} | {one.abandoned} |"
        )
    return "\n".join(lines)


def events_wanted() -> int:
    return int(os.environ.get("ASYNCEVENTS_CRASH_EVENTS", "300"))


def rounds_wanted() -> int:
    return int(os.environ.get("ASYNCEVENTS_CRASH_ROUNDS", "2"))
