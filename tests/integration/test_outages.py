"""Servers that go away and come back, messages that come twice, clocks that are wrong."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from asyncevents_core.adapters.kombu import KombuBroker
from asyncevents_core.errors import LedgerUnavailable
from asyncevents_core.ports.broker import BrokerConfig
from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually

OUTAGE = 4.0
PAIRS = [("RabbitMq", "PostgreSql"), ("Redis", "MariaDb")]

SKEWED = """
import sys, time
real, real_ns = time.time, time.time_ns
time.time = lambda: real() + 3600
time.time_ns = lambda: real_ns() + 3600 * 10**9
sys.argv = ["asyncevents", "worker"]
from asyncevents_core.cli.app import main
main()
"""


@pytest.fixture
def servers(request, start_server):
    broker, ledger = (start_server(name) for name in request.param)
    broker.clear()
    return broker, ledger


@pytest.fixture
def project(make_project, servers):
    broker, ledger = servers
    return make_project(BROKER_URL=broker.url, LEDGER_URL=ledger.new_ledger())


@pytest.fixture
def workers(project, inbox):
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    running = [project.start("worker", "--log-level", "error") for _ in range(2)]
    with project.events() as events:
        first = events.publish("order.created", {"first": True})
        eventually(lambda: inbox.accepted, what="the workers work")
    project.await_workers(2)
    yield running
    codes = []
    for worker in running:
        worker.terminate()
        codes.append(worker.wait(PATIENCE))
    assert codes == [0, 0], [worker.stderr.read() for worker in running]
    assert str(first) in {one.event_id for one in inbox.accepted}


def all_arrived(inbox, ids):
    wanted = set(map(str, ids))
    eventually(lambda: wanted <= {one.event_id for one in inbox.accepted}, what="all arrive")


@pytest.mark.parametrize("servers", PAIRS, indirect=True, ids="-".join)
def test_delivery_goes_on_while_the_broker_is_away(project, inbox, servers, workers):
    broker, _ = servers
    with project.events() as events:
        before = events.publish_many([("order.created", {"n": n}) for n in range(50)])
        broker.kill()
        try:
            during = [events.publish("order.created", {"n": n}) for n in range(20)]
            # Without the broker: the sweep finds them.
            all_arrived(inbox, [*before, *during])
        finally:
            broker.start()
        after = events.publish_many([("order.created", {"n": n}) for n in range(20)])
        all_arrived(inbox, after)
    assert [worker.poll() for worker in workers] == [None, None]


@pytest.mark.parametrize("servers", PAIRS, indirect=True, ids="-".join)
def test_work_resumes_when_the_ledger_is_back(project, inbox, servers, workers):
    _, ledger = servers
    with project.events() as events:
        before = events.publish_many([("order.created", {"n": n}) for n in range(50)])
        ledger.kill()
        try:
            with pytest.raises(LedgerUnavailable):
                events.publish("order.created", {"n": -1})
            time.sleep(OUTAGE)
        finally:
            ledger.start()
        after = events.publish_many([("order.created", {"n": n}) for n in range(50)])
        all_arrived(inbox, [*before, *after])
    assert [worker.poll() for worker in workers] == [None, None]


@pytest.mark.parametrize("servers", PAIRS[:1], indirect=True, ids="-".join)
def test_a_worker_that_starts_waits_for_its_ledger(project, inbox, servers):
    _, ledger = servers
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    with project.events() as events:
        ids = [events.publish("order.created", {})]
    ledger.kill()
    try:
        worker = project.start("worker")
        time.sleep(OUTAGE)
        assert worker.poll() is None
    finally:
        ledger.start()
    all_arrived(inbox, ids)
    worker.terminate()
    _, errors = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0
    assert errors.count("waiting for it") == 1


@pytest.mark.parametrize("servers", PAIRS, indirect=True, ids="-".join)
@pytest.mark.parametrize("which", ["broker", "ledger"])
def test_a_server_that_hangs_for_a_while(project, inbox, servers, workers, which):
    server = dict(zip(("broker", "ledger"), servers, strict=True))[which]
    with project.events() as events:
        before = events.publish_many([("order.created", {"n": n}) for n in range(50)])
        server.pause()
        try:
            time.sleep(OUTAGE)
        finally:
            server.resume()
        after = events.publish_many([("order.created", {"n": n}) for n in range(50)])
        all_arrived(inbox, [*before, *after])
    assert [worker.poll() for worker in workers] == [None, None]


@pytest.mark.parametrize("servers", PAIRS, indirect=True, ids="-".join)
def test_a_message_that_comes_five_times_is_one_delivery(project, inbox, servers, workers):
    broker, _ = servers
    with project.events() as events:
        ids = events.publish_many([("order.created", {"n": n}) for n in range(60)])
        producer = KombuBroker(BrokerConfig(url=broker.url)).producer()
        for _ in range(4):
            producer.send(ids)
        producer.close()
        all_arrived(inbox, ids)
    time.sleep(2)
    counts = Counter(one.event_id for one in inbox.arrivals)
    assert set(counts.values()) == {1}


@pytest.mark.parametrize("servers", PAIRS[:1], indirect=True, ids="-".join)
def test_a_clock_that_is_an_hour_off_changes_nothing(project, make_inbox, servers):
    # Without a secret: the time in a signature is the one thing that a clock may spoil.
    inbox = make_inbox(secrets=(), fail_first=1)
    project.run("subscribe", "order.created", inbox.url)
    running = [project.start("worker"), project.start_python("-c", SKEWED)]
    with project.events() as events:
        ids = events.publish_many([("order.created", {"n": n}) for n in range(40)])
        for _ in range(20):
            ids.append(events.publish("order.created", {}))
            time.sleep(0.05)
    done = [one for one in inbox.arrivals if one.status == 200]
    eventually(
        lambda: len([one for one in inbox.arrivals if one.status == 200]) == len(ids),
        what=f"all arrive, {len(done)} have",
    )
    time.sleep(2)
    counts = Counter((one.event_id, one.status) for one in inbox.arrivals)
    assert set(counts.values()) == {1}
    project.await_workers(len(running))
    for worker in running:
        worker.terminate()
        assert worker.wait(PATIENCE) == 0


@pytest.mark.parametrize("servers", PAIRS[:1], indirect=True, ids="-".join)
def test_a_rate_limit_holds_back_its_own_subscription_only(project, make_inbox, servers):
    limited, free = make_inbox(), make_inbox()
    project.run("subscribe", "order.created", limited.url, "--secret", SECRET, "--rate-limit", "4")
    project.run("subscribe", "order.created", free.url, "--secret", SECRET)
    worker = project.start("worker")
    with project.events() as events:
        ids = events.publish_many([("order.created", {"n": n}) for n in range(60)])
    all_arrived(free, ids)
    # Four at once, then four a second: it takes 11 s before there are fifty.
    assert len(limited.accepted) < 50
    all_arrived(limited, ids)
    times = sorted(one.at for one in limited.accepted)
    # Of 32 at most 4 come at once, the others take 7 s; arrivals may be late, but not early.
    assert all(later - earlier > 4.0 for earlier, later in zip(times, times[31:], strict=False))
    worker.terminate()
    assert worker.wait(PATIENCE) == 0
