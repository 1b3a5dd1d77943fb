"""docs/how-to/move-from-mageos.md, typed in beside a shop: its database, queue and receivers."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack

import pytest
from attrs import evolve

from asyncevents_core.adapters.kombu.protocol import TRIGGER
from tests.docs.test_walkthroughs import ROOT, Terminal, steps_of
from tests.installing.installing import PIP, Installed, build_wheel
from tests.mageos import (
    KEY,
    ORDER,
    arrived,
    encrypted,
    php_receiver,
    publish,
    rest_api,
    shop_database,
    subscribe,
)
from tests.services.server import program

PAGE = "docs/how-to/move-from-mageos.md"
BROKER = "amqp://shop:password@rabbitmq.example:5672//"
SHOP = "https://shop.example"
MESSAGE = ["sales.order.created", json.dumps({"id": "42"}), "0"]
MODULES = {
    "app/code/Vendor/Points": ("vendor.points.changed", r"Vendor\Points\Balance", "load"),
    "vendor/mage-os/module-orders": (
        *("sales.order.created", r"Magento\Sales\Api\OrderRepositoryInterface"),
        "get",
    ),
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    build_wheel(ROOT, folder)
    build_wheel(ROOT / "plugins/asyncevents-http", folder)
    return folder


@pytest.fixture
def home(tmp_path):
    """A shop's folder."""
    folder = tmp_path / "home"
    for path, (name, service, method) in MODULES.items():
        etc = folder / path / "etc"
        etc.mkdir(parents=True)
        (etc / "async_events.xml").write_text(
            f'<config><async_event name="{name}"><service class="{service}" method="{method}"/>'
            "</async_event></config>"
        )
    (folder / "app/etc").mkdir()
    (folder / "app/etc/env.php").write_text(
        f"<?php\nreturn [\n    'crypt' => [\n        'key' => '{KEY}'\n    ]\n];\n"
    )
    return folder


def test_the_page_works_beside_a_shop(tmp_path, wheels, home, start_server):
    database, broker = start_server("MariaDb"), start_server("RabbitMq")
    broker.clear()
    installed = Installed(tmp_path, wheels)
    program("mysqldump")
    (home / ".my.cnf").write_text(f"[client]\nhost=127.0.0.1\nport={database.port}\nuser=root\n")
    with ExitStack() as stack:
        receiver = stack.enter_context(php_receiver(tmp_path))
        api, asked = stack.enter_context(rest_api())
        cursor = stack.enter_context(shop_database(database, "shop"))
        token = encrypted()
        subscribe(
            cursor,
            ("sales.order.created", receiver, token, 1, "2024-05-06 07:08:09", "http", 0),
            ("vendor.points.changed", receiver, token, 1, None, "http", 2),
        )
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ASYNCEVENTS_", "PYTHON", "VIRTUAL_ENV"))
        }
        environment = {
            **kept,
            "HOME": str(home),
            "PATH": f"{installed.python.parent}:/usr/bin:/bin",
            "PIP_FIND_LINKS": str(wheels),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **PIP,
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "200",
            # The receivers of the page are not on this machine.
            "ASYNCEVENTS_SINKS": '{"http": {"allow": ["127.0.0.0/8"]}}',
        }
        terminal = Terminal(home, environment)
        stack.callback(terminal.close)
        published = 0
        for step in steps_of(PAGE):
            text = step.text.replace(BROKER, broker.url).replace(SHOP, api)
            if text == "asyncevents worker --drain":
                # Somebody places an order.
                published += 1
                publish(broker.url, TRIGGER, MESSAGE)
            terminal.follow(evolve(step, text=text))
            if text == "asyncevents worker --drain":
                assert len(arrived(tmp_path)) == published
    assert published == 3
    assert [one["event"]["data"] for one in arrived(tmp_path)] == [ORDER] * 3
    assert {one["event"]["source"] for one in arrived(tmp_path)} == {"0"}
    assert set(asked) == {("/rest/V1/orders/42", "Bearer an-access-token")}
