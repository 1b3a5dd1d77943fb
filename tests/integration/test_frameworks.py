"""Services in frameworks, by the code of docs/how-to/frameworks.md: also when connections die."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
import sqlalchemy as sa

from asyncevents_core import AsyncEvents, NewSubscription
from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually

PAGE = Path(__file__).parents[2] / "docs/how-to/frameworks.md"
HOOKS = {
    found["kind"]: found["code"]
    for found in re.finditer(
        r"```python\n# shop_hooks\.py, for (?P<kind>.+?)\n(?P<code>.*?)```",
        PAGE.read_text(),
        re.DOTALL,
    )
}
COUNT = 12

DJANGO_SETTINGS = """
DATABASES = {{
    "default": {{
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": {port},
        "USER": "postgres",
        "NAME": "{name}",
        "CONN_MAX_AGE": None,
    }}
}}
INSTALLED_APPS = ["shop"]
USE_TZ = True
"""
DJANGO_MODELS = """
from django.db import models

class Order(models.Model):
    total = models.IntegerField()
"""
DJANGO_SERVICES = """
from shop.models import Order

def load_order(id: int) -> dict:
    return {"id": id, "total": Order.objects.get(pk=id).total}

async def load_order_async(id: int) -> dict:
    return {"id": id, "total": (await Order.objects.aget(pk=id)).total}
"""
SQLALCHEMY_SERVICES = """
import sqlalchemy as sa
engine = sa.create_engine({url!r})

def load_order(id: int) -> dict:
    with engine.connect() as connection:
        query = sa.text("SELECT total FROM shop_order WHERE id = :id")
        total = connection.execute(query, {{"id": id}})
        return {{"id": id, "total": total.scalar_one()}}
"""
FLASK_APP = """
from flask import Flask
app = Flask("shop")
ended = []

@app.teardown_appcontext
def note(error):
    ended.append(error)
"""
FLASK_SERVICES = """
from flask import current_app, g

def load_order(id: int) -> dict:
    fresh = "seen" not in g
    g.seen = True
    return {"id": id, "total": current_app.name, "fresh": fresh}

async def load_order_async(id: int) -> dict:
    return load_order(id)
"""
CONTAINER = """
from contextlib import contextmanager

class Container:
    inside = None

    def build(self, cls):
        return cls(self)

    @contextmanager
    def scope(self, name):
        self.inside = name
        try:
            yield
        finally:
            self.inside = None

container = Container()
"""
CONTAINER_SERVICES = """
class Orders:
    def __init__(self, container):
        self._container = container

    def load_order(self, id: int) -> dict:
        return {"id": id, "total": self._container.inside}
"""


@pytest.fixture
def shop(make_project, inbox):
    """Return a function that writes a shop and makes an application that publishes to it."""
    made = []

    def make(files, *, service="shop_services:load_order", **settings):
        definitions = {"order.created": {"service": service}}
        project = make_project(EVENTS=definitions, **settings)
        # Who publishes needs neither the hooks nor what they are for.
        events = AsyncEvents(project.settings)
        made.append(events)
        events.subscribe(
            NewSubscription(
                event_name="order.created", sink="http", target=inbox.url, secret=SECRET
            )
        )
        project.settings["PLUGINS"] = ["shop_hooks"]
        project.write_settings()
        for name, text in files.items():
            path = project.folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return project, events

    yield make
    for events in made:
        events.close()


def arrived(inbox):
    return {one.data["id"]: one.data for one in inbox.accepted}


def publish(events, numbers):
    events.publish_many([("order.created", {"id": number}) for number in numbers])


@pytest.fixture
def orders(start_server):
    """Return the URL of a PostgreSQL database with orders, and what ends all sessions in it."""
    server = start_server("PostgreSql")
    url = server.new_database()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE shop_order (id int PRIMARY KEY, total int)")
        connection.exec_driver_sql(
            f"INSERT INTO shop_order SELECT n, n * 10 FROM generate_series(0, {2 * COUNT}) n"
        )
    engine.dispose()
    administering = sa.create_engine(server.admin_url, isolation_level="AUTOCOMMIT")

    def end_sessions():
        with administering.connect() as connection:
            ended = connection.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                f"WHERE datname = '{sa.make_url(url).database}'"
            )
            assert len(ended.all()) >= 1, "no service had a connection"

    yield url, end_sessions
    administering.dispose()


@pytest.mark.parametrize("kind", ["thread", "process", "async", "SQLAlchemy"])
def test_a_database_that_ends_all_connections(shop, orders, inbox, kind):
    url, end_sessions = orders
    files = {
        "shop_hooks.py": HOOKS["Django"],
        "django_settings.py": DJANGO_SETTINGS.format(
            port=sa.make_url(url).port, name=sa.make_url(url).database
        ),
        "shop/__init__.py": "",
        "shop/models.py": DJANGO_MODELS,
        "shop_services.py": DJANGO_SERVICES,
    }
    if kind == "SQLAlchemy":
        files |= {"shop_hooks.py": "", "shop_services.py": SQLALCHEMY_SERVICES.format(url=url)}
    project, events = shop(
        files,
        service="shop_services:load_order_async" if kind == "async" else "shop_services:load_order",
        SERVICE_ISOLATION="process" if kind == "process" else "thread",
        SERVICE_THREADS=3,
    )
    project.start("worker", "--log-level", "error", DJANGO_SETTINGS_MODULE="django_settings")
    publish(events, range(COUNT))
    eventually(lambda: len(arrived(inbox)) == COUNT, what="the first ones arrive")
    end_sessions()
    publish(events, range(COUNT, 2 * COUNT))
    eventually(lambda: len(arrived(inbox)) == 2 * COUNT, what="the others arrive too")
    assert arrived(inbox) == {one: {"id": one, "total": one * 10} for one in range(2 * COUNT)}


@pytest.mark.parametrize("service", ["load_order", "load_order_async"])
def test_flask(shop, inbox, service):
    project, events = shop(
        {
            "shop_hooks.py": HOOKS["Flask"],
            "shop_app.py": FLASK_APP,
            "shop_services.py": FLASK_SERVICES,
        },
        service=f"shop_services:{service}",
    )
    publish(events, range(3))
    project.run("worker", "--drain")
    assert arrived(inbox) == {one: {"id": one, "total": "shop", "fresh": True} for one in range(3)}


def test_a_container(shop, inbox):
    project, events = shop(
        {
            "shop_hooks.py": HOOKS["a container"],
            "shop_container.py": CONTAINER,
            "shop_services.py": CONTAINER_SERVICES,
        },
        service="shop_services:Orders.load_order",
        SERVICE_THREADS=1,
    )
    publish(events, range(2))
    project.run("worker", "--drain")
    assert arrived(inbox) == {one: {"id": one, "total": "order.created"} for one in range(2)}


def test_a_process_that_cannot_be_prepared_does_not_start(shop):
    project, _ = shop({"shop_hooks.py": HOOKS["Django"]})
    # DJANGO_SETTINGS_MODULE names nothing.
    worker = project.start("worker", DJANGO_SETTINGS_MODULE="no_such_settings")
    _, errors = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 1
    assert "'shop_hooks' of the application (PLUGINS)" in errors
    assert "no_such_settings" in errors
    assert "Traceback" not in errors
