"""Operators see whose connections there are: the servers are asked."""

from __future__ import annotations

import json
import re
from contextlib import closing

import pymysql
import pytest
import redis
import sqlalchemy as sa

from tests.integration.project import PATIENCE, eventually
from tests.services.databases import MariaDb


class MariaDbThatWatches(MariaDb):
    """With performance_schema, which has what clients say of themselves."""

    @property
    def command(self):
        return [*super().command, "--performance-schema=ON"]


@pytest.fixture
def watching_mariadb():
    server = MariaDbThatWatches()
    server.start()
    yield server
    server.remove()


def postgresql_names(server):
    engine = sa.create_engine(server.admin_url)
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT application_name FROM pg_stat_activity")
        names = {row[0] for row in found}
    engine.dispose()
    return names


def mariadb_names(server):
    with closing(pymysql.connect(host="127.0.0.1", port=server.port, user="root")) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "SELECT attr_value FROM performance_schema.session_connect_attrs"
            " WHERE attr_name = 'program_name'"
        )
        return {row[0] for row in cursor.fetchall()}


def redis_names(server):
    with closing(redis.Redis(port=server.port)) as client:
        return {one["name"] for one in client.client_list()}


def rabbitmq_names(server):
    listed = server.control("list_connections", "client_properties")
    return set(re.findall(r'"connection_name","([^"]+)"', listed))


def roles(names, pid):
    """Return the roles of the names that a process's connections have."""
    found = (re.fullmatch(rf"asyncevents-(.+)-{pid}", one) for one in names)
    return {one[1] for one in found if one}


def run_worker(project, *options):
    worker = project.start("worker", *options)
    project.await_workers(1)
    return worker


def end(worker):
    worker.terminate()
    assert worker.wait(PATIENCE) == 0


def test_postgresql_and_rabbitmq(make_project, start_server):
    postgresql, rabbitmq = start_server("PostgreSql"), start_server("RabbitMq")
    rabbitmq.clear()
    project = make_project(LEDGER_URL=postgresql.new_database(), BROKER_URL=rabbitmq.url)
    worker = run_worker(project)
    assert roles(postgresql_names(postgresql), worker.pid) == {"worker"}
    eventually(lambda: roles(rabbitmq_names(rabbitmq), worker.pid) == {"worker"}, what="its name")
    end(worker)


def test_mariadb_and_redis(make_project, start_server, watching_mariadb):
    server = start_server("Redis")
    server.clear()
    project = make_project(LEDGER_URL=watching_mariadb.new_database(), BROKER_URL=server.url)
    worker = run_worker(project, "--consumers", "retry,trigger")
    # Consumers as they were named, so that operators find them again.
    wanted = {"worker-retry+trigger"}
    assert roles(mariadb_names(watching_mariadb), worker.pid) == wanted
    eventually(lambda: roles(redis_names(server), worker.pid) == wanted, what="its name")
    end(worker)


def test_a_broker_in_a_database(make_project, start_server):
    server = start_server("PostgreSql")
    project = make_project(BROKER_URL=f"sqla+{server.new_database()}")
    worker = run_worker(project)
    eventually(lambda: roles(postgresql_names(server), worker.pid) == {"worker"}, what="its name")
    end(worker)


APPLICATION = """
import json, os, time
from asyncevents_core import AsyncEvents

events = AsyncEvents()
events.publish("order.created", {})
child = os.fork()
if not child:
    events.publish("order.created", {})
    print(json.dumps(os.getpid()), flush=True)
    time.sleep(3600)
    os._exit(0)
print(json.dumps(os.getpid()), flush=True)
os.waitpid(child, 0)
"""


def test_an_application_and_its_child_have_two(make_project, start_server):
    server = start_server("PostgreSql")
    project = make_project(LEDGER_URL=server.new_database())
    (project.folder / "shop.py").write_text(APPLICATION)
    process = project.start_python("shop.py")
    pids = [json.loads(process.stdout.readline()) for _ in range(2)]
    names = postgresql_names(server)
    assert [roles(names, pid) for pid in pids] == [{"application"}, {"application"}]
    project.end()


def test_the_session_that_blocks_others_is_named_with_it(make_project, start_server):
    server = start_server("PostgreSql")
    project = make_project(LEDGER_URL=server.new_database())
    with project.events() as holding, project.events() as asking:
        locks = []

        def hold(tx):
            tx.trial.touch("asyncevents_task")
            locks.append(asking.runtime.ledger.read(lambda view: view.server.locks(idle=0.0)))

        holding.runtime.ledger.run(hold)
    (holder,) = locks[0].holders
    assert f", {holding.runtime.connection_name()}" in holder.who
