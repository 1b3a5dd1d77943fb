"""Applications that share a broker, with prefixes of their own, and servers that know no others."""

from __future__ import annotations

import uuid
from contextlib import closing

import pytest
import redis

from asyncevents_core.adapters.kombu import KombuBroker
from asyncevents_core.adapters.retries import RabbitMqRetryManagerType
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.errors import BrokerUnavailable
from asyncevents_core.ports.broker import BrokerConfig
from asyncevents_core.ports.retry import ScheduledRetry
from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually

PREFIXES = ("shop.", "erp:", "")


@pytest.fixture(params=["RabbitMq", "Redis", "PostgreSql", "MariaDb", "sqlite"])
def url(request, start_server, tmp_path):
    if request.param == "sqlite":
        return f"sqla+sqlite:///{tmp_path}/broker.db"
    server = start_server(request.param)
    if request.param in {"PostgreSql", "MariaDb"}:
        return f"sqla+{server.new_database()}"
    if request.param == "RabbitMq":
        for prefix in PREFIXES:
            server.clear(prefix)
    else:
        server.clear()
    return server.url


def ids_received(consumer, timeout):
    found = []
    while messages := consumer.receive(timeout):
        for message in messages:
            found += message.ids
            message.ack()
    return found


def test_each_receives_what_is_its_own(url):
    brokers = [KombuBroker(BrokerConfig(url=url, prefix=one)) for one in PREFIXES]
    sent = [uuid7() for _ in PREFIXES]
    for broker, one in zip(brokers, sent, strict=True):
        with closing(broker.producer()) as producer:
            producer.send([one])
        broker.try_out()
    for broker, one in zip(brokers, sent, strict=True):
        with broker.consumer(prefetch=5) as consumer:
            assert ids_received(consumer, 1.0) == [one]
        assert broker.quarantined() == 0


@pytest.mark.parametrize("prefix", ["shop.", ""])
def test_retries_through_rabbitmq_stay_apart(start_server, prefix):
    server = start_server("RabbitMq")
    for one in PREFIXES:
        server.clear(one)
    kind = RabbitMqRetryManagerType()
    ours = kind.open(BrokerConfig(url=server.url, prefix=prefix))
    theirs = kind.open(BrokerConfig(url=server.url, prefix="erp:"))
    retry, buried = uuid7(), uuid7()
    with closing(ours), closing(theirs):
        ours.schedule(
            [ScheduledRetry(delivery_id=retry, deaths=deaths, delay=1.0) for deaths in (1, 2)]
        )
        ours.bury([buried])
        with ours.woken(prefetch=5) as own, theirs.woken(prefetch=5) as foreign:
            found = []
            eventually(lambda: found.extend(ids_received(own, 0.5)) or len(found) == 2, what="both")
            assert found == [retry, retry]
            assert ids_received(foreign, 0.5) == []


@pytest.fixture
def rabbitmq_user(start_server):
    """A user of RabbitMQ who may only use names that begin with "shop."."""
    server = start_server("RabbitMq")
    server.clear("shop.")
    name = f"user{uuid.uuid4().hex[:8]}"
    server.control("add_user", name, "secret")
    pattern = r"^(shop\.|amq\.default$)"
    server.control("set_permissions", name, pattern, pattern, pattern)
    return f"amqp://{name}:secret@127.0.0.1:{server.port}//"


@pytest.fixture
def redis_user(start_server):
    """A user of Redis who may only use keys that begin with "shop."."""
    server = start_server("Redis")
    server.clear()
    name = f"user{uuid.uuid4().hex[:8]}"
    with closing(redis.Redis(port=server.port)) as client:
        client.execute_command(
            "ACL", "SETUSER", name, "on", ">secret", "~shop.*", "resetchannels", "+@all"
        )
    return f"redis://{name}:secret@127.0.0.1:{server.port}/0"


@pytest.mark.parametrize("server", ["rabbitmq_user", "redis_user"])
def test_a_user_who_may_use_these_names_only_can_do_everything(
    request, make_project, make_inbox, server
):
    url = request.getfixturevalue(server)
    with pytest.raises(BrokerUnavailable):
        KombuBroker(BrokerConfig(url=url)).check()
    manager = "rabbitmq" if server == "rabbitmq_user" else "ledger"
    project = make_project(BROKER_URL=url, BROKER_PREFIX="shop.", RETRY_MANAGER=manager)
    inbox = make_inbox(fail_first=1)
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    with project.events() as events:
        ids = events.publish_many([("order.created", {"n": n}) for n in range(20)])
        assert events.flush(PATIENCE)
    findings = {one["what"]: one for one in project.rows("check")}
    assert findings["broker"]["state"] == findings["trial message"]["state"] == "ok"
    assert "names begin with 'shop.'" in findings["broker"]["detail"]
    worker = project.start("worker")
    eventually(lambda: len(inbox.accepted) == len(ids), what="all retries")
    worker.terminate()
    _, log = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 0
    assert "does not answer" not in log
