"""`lifespan`: what is opened and closed, what a start says that cannot work, the worker beside."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import textwrap
import threading
from contextlib import asynccontextmanager

import pytest

from asgi_shop import entered
from asyncevents_asgi import lifespan
from asyncevents_core import NewSubscription
from asyncevents_core.errors import LedgerNotMigrated, LedgerUnavailable, SettingsError, UnknownName
from tests.integration.project import PATIENCE


async def until(condition, what):
    for _ in range(int(PATIENCE / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not in time: {what}")


async def test_it_is_open_meanwhile(events):
    async with entered(lifespan(events)):
        opened = events._opened
        assert opened is not None
    assert events._opened is None
    # And again, as tests do that start an application several times.
    async with entered(lifespan(events)):
        assert events._opened not in {None, opened}


async def test_the_own_one_is_within(events):
    seen = []

    @asynccontextmanager
    async def own(application):
        seen.append((application, events._opened is not None))
        yield {"a": 1}
        # It may publish to the last.
        seen.append(events._opened is not None)

    async with entered(lifespan(events, own), "application") as state:
        assert state == {"a": 1}
    assert seen == [("application", True), True]


async def test_what_the_own_one_raises_is_raised(events):
    @asynccontextmanager
    async def own(application):
        raise KeyError("own")
        yield

    with pytest.raises(KeyError, match="own"):
        async with entered(lifespan(events, own)):
            raise AssertionError("it has not started")
    assert events._opened is None


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({}, LedgerNotMigrated, "asyncevents db upgrade"),
        ({"LEDGER_URL": "postgresql://u@127.0.0.1:1/x"}, LedgerUnavailable, "127.0.0.1:1"),
        ({"EVENT_MODULES": ["no_such_module"]}, SettingsError, "no_such_module"),
    ],
)
async def test_a_start_that_cannot_work_says_why(make_events, settings, error, text):
    with pytest.raises(error, match=text):
        async with entered(lifespan(make_events(**settings), patience=0.1)):
            raise AssertionError("it has started")


async def test_a_ledger_that_does_not_answer_yet_is_waited_for(make_events, start_server, caplog):
    server = start_server("PostgreSql")
    events = make_events(LEDGER_URL=server.new_database())
    events.upgrade()
    events.close()
    server.kill()
    threading.Timer(1.0, server.start).start()
    async with entered(lifespan(events, patience=PATIENCE)):
        events.publish("order.created", {})
    assert caplog.text.count("the ledger does not answer; waiting for it") == 1


async def test_the_loop_goes_on_while_a_database_is_silent(make_events):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        events = make_events(
            LEDGER_URL=f"postgresql://u@127.0.0.1:{listening.getsockname()[1]}/x",
            LEDGER_OPTIONS={"connect_timeout": 2.0},
        )
        starting = asyncio.create_task(entered(lifespan(events, patience=0.1)).__aenter__())
        # On the same loop: where that is held up, nobody is heard before the time is over.
        hearing = asyncio.create_task(asyncio.get_running_loop().sock_accept(listening))
        done, _ = await asyncio.wait({starting, hearing}, return_when=asyncio.FIRST_COMPLETED)
        assert done == {hearing}
        with hearing.result()[0], pytest.raises(LedgerUnavailable):
            await starting


async def test_a_worker_beside_delivers(make_events, url, inbox):
    events = make_events(SINKS={"http": {"allow": ["127.0.0.0/8"]}})
    events.subscribe(
        NewSubscription(
            event_name="order.created", sink="http", target=inbox.url, secret="supersecret"
        )
    )
    async with entered(lifespan(events, worker=True)):
        await events.apublish("order.created", {"number": 1})
        await until(lambda: inbox.accepted, "it arrives")
    assert [one.data for one in inbox.accepted] == [{"number": 1}]
    assert "worker" not in {one.name for one in threading.enumerate()}


async def test_a_worker_that_cannot_start_is_told_of(make_events, url, caplog):
    events = make_events(SERVICE_RESOLVER="nobody")
    with pytest.raises(UnknownName, match="nobody"):
        async with entered(lifespan(events, worker=True)):
            await until(lambda: "the worker beside has ended" in caplog.text, "the log says so")


APPLICATION = """
from fastapi import FastAPI
from asyncevents_asgi.fastapi import lifespan
from asyncevents_core import AsyncEvents
events = AsyncEvents("shop_settings")
app = FastAPI(lifespan=lifespan(events, patience=0.1))
"""
OF_A_TEST = """
from fastapi.testclient import TestClient
from shop import app, events

def test_a_protected_ledger(published_events):
    with TestClient(app):
        events.publish("order.created", {"number": 1})
        assert events._opened is None
    published_events.assert_published("order.created", times=1)
"""


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "shop.py").write_text(APPLICATION)
    (tmp_path / "shop_settings.py").write_text(
        textwrap.dedent(
            f"""
            LEDGER_URL = "sqlite:///{tmp_path}/nothing.db"
            EVENTS = {{"order.created": {{}}}}
            """
        )
    )

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", *arguments], cwd=tmp_path, capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip

    return run


def test_a_server_does_not_start_and_its_last_words_say_why(shop):
    done = shop("uvicorn", "shop:app", "--port", "0")
    assert done.returncode == 3
    assert "LedgerNotMigrated" in done.stderr
    assert "asyncevents db upgrade" in done.stderr
    assert "Application startup failed" in done.stderr


def test_in_a_test_the_ledger_stays_as_it_is(shop, tmp_path):
    (tmp_path / "test_shop.py").write_text(OF_A_TEST)
    done = shop("pytest", "-q", "-W", "error", "-p", "no:asyncio")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "nothing.db").exists()
