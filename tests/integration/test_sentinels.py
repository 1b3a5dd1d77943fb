"""Redis with Sentinels, and Redis Cluster, which kombu cannot use."""

from __future__ import annotations

import time
from contextlib import closing

import pytest
import redis

from asyncevents_core.adapters.kombu import KombuBroker
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.errors import BrokerUnavailable
from asyncevents_core.ports.broker import BrokerConfig, BrokerOptions
from tests.conftest import skip_unless_present
from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually
from tests.services.brokers import Redis, Sentinel
from tests.services.needs import REDIS


class ClusterNode(Redis):
    """A node of a cluster that has no others, and no slots."""

    @property
    def command(self):
        return [*super().command, "--cluster-enabled", "yes"]


@pytest.fixture
def started():
    skip_unless_present(REDIS)
    servers = []

    def start(kind, *arguments):
        server = kind(*arguments)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.remove()


@pytest.fixture
def watched(started):
    """A master, its replica, and the Sentinel that watches them."""
    master, replica = started(Redis), started(Redis)
    with closing(redis.Redis(port=replica.port)) as client:
        client.replicaof("127.0.0.1", master.port)
    sentinel = started(Sentinel, master)
    eventually(sentinel.replicas, what="the replica is known")
    return master, replica, sentinel


OPTIONS = {"sentinel_master": "mymaster", "sentinel_password": Sentinel.password}


def broker(sentinel, **more):
    options = BrokerOptions(**{**OPTIONS, **more})
    return KombuBroker(BrokerConfig(url=sentinel.url, prefix="shop.", options=options))


def send(made, one):
    with closing(made.producer()) as producer:
        producer.send([one])


def taken(made):
    found = []
    with made.consumer(prefetch=5) as consumer:
        until = time.monotonic() + 60
        while not found and time.monotonic() < until:
            for message in consumer.receive(1.0):
                found += message.ids
                message.ack()
    return found


def test_a_failover_is_followed(watched):
    master, replica, sentinel = watched
    made = broker(sentinel)
    made.check()
    made.try_out()
    one = uuid7()
    send(made, one)
    assert taken(made) == [one]
    master.kill()
    eventually(lambda: sentinel.master() == replica.port, what="the failover")

    def sent():
        two = uuid7()
        try:
            send(made, two)
        except BrokerUnavailable:
            return None
        return two

    two = eventually(sent, what="the new master takes messages")
    assert taken(made) == [two]


def test_workers_go_on_after_a_failover(watched, make_project, inbox):
    master, replica, sentinel = watched
    project = make_project(BROKER_URL=sentinel.url, BROKER_OPTIONS=OPTIONS)
    assert {one["what"]: one["state"] for one in project.rows("check")}["trial message"] == "ok"
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    worker = project.start("worker")
    project.await_workers(1)
    with project.events() as events:
        events.publish("order.created", {"n": 1})
        eventually(lambda: len(inbox.accepted) == 1, what="the first one")
        master.kill()
        eventually(lambda: sentinel.master() == replica.port, what="the failover")
        events.publish("order.created", {"n": 2})
        eventually(lambda: len(inbox.accepted) == 2, what="the second one")
    worker.terminate()
    assert worker.wait(PATIENCE) == 0


@pytest.mark.parametrize("wrong", [{"sentinel_master": "nobody"}, {"sentinel_password": "s3cret"}])
def test_what_is_wrong_is_said_without_the_password(watched, wrong):
    with pytest.raises(BrokerUnavailable) as caught:
        broker(watched[2], **wrong).check()
    assert "s3cret" not in str(caught.value)


def test_redis_with_a_password_behind_sentinels(watched):
    master, replica, sentinel = watched
    for server in (master, replica):
        with closing(redis.Redis(port=server.port)) as client:
            client.execute_command("ACL", "SETUSER", "shop", "on", ">s3cret", "~shop.*", "+@all")
    address = sentinel.url.replace("://", "://shop:s3cret@")
    config = BrokerConfig(url=address, prefix="shop.", options=BrokerOptions(**OPTIONS))
    KombuBroker(config).try_out()
    asked = []

    def password():
        asked.append(1)
        return "s3cret"

    config = BrokerConfig(
        url=address.replace("s3cret", "old"),
        prefix="shop.",
        options=BrokerOptions(**OPTIONS, password=password),
    )
    KombuBroker(config).try_out()
    assert asked


def test_a_cluster_is_explained(started):
    node = started(ClusterNode)
    with pytest.raises(BrokerUnavailable, match="Redis Cluster, which kombu cannot use"):
        KombuBroker(BrokerConfig(url=node.url)).check()
