"""Workers on every broker and database: the same events arrive, the same retries happen."""

from __future__ import annotations

import json

import kombu
import pytest

from asyncevents_core.adapters.kombu.queues import DEAD_LETTERS
from tests.integration.conftest import SECRET
from tests.integration.project import eventually


@pytest.fixture
def broker_url(request, start_server, tmp_path):
    if request.param == "sqlite":
        return f"sqla+sqlite:///{tmp_path}/broker.db"
    server = start_server(request.param)
    if request.param in {"PostgreSql", "MariaDb"}:
        return f"sqla+{server.new_database()}"
    server.clear()
    return server.url


@pytest.fixture
def ledger_url(request, start_server, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return start_server(request.param).new_database()


def publish_and_drain(project, inbox, count=120):
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    with project.events() as events:
        ids = events.publish_many([("order.created", {"n": n}) for n in range(count)])
        assert events.flush(30)
    project.run("worker", "--processes", "2", "--drain")
    assert sorted(one.event_id for one in inbox.accepted) == sorted(map(str, ids))
    return ids


@pytest.mark.parametrize(
    ("broker_url", "ledger_url"),
    [
        ("RabbitMq", "PostgreSql"),
        ("Redis", "MariaDb"),
        ("MariaDb", "MariaDb"),
        ("PostgreSql", "PostgreSql"),
        ("sqlite", "sqlite"),
    ],
    indirect=True,
)
def test_urls_alone_choose_broker_and_ledger(make_project, make_inbox, broker_url, ledger_url):
    project = make_project(BROKER_URL=broker_url, LEDGER_URL=ledger_url)
    publish_and_drain(project, make_inbox(fail_first=1))
    summaries = {one["delivery"] for one in project.rows("logs", "--limit", "1000")}
    assert summaries == {"delivered"}
    findings = {one["what"]: one["state"] for one in project.rows("check")}
    assert findings["broker"] == findings["ledger"] == "ok"


@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
def test_retries_through_rabbitmq(make_project, make_inbox, start_server, queue_type):
    server = start_server("RabbitMq")
    server.clear()
    project = make_project(
        BROKER_URL=server.url,
        BROKER_QUEUE_TYPE=queue_type,
        RETRY_MANAGER="rabbitmq",
        MAXIMUM_DEATHS=2,
    )
    publish_and_drain(project, make_inbox(fail_first=2), count=60)
    broken = make_inbox(status=500)
    project.run("subscribe", "order.created", broken.url, "--secret", SECRET)
    project.run("publish", "order.created", "{}")
    worker = project.start("worker")
    dead = eventually(lambda: project.rows("dead-letters"), what="a dead letter")
    assert [one["summary"] for one in dead] == ["Dead Lettered with 2 retries"]
    assert broken.received == 3
    with kombu.Connection(server.url) as connection:
        channel = connection.channel()
        message = eventually(lambda: channel.basic_get(DEAD_LETTERS), what="a message about it")
        assert dead[0]["uuid"] in str(message.body)
    worker.terminate()
    assert worker.wait(30) == 0


def test_a_retry_manager_that_the_broker_cannot_serve(make_project):
    project = make_project(RETRY_MANAGER="rabbitmq")
    lines = project.run("check", "--json", exit_code=1).stdout.splitlines()
    findings = {one["what"]: one for one in map(json.loads, lines)}
    assert "needs RabbitMQ" in findings["retry manager"]["detail"]
    assert "needs RabbitMQ" in project.run("worker", exit_code=1).stderr


def test_retries_survive_a_restart_of_rabbitmq(make_project, make_inbox, start_server):
    server = start_server("RabbitMq")
    server.clear()
    project = make_project(BROKER_URL=server.url, RETRY_MANAGER="rabbitmq")
    inbox = make_inbox(fail_first=2)
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    worker = project.start("worker")
    with project.events() as events:
        ids = events.publish_many([("order.created", {"n": n}) for n in range(20)])
        events.flush(30)
    eventually(lambda: inbox.received >= 20, what="the first attempts")
    server.kill()
    server.start()
    eventually(lambda: len(inbox.accepted) == len(ids), what="all retries", timeout=100)
    worker.terminate()
    assert worker.wait(30) == 0
