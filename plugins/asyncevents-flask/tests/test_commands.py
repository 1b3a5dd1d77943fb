"""`flask asyncevents …`, and services in the application's context, however workers are started."""

from __future__ import annotations

import json
import signal

import pytest

from tests.installing.beside import install_beside
from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually

SERVED = {"order.created": {"service": "shop_services:order"}, "note.written": {}}
PUBLISH = """
for number in range({count}):
    order = Order(number=number * 10)
    db.session.add(order)
    db.session.flush()
    events.publish("order.created", {{"id": order.id}})
db.session.commit()
"""


def place_orders(shop, count):
    shop.script(PUBLISH.format(count=count))


def subscribed(shop, inbox):
    shop.migrate()
    shop.flask("asyncevents", "subscribe", "order.*", inbox.url, "--secret", SECRET)
    return shop


def data(inbox):
    return sorted((one.data for one in inbox.accepted), key=lambda one: one["id"])


def expected(count):
    return [
        {"id": number + 1, "number": number * 10, "app": "shop", "fresh": True}
        for number in range(count)
    ]


def test_the_command_line(make_shop, inbox):
    shop = make_shop()
    assert "asyncevents  Any command of asyncevents" in shop.flask("--help")
    subscribed(shop, inbox)
    place_orders(shop, 1)
    shop.flask("asyncevents", "worker", "--drain", "--log-level", "error")
    assert [one.data for one in inbox.accepted] == [{"id": 1}]
    assert '"outcome": "delivered"' in shop.flask("asyncevents", "logs", "--json")
    (published,) = shop.flask("asyncevents", "published", "--json").splitlines()
    assert json.loads(published)["data"] == {"id": 1}
    assert "Usage: python -m flask asyncevents" in shop.flask("asyncevents", "--help")
    said = shop.flask("asyncevents", "worke", exit_code=2)
    assert "no such command 'worke' (did you mean 'worker'" in said
    assert "unknown event" in shop.flask("asyncevents", "publish", "no.such", "{}", exit_code=1)
    assert shop.flask("asyncevents", "check", exit_code=None)


def test_the_oldest_flask(make_shop, inbox, oldest_flask):
    shop = subscribed(make_shop(EVENTS=SERVED, path=(oldest_flask,)), inbox)
    place_orders(shop, 3)
    shop.flask("asyncevents", "worker", "--drain", "--log-level", "error")
    assert data(inbox) == expected(3)
    found = shop.script("from importlib.metadata import version; print(version('flask'))")
    assert found.startswith("2.3")


@pytest.mark.parametrize("service", ["order", "order_async"])
@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_services_have_the_application(make_shop, inbox, service, isolation):
    shop = make_shop(
        EVENTS={"order.created": {"service": f"shop_services:{service}"}},
        SERVICE_ISOLATION=isolation,
        SERVICE_THREADS=2,
    )
    subscribed(shop, inbox)
    place_orders(shop, 4)
    shop.flask("asyncevents", "worker", "--drain", "--log-level", "error")
    assert data(inbox) == expected(4)


def test_another_folder_and_processes(make_shop, inbox, tmp_path):
    shop = subscribed(make_shop(EVENTS=SERVED), inbox)
    worker = shop.start(
        "-m", "flask", "--app", str(shop.folder / "shop.py"),
        "asyncevents", "worker", "--processes", "2", "--log-level", "error",
        cwd=tmp_path,
        PYTHONPATH=str(tmp_path),
    )  # fmt: skip
    place_orders(shop, 20)
    eventually(lambda: len(inbox.accepted) == 20, what="all orders arrive")
    assert data(inbox) == expected(20)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE) == 0


@pytest.mark.parametrize("arguments", [("--drain",), ("--drain", "--processes", "2")])
def test_without_flask(make_shop, inbox, arguments):
    shop = subscribed(make_shop(EVENTS=SERVED), inbox)
    place_orders(shop, 5)
    done = shop.python(
        "-m", "asyncevents_core", "--settings", "asyncevents_flask.project", "worker", *arguments,
        FLASK_APP="shop:create_app",
    )  # fmt: skip
    assert data(inbox) == expected(5)
    # Forked, and so they share memory.
    assert "share no memory" not in done.stderr


def test_plugins_of_the_application_stay(make_shop, inbox):
    shop = make_shop(EVENTS=SERVED, PLUGINS=["shop_hooks"])
    shop.write(
        "shop_hooks.py",
        """
        from contextlib import contextmanager
        from asyncevents_core.plugin import hookimpl

        @hookimpl
        def asyncevents_around_service():
            @contextmanager
            def around():
                with open("calls.txt", "a") as file:
                    file.write("called\\n")
                yield
            return around()
        """,
    )
    subscribed(shop, inbox)
    place_orders(shop, 2)
    shop.flask("asyncevents", "worker", "--drain", "--log-level", "error")
    assert data(inbox) == expected(2)
    assert (shop.folder / "calls.txt").read_text() == "called\n" * 2


IN_TESTS = """
from shop import create_app, db, events

def test_a_command(tmp_path):
    app = create_app(TESTING=True, SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/test.db")
    runner = app.test_cli_runner()
    assert runner.invoke(args=["asyncevents", "db", "upgrade"]).exit_code == 0
    published = runner.invoke(args=["asyncevents", "publish", "note.written", "{}"])
    assert len(published.output.strip()) == 36, published.output
    assert runner.invoke(args=["asyncevents", "publish", "no.such", "{}"]).exit_code == 1
"""


def test_the_runner_of_tests(shop):
    shop.write("test_commands.py", IN_TESTS)
    printed = shop.python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_commands.py",
        ASYNCEVENTS_LEDGER_IN_TESTS="true",
    ).stdout  # fmt: skip
    assert "1 passed" in printed
    assert shop.published() == []


MIGRATED = """
from asyncevents_core.alembic_support import include_name
from flask_migrate import Migrate
import shop

def create_app():
    app = shop.create_app()
    Migrate(app, shop.db, include_name=include_name)
    return app
"""


def test_flask_migrate_leaves_the_ledger_alone(make_shop, tmp_path):
    extra = install_beside(tmp_path / "flask-migrate", "flask-migrate~=4.0", dependencies=False)
    shop = make_shop(path=(extra,))
    shop.write("migrated.py", MIGRATED)
    shop.flask("asyncevents", "db", "upgrade")
    command = ("-m", "flask", "--app", "migrated:create_app", "db")
    shop.python(*command, "init")
    shop.python(*command, "migrate", "-m", "first")
    (revision,) = (shop.folder / "migrations/versions").glob("*.py")
    text = revision.read_text()
    assert "create_table('shop_order'" in text
    assert "asyncevents" not in text
    shop.python(*command, "upgrade")
    shop.script("events.publish('note.written', {}); db.session.commit()")
    assert len(shop.published()) == 1
