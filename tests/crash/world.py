"""The world that faults befall: a project with two workers, a publisher, recipients and servers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from attrs import define, field, frozen

from asyncevents_core.errors import LedgerUnavailable
from tests.crash.processes import PUBLISHER, WORKER, Process
from tests.crash.servers import (
    KINDS,
    AlarmedRabbitMq,
    SmallDisk,
    SmallMariaDb,
    SmallPostgreSql,
)
from tests.integration.inbox import SECRET, Inbox, open_inbox
from tests.integration.project import Project
from tests.services.brokers import Redis
from tests.services.databases import Database
from tests.services.server import Server
from tests.services.silence import Proxy

SUBSCRIBERS = ("healthy", "flaky", "failing")
PROBE_EVERY = 0.25
"""Seconds between the events by which the longest stop is measured."""
WATCHER = "watcher"
"""Whose connections no fault of the network befalls: those of the test itself."""


@frozen(kw_only=True)
class Links:
    """How one process reaches the servers: None where there is no server."""

    ledger: Proxy | None
    broker: Proxy | None


@define(slots=False, kw_only=True)
class World:
    """What is there, for faults and for counting. `open_world` makes one."""

    project: Project
    ledger: SmallPostgreSql | SmallMariaDb | None
    """The server of the ledger, which a promotion replaces; None: SQLite."""
    broker: AlarmedRabbitMq | Redis | None
    """The server of the broker; None: the SQL broker."""
    links: Mapping[str, Links]
    inboxes: Mapping[str, Inbox]
    publisher: Process
    workers: list[Process]
    sqlite_disk: SmallDisk | None = None
    retired: list[Server] = field(factory=list)
    """Servers whose place another has taken."""
    probes: list[str] = field(factory=list)
    """The ids of the events that the world itself has published."""

    @property
    def disk(self) -> SmallDisk | None:
        """What the ledger lies on, if it can be filled."""
        return self.sqlite_disk if self.ledger is None else self.ledger.disk

    @property
    def processes(self) -> list[Process]:
        return [self.publisher, *self.workers]

    def victims(self) -> list[Links]:
        """Return the links of all that faults may befall."""
        return [links for name, links in self.links.items() if name != WATCHER]

    def query(self, sql: str) -> list[Any]:
        """Read from the ledger, beside all faults of the network."""
        engine = self.open_engine()
        try:
            with engine.connect() as connection:
                return list(connection.exec_driver_sql(sql))
        finally:
            engine.dispose()

    def open_engine(self) -> sa.Engine:
        return sa.create_engine(self.project.settings["LEDGER_URL"])

    def accepted(self) -> list[str]:
        """Return the ids of all events of which a publisher has heard that they are published."""
        path = accepted_path(self.project)
        text = path.read_text() if path.exists() else ""
        # A line may be cut off where the publisher was killed: it never said "accepted".
        return [line for line in text.split() if len(line) == 36] + self.probes

    def under_way(self) -> int:
        """Return how many requests have arrived and have no answer yet."""
        return sum(one.received - len(one.arrivals) for one in self.inboxes.values())


def accepted_path(project: Project) -> Path:
    return project.folder / "accepted.txt"


def enough_path(project: Project) -> Path:
    return project.folder / "enough"


def freeze_path(process: Process) -> Path:
    """Return the file that tells a worker to freeze in its next transaction."""
    return process.project.folder / f"freeze-{process.name}"


@contextmanager
def open_world(
    broker: str,
    ledger: str,
    *,
    folder: Path,
    pause: float = 0.2,
    settings: Mapping[str, Any] | None = None,
    small_disk: bool = True,
) -> Iterator[World]:
    """Make a world; nothing runs in it yet but its servers. In the end no process is left.

    `broker` and `ledger` are keys of `KINDS`, or "SQL" and "SQLite"; `pause` is the publisher's, in
    seconds, between batches of five. With `small_disk` the ledger lies on a disk that can be
    filled, where this machine allows it: after some 60,000 events it is full by itself.
    """
    with ExitStack() as stack:
        servers = {name: KINDS[name]() for name in (broker, ledger) if name in KINDS}
        for server in servers.values():
            stack.callback(server.remove)
            server.start()
        urls, disk = _urls(broker, ledger, servers, folder, stack, small_disk=small_disk)
        links = {
            name: _links(servers.get(ledger), servers.get(broker), stack)
            for name in (WATCHER, "publisher", "worker0", "worker1")
        }
        project = Project(
            folder=folder,
            settings={
                **_through(links[WATCHER], urls),
                # Probes would take hours for what is due to the recipient that always fails.
                "PROBE_AFTER": 0,
                **(settings or {}),
            },
        )
        stack.callback(project.end)
        project.run("db", "upgrade")
        inboxes = _subscribe(project, stack)
        named = [
            _process(project, name, urls, links[name], pause)
            for name in ("publisher", "worker0", "worker1")
        ]
        world = World(
            project=project,
            ledger=servers.get(ledger),  # type: ignore[arg-type]
            broker=servers.get(broker),  # type: ignore[arg-type]
            links=links,
            inboxes=inboxes,
            publisher=named[0],
            workers=named[1:],
            sqlite_disk=disk,
        )
        stack.callback(_end, world)
        yield world


def _end(world: World) -> None:
    for one in world.processes:
        one.end()
    for server in (*world.retired, world.ledger):
        if server is not None:
            server.remove()


def _urls(
    broker: str,
    ledger: str,
    servers: Mapping[str, Server],
    folder: Path,
    stack: ExitStack,
    *,
    small_disk: bool,
) -> tuple[dict[str, str], SmallDisk | None]:
    """Make the databases, on a small disk if it is wanted, and this machine allows it."""
    urls: dict[str, str] = {}
    disk: SmallDisk | None = None
    server = servers.get(ledger)
    if isinstance(server, Database):
        if small_disk and isinstance(server, SmallPostgreSql):
            _if_allowed(server.make_disk)
        urls["LEDGER_URL"] = server.new_database()
        if isinstance(server, SmallMariaDb):
            if small_disk:
                _if_allowed(lambda: server.put_on_disk(urls["LEDGER_URL"]))
            urls["LEDGER_URL"] = _without_privileges(server, urls["LEDGER_URL"])
    else:
        place = folder / "disk"
        place.mkdir()
        try:
            disk = SmallDisk(place, owner=None) if small_disk else None
        except RuntimeError as error:
            print(error)
        if disk is not None:
            stack.callback(disk.remove)
        urls["LEDGER_URL"] = f"sqlite:///{place}/ledger.db"
    if broker in servers:
        urls["BROKER_URL"] = servers[broker].url  # type: ignore[attr-defined]
    elif isinstance(server, Database):
        urls["BROKER_URL"] = f"sqla+{server.new_database()}"
    else:
        urls["BROKER_URL"] = f"sqla+sqlite:///{folder}/broker.db"
    return urls, disk


def _if_allowed(make: Any) -> None:
    try:
        make()
    except RuntimeError as error:
        print(error)


def _without_privileges(server: SmallMariaDb, url: str) -> str:
    """Return the URL with a user of its own: administrators may write where others only read."""
    parsed = sa.make_url(url)
    server.execute(
        f"CREATE USER {parsed.database}@'127.0.0.1'",
        f"GRANT ALL ON {parsed.database}.* TO {parsed.database}@'127.0.0.1'",
    )
    return parsed.set(username=parsed.database).render_as_string(hide_password=False)


def _links(ledger: Server | None, broker: Server | None, stack: ExitStack) -> Links:
    def before(server: Server | None) -> Proxy | None:
        if server is None:
            return None
        proxy = Proxy(server.port)
        stack.callback(proxy.close)
        return proxy

    return Links(ledger=before(ledger), broker=before(broker))


def _through(links: Links, urls: Mapping[str, str]) -> dict[str, str]:
    """Let the URLs lead through these proxies. The SQL broker is on the ledger's server."""
    ways = {"LEDGER_URL": links.ledger, "BROKER_URL": links.broker or links.ledger}
    return {
        name: url if (proxy := ways[name]) is None else _at_port(url, proxy.port)
        for name, url in urls.items()
    }


def _at_port(url: str, port: int) -> str:
    before, _, after = url.rpartition("127.0.0.1:")
    return f"{before}127.0.0.1:{port}/{after.partition('/')[2]}"


def _subscribe(project: Project, stack: ExitStack) -> dict[str, Inbox]:
    inboxes = {
        "healthy": stack.enter_context(open_inbox(delay=0.1)),
        "flaky": stack.enter_context(
            open_inbox(
                delay=0.03, fails=lambda delivery, attempt: attempt == 1 and delivery[-1] < "6"
            )
        ),
        "failing": stack.enter_context(open_inbox(delay=0.01, status=500)),
    }
    for name in SUBSCRIBERS:
        target = f"{inboxes[name].url}/{name}"
        project.run("subscribe", "order.created", target, "--secret", SECRET,
                    "--max-deaths", "2", "--schedule", "0.3,0.6")  # fmt: skip
    return inboxes


def _process(
    project: Project, name: str, urls: Mapping[str, str], links: Links, pause: float
) -> Process:
    process = Process(
        name=name,
        project=project,
        arguments=(),
        environment={f"ASYNCEVENTS_{key}": url for key, url in _through(links, urls).items()},
    )
    if name == "publisher":
        paths = (str(accepted_path(project)), str(enough_path(project)))
        process.arguments = ("-c", PUBLISHER, *paths, str(pause))
    else:
        process.arguments = ("-c", WORKER, str(freeze_path(process)))
    return process


@contextmanager
def probing(world: World) -> Iterator[None]:
    """Publish an event now and then, beside all faults of processes and of the network."""
    over = threading.Event()

    def publish() -> None:
        with world.project.events() as events:
            while not over.wait(PROBE_EVERY):
                try:
                    world.probes.append(
                        str(events.publish("order.created", {"probe": time.time()}))
                    )
                except LedgerUnavailable:
                    continue

    thread = threading.Thread(target=publish, name="probes", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
