"""A shop moves here: its database is dumped, its queue is read, its receivers stay as they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid

import kombu
import pytest

from asyncevents_core.adapters.kombu.protocol import TRIGGER
from tests.integration.test_magento_messages import left
from tests.mageos import (
    KEY,
    ORDER,
    TOKEN,
    arrived,
    encrypted,
    php_receiver,
    publish,
    rest_api,
    shop_database,
    subscribe,
)
from tests.services.server import program

XML = """<?xml version="1.0"?>
<config xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
        xsi:noNamespaceSchemaLocation="urn:magento:module:MageOS_AsyncEvents:etc/async_events.xsd">
    <async_event name="sales.order.created">
        <service class="Magento\\Sales\\Api\\OrderRepositoryInterface" method="get"/>
    </async_event>
</config>
"""


@pytest.fixture
def shop(monkeypatch):
    """Run a shop's REST API; returns what it was asked for."""
    with rest_api() as (url, asked):
        monkeypatch.setenv("SHOP_URL", f"{url}/")
        monkeypatch.setenv("SHOP_TOKEN", "integration-token")
        yield asked


def take_over(project, *rows):
    """Move a shop's events and subscriptions into a project."""
    folder = project.folder
    (folder / "async_events.xml").write_text(XML)
    (folder / "env.php").write_text(f"<?php\nreturn ['crypt' => ['key' => '{KEY}']];\n")
    names = "subscription_id,event_name,recipient_url,verification_token,status,metadata,store_id"
    lines = [names, *(",".join(map(str, one)) for one in rows)]
    (folder / "subscribers.csv").write_text("\n".join(lines) + "\n")
    project.run("import-mageos", "async_events.xml", "--events-to", "shop_events.py")
    project.settings.update(
        EVENTS={}, EVENT_MODULES=["shop_events"], SOURCE="{store_id}", MAGENTO_MESSAGES_ENABLED=True
    )
    project.write_settings()
    sys.modules.pop("shop_events", None)
    project.run("import-mageos", "subscribers.csv", "--key-file", "env.php")


@pytest.mark.parametrize("broker_url", ["RabbitMq"], indirect=True)
def test_a_receiver_of_the_original_takes_what_the_shop_publishes(
    broker_url, make_project, tmp_path, shop
):
    project = make_project(BROKER_URL=broker_url)
    with php_receiver(tmp_path) as url:
        take_over(project, (7, "sales.order.created", url, encrypted(), 1, "http", 0))
        message = ["sales.order.created", json.dumps({"id": "42"}), "0"]
        publish(broker_url, TRIGGER, message)
        project.run("worker", "--drain")
    (one,) = arrived(tmp_path)
    event = one["event"]
    assert one["type"] == "application/json"
    assert {name: event[name] for name in ("specversion", "source", "type", "datacontenttype")} == {
        "specversion": "1.0",
        "source": "0",
        "type": "sales.order.created",
        "datacontenttype": "application/json",
    }
    assert event["data"] == ORDER
    assert shop == [("/rest/V1/orders/42", "Bearer integration-token")]
    assert [row["outcome"] for row in project.rows("logs")] == ["delivered"]


@pytest.mark.parametrize("broker_url", ["sqlite"], indirect=True)
def test_stores_are_tenants_and_sources(broker_url, make_project, tmp_path, shop):
    project = make_project(BROKER_URL=broker_url)
    with php_receiver(tmp_path) as url:
        token = encrypted()
        take_over(
            project,
            (1, "sales.order.created", url + "?all", token, 1, "http", 0),
            (2, "sales.order.created", url + "?two", token, 1, "http", 2),
            (3, "sales.order.created", url + "?three", token, 1, "http", 3),
            (4, "sales.order.created", url + "?off", token, 0, "http", 2),
        )
        project.run("publish", "sales.order.created", '{"id": 42}', "--tenant", "2")
        project.run("worker", "--drain")
    assert [one["event"]["source"] for one in arrived(tmp_path)] == ["2", "2"]
    targets = {row["target"].partition("?")[2] for row in project.rows("logs")}
    assert targets == {"all", "two"}


@pytest.mark.parametrize("broker_url", ["sqlite"], indirect=True)
def test_a_receiver_with_another_token_refuses(broker_url, make_project, tmp_path, shop):
    project = make_project(BROKER_URL=broker_url)
    with php_receiver(tmp_path, token="another") as url:
        take_over(project, (7, "sales.order.created", url, encrypted(), 1, "http", 0))
        project.run("publish", "sales.order.created", '{"id": 42}')
        project.run("worker", "--drain")
    assert arrived(tmp_path) == []
    assert {row["http_status"] for row in project.rows("logs")} == {401}


@pytest.mark.parametrize("broker_url", ["RabbitMq"], indirect=True)
def test_beside_the_original_each_has_a_queue_of_its_own(broker_url, make_project, tmp_path, shop):
    """By a copy of each message, until the receivers have moved one by one."""
    project = make_project(BROKER_URL=broker_url, BROKER_PREFIX="moving.")
    with php_receiver(tmp_path) as url:
        take_over(project, (7, "sales.order.created", url, encrypted(), 1, "http", 0))
        with kombu.Connection(broker_url) as connection:
            exchange = kombu.Exchange("magento", type="topic", durable=True)
            queue = kombu.Queue(f"moving.{TRIGGER}", exchange, routing_key=TRIGGER, durable=True)
            queue(connection.default_channel).declare()
        message = ["sales.order.created", json.dumps({"id": 42}), "0"]
        publish(broker_url, TRIGGER, message)
        project.run("worker", "--drain")
    assert len(arrived(tmp_path)) == 1
    # The original's consumer still has its own.
    assert [json.loads(one.body) for one in left(broker_url)] == [message]
    assert left(broker_url, f"moving.{TRIGGER}") == []


NASTY = 'https://example.com/it\'s?a="b"&c=\\d&e=`f`;--/*ä€😀*/'


@pytest.fixture
def database(start_server):
    server, name = start_server("MariaDb"), f"shop_{uuid.uuid4().hex[:8]}"
    with shop_database(server, name) as cursor:
        cursor.execute("CREATE TABLE other (a text, b blob)")
        cursor.execute("INSERT INTO other VALUES (%s, %s)", (NASTY, os.urandom(4096)))
        yield server, name, cursor


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--complete-insert", "--no-create-info"),
        ("--skip-extended-insert", "--skip-comments"),
        ("--hex-blob", "--compact"),
        ("--skip-quote-names", "--replace"),
    ],
    ids=lambda options: options[0] if options else "as it comes",
)
def test_a_dump_of_a_real_database(project, database, options):
    server, name, cursor = database
    rows = [
        ("order.created", NASTY, encrypted(), 1, "2024-05-06 07:08:09", "http", 0),
        ("order.created", "https://example.com/2", encrypted("it's\\"), 0, None, "http", 2),
    ]
    subscribe(cursor, *rows)
    tool = program("mariadb-dump")
    connect = ["--no-defaults", "--host=127.0.0.1", f"--port={server.port}", "--user=root"]
    done = subprocess.run(
        [tool, *connect, "--default-character-set=utf8mb4", *options, name],
        capture_output=True,
        timeout=120,
        check=True,
    )
    (project.folder / "shop.sql").write_bytes(done.stdout)
    (project.folder / "key").write_text(KEY)
    first, second = project.rows("import-mageos", "shop.sql", "--key-file", "key")
    assert (first["result"], second["result"]) == ("made", "made"), (first, second)
    with project.events() as events:
        kept = events.runtime.ledger.read(lambda view: view.subscriptions.all())
    assert [(one.target, one.secret, one.tenant, one.status.value) for one in kept] == [
        (NASTY, TOKEN, None, "enabled"),
        ("https://example.com/2", "it's\\", "2", "disabled"),
    ]
    assert kept[0].subscribed_at == 1_714_979_289_000_000
