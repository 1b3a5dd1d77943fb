"""Workers on every broker and database: the same events arrive, the same retries happen."""

from __future__ import annotations

import json

import kombu
import psycopg
import pymysql
import pytest
import sqlalchemy as sa

from asyncevents_core.adapters.kombu.protocol import DEAD_LETTERS
from asyncevents_core.errors import ForeignTransaction
from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually


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
    return start_server(request.param).new_ledger()


def publish_and_drain(project, inbox, count=120):
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    with project.events() as events:
        ids = events.publish_many([("order.created", {"n": n}) for n in range(count)])
        assert events.flush(PATIENCE)
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
    summaries = {one["delivery_state"] for one in project.rows("logs", "--limit", "1000")}
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
    assert worker.wait(PATIENCE) == 0


def test_a_retry_manager_that_the_broker_cannot_serve(make_project):
    project = make_project(RETRY_MANAGER="rabbitmq")
    lines = project.run("check", "--json", exit_code=1).stdout.splitlines()
    findings = {one["what"]: one for one in map(json.loads, lines)}
    assert "needs RabbitMQ" in findings["retry manager"]["detail"]
    assert "needs RabbitMQ" in project.run("worker", exit_code=1).stderr


@pytest.mark.parametrize("manager", ["rabbitmq", "ledger"])
def test_retries_survive_a_restart_of_rabbitmq(make_project, make_inbox, start_server, manager):
    server = start_server("RabbitMq")
    server.clear()
    project = make_project(BROKER_URL=server.url, RETRY_MANAGER=manager)
    inbox = make_inbox(fail_first=2)
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    worker = project.start("worker")
    with project.events() as events:
        ids = events.publish_many([("order.created", {"n": n}) for n in range(20)])
        assert events.flush(PATIENCE)
    eventually(lambda: inbox.received >= 20, what="the first attempts")
    server.kill()
    server.start()
    eventually(lambda: len(inbox.accepted) == len(ids), what="all retries")
    worker.terminate()
    assert worker.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("RabbitMq", "amqp://guest:s3cret@127.0.0.1:{port}//"),
        ("MariaDb", "mysql+pymysql://nobody:s3cret@127.0.0.1:{port}/mysql"),
        ("PostgreSql", "postgresql+psycopg://nobody:s3cret@127.0.0.1:{port}/postgres"),
    ],
)
def test_wrong_credentials_are_named_without_the_password(make_project, start_server, name, url):
    server = start_server(name)
    project = make_project()
    what = "broker" if name == "RabbitMq" else "ledger"
    project.settings[f"{what.upper()}_URL"] = url.format(port=server.port)
    project.write_settings()
    done = project.run("check", "--json", exit_code=1)
    (finding,) = [one for one in map(json.loads, done.stdout.splitlines()) if one["what"] == what]
    assert finding["state"] == "error"
    assert "s3cret" not in done.stdout + done.stderr
    words = ("ACCESS_REFUSED", "Access denied", 'role "nobody" does not exist')
    assert any(word in finding["detail"] for word in words)


@pytest.mark.parametrize("name", ["MariaDb", "PostgreSql"])
def test_unsafe_durability_is_warned_of(make_project, start_server, name):
    project = make_project(LEDGER_URL=start_server(name).new_ledger())
    found = [one["detail"] for one in project.rows("check") if one["what"] == "database"]
    # The tests' own PostgreSQL runs without fsync; MariaDB is as safe as it comes.
    assert [("fsync is off" in one) for one in found] == ([True] if name == "PostgreSql" else [])


def test_retries_that_end_soon_are_warned_of_in_production(make_project, start_server):
    project = make_project(LEDGER_URL=start_server("PostgreSql").new_ledger())
    (found,) = [one for one in project.rows("check") if one["what"] == "retries"]
    assert found["state"] == "warning"
    assert "RETRY_SCHEDULE = 'days' goes on for 3 d" in found["detail"]
    project.settings["RETRY_SCHEDULE"] = "days"
    project.write_settings()
    (found,) = [one for one in project.rows("check") if one["what"] == "retries"]
    assert (found["state"], found["detail"]) == ("ok", "14 retries within 3 d, then a dead letter")


def dbapi_connection(url):
    made = sa.make_url(url)
    if made.get_backend_name() == "postgresql":
        return psycopg.connect(
            host=made.host, port=made.port, user="postgres", dbname=made.database
        )
    return pymysql.connect(host=made.host, port=made.port, user="root", database=made.database)


@pytest.mark.parametrize("name", ["MariaDb", "PostgreSql"])
def test_a_dbapi_connection_carries_an_event(make_project, inbox, start_server, name):
    server = start_server(name)
    project = make_project(LEDGER_URL=server.new_ledger())
    project.run("subscribe", "order.created", inbox.url, "--secret", SECRET)
    connection = dbapi_connection(project.settings["LEDGER_URL"])
    with project.events() as events:
        kept = events.publish("order.created", {"n": "100 %"}, event_id="a", connection=connection)
        again = events.publish("order.created", {"n": "100 %"}, event_id="a", connection=connection)
        connection.commit()
        events.publish("order.created", {"n": 2}, connection=connection)
        connection.rollback()
        connection.close()
        assert again == kept
        with (
            dbapi_connection(server.new_database()) as empty,
            pytest.raises(ForeignTransaction, match="no ledger tables"),
        ):
            events.publish("order.created", {}, connection=empty)
    project.run("worker", "--drain")
    assert [one.event_id for one in inbox.accepted] == [str(kept)]
    assert inbox.accepted[0].data == {"n": "100 %"}
