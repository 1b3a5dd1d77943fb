"""The shop of the examples behind real servers, on PostgreSQL: nothing is lost, nothing phantom."""

from __future__ import annotations

import contextlib
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from busy_shop import BusyShop
from tests.integration.project import PATIENCE, eventually, kill_tree
from tests.integration.storm import KINDS, REQUESTS, ShopServer, kept, storm

PROCESSES = 3
SERVERS = {
    "uvicorn": ("uvicorn", "busy:app", "--workers", str(PROCESSES), "--port"),
    "gunicorn": (
        "gunicorn", "busy:app", "--workers", str(PROCESSES),
        "--worker-class", "uvicorn_worker.UvicornWorker", "--bind",
    ),
}  # fmt: skip


@pytest.fixture
def shop(make_project, start_server, inbox):
    made = BusyShop(
        make_project(
            LEDGER_URL=start_server("PostgreSql").new_database(),
            BROKER_URL=start_server("Redis").url,
            EVENTS={
                "shop.order.created": {},
                "shop.order.cancelled": {"service": "shop_services:order"},
            },
            INDEXER=None,
        )
    )
    made.subscribe(inbox.url)
    return made


def quietly(process):
    """Read what a process prints, so that it never waits for a reader."""
    for stream in (process.stdout, process.stderr):
        threading.Thread(target=stream.read, daemon=True).start()
    return process


def test_nothing_is_lost_and_nothing_is_phantom(shop, inbox, start_server):
    server = ShopServer(
        lambda port: quietly(
            shop.start("uvicorn", "busy:app", "--port", str(port), "--no-access-log")
        )
    )
    wanted = storm(server, start_server("PostgreSql"), shop.numbers, said=shop.said)
    # An exception after publishing, in the handler itself.
    for number in range(3):
        answer = httpx.get(f"http://127.0.0.1:{server.port}/raise/{number}", timeout=PATIENCE)
        assert answer.status_code == 500
    kill_tree(server.process)
    assert shop.compare(inbox) > wanted


@pytest.mark.parametrize("kind", SERVERS)
def test_several_processes(shop, inbox, kind):
    def start(port):
        where = str(port) if kind == "uvicorn" else f"127.0.0.1:{port}"
        return quietly(shop.start(*SERVERS[kind], where))

    server = ShopServer(start)
    server.start()
    children = eventually(lambda: _children(server.process), what="all processes have started")
    numbers = range(0, 10 * REQUESTS, 10)
    kinds = [KINDS[number % len(KINDS)] for number in range(REQUESTS)]
    with ThreadPoolExecutor(REQUESTS) as pool:
        assert all(pool.map(server.place, numbers, kinds)), shop.said()
        assert set(shop.numbers()) == kept(numbers, kinds)
        # One is killed by its own request, just after the commit; another one takes its place.
        server.place(100_000, "kill")
        assert 100_000 in shop.numbers()
        eventually(
            lambda: _children(server.process) not in (None, children),
            what="the server has replaced its process",
        )
        more = range(200_000, 200_000 + 10 * REQUESTS, 10)
        eventually(lambda: server.place(300_000, "rollback"), what="the server answers")
        assert all(pool.map(server.place, more, kinds)), shop.said()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) in (0, -signal.SIGTERM)
    assert shop.compare(inbox) >= 2 * len(kept(numbers, kinds)) + 1


def _children(process):
    """Return the ids of the processes that serve, once there are all of them."""
    with contextlib.suppress(psutil.NoSuchProcess):
        found = psutil.Process(process.pid).children()
        serving = frozenset(
            one.pid for one in found if "resource_tracker" not in " ".join(one.cmdline())
        )
        return serving if len(serving) == PROCESSES else None
    return None
