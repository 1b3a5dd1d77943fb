"""The shop of docs/examples behind gunicorn, on PostgreSQL: nothing is lost, nothing is phantom.

The application is made before gunicorn forks, and has published by then: each of its processes
begins with what the parent had open.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.integration.folder import Folder
from tests.integration.inbox import SECRET
from tests.integration.project import eventually, kill_tree
from tests.integration.storm import ShopServer, storm

EXAMPLE = Path(__file__).parents[3] / "docs/examples/flask-shop"
BUSY = """
import logging, os, signal
from shop import Order, create_app, db, events

# Into a file: nobody reads what it would print, and a pipe that is full holds it up.
logging.basicConfig(filename="errors.log")
app = create_app({"SQLALCHEMY_ENGINE_OPTIONS": {"pool_size": 10, "max_overflow": 10}})

class Undone(Exception):
    pass

def place(number):
    order = Order(number=str(number), total=1)
    db.session.add(order)
    db.session.flush()
    events.publish("shop.order.created", {"id": order.id})

@app.get("/order/<int:number>/<what>")
def order(number, what):
    place(number)
    try:
        with db.session.begin_nested():
            place(number + 1)
            if what == "savepoint":
                raise Undone
    except Undone:
        pass
    if what == "rollback":
        db.session.rollback()
    else:
        db.session.commit()
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    return "", 204

with app.app_context():
    db.session.execute(db.text("SELECT 1"))
    # Nobody has subscribed to this one.
    events.publish("shop.order.cancelled", {"id": os.getpid()}, session=None)
    db.session.remove()
    # As those have to do who use their engine before a fork.
    db.engine.dispose()
"""
PROCESSES = 3


class ForkingServer(ShopServer):
    """A server that replaces a process of its own which a request has killed."""

    def recover(self):
        assert self.process.poll() is None
        eventually(self._answers, what="the server answers again")


class BusyShop(Folder):
    """The example with a route for a storm, on its servers."""

    def __init__(self, folder, url, broker):
        shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "*.db*"))
        super().__init__(folder=folder)
        self.url = url
        self.places = {"SHOP_DATABASE_URL": url, "SHOP_BROKER_URL": broker}
        self.write("busy.py", BUSY)

    def flask(self, *arguments):
        command = ("-m", "flask", "--app", "shop:create_app", *arguments)
        return self.python(*command, **self.places).stdout

    def serve(self, port):
        return self.start(
            "-W", "ignore", "-m", "gunicorn", "busy:app", "--preload",
            "--workers", str(PROCESSES), "--threads", "16", "--bind", f"127.0.0.1:{port}",
            "--log-level", "critical",
            **self.places,
        )  # fmt: skip

    def orders(self):
        """Return the numbers of the orders that there are, by their primary keys."""
        engine = sa.create_engine(self.url)
        with engine.connect() as connection:
            rows = connection.exec_driver_sql('SELECT id, number FROM "order"').all()
        engine.dispose()
        return {key: int(number) for key, number in rows}

    def published(self):
        """Return what the ledger holds."""
        lines = self.flask("asyncevents", "published", "--json", "--limit", "10000").splitlines()
        return [json.loads(line) for line in lines]

    def compare(self, inbox):
        """Compare the rows with the ledger's events, and both with what arrives."""
        orders, events = self.orders(), self.published()
        created = [one for one in events if one["event_name"] == "shop.order.created"]
        assert sorted(one["data"]["id"] for one in created) == sorted(orders), "lost or phantom"
        assert len(events) - len(created) == 1, "the application was made once, before the fork"
        self.flask("asyncevents", "worker", "--drain", "--log-level", "error")
        assert {one.event_id for one in inbox.accepted} == {one["event_id"] for one in created}
        # What the service has loaded for each.
        assert {int(one.data["number"]) for one in inbox.accepted} == set(orders.values())
        return len(orders)


@pytest.fixture
def busy(tmp_path, start_server, inbox):
    url = start_server("PostgreSql").new_database()
    shop = BusyShop(tmp_path / "shop", url, start_server("Redis").url)
    shop.flask("create-tables")
    shop.flask("asyncevents", "db", "upgrade")
    shop.flask("asyncevents", "subscribe", "shop.order.created", inbox.url, "--secret", SECRET)
    yield shop
    shop.end()


def test_nothing_is_lost_and_nothing_is_phantom(busy, inbox, start_server):
    server, log = ForkingServer(busy.serve), busy.folder / "errors.log"
    wanted = storm(
        server,
        start_server("PostgreSql"),
        lambda: busy.orders().values(),
        said=lambda: log.read_text()[-3000:],
    )
    kill_tree(server.process)
    assert busy.compare(inbox) > wanted
