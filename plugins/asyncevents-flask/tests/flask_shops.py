"""Applications of Flask in folders of their own, worked on by `flask`."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from attrs import define, field

from tests.integration.folder import Folder
from tests.integration.project import Project

SHOP = '''
"""The shop."""
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from asyncevents_flask import FlaskEvents
{before}
db = SQLAlchemy()
events = FlaskEvents()


class Order(db.Model):
    __tablename__ = "shop_order"
    id = db.Column(db.Integer, primary_key=True)
    number = db.Column(db.Integer, unique=True, nullable=False)


def create_app(**config):
    app = Flask("shop")
    app.config.from_object("shop_config")
    app.config.update(config)
    db.init_app(app)
    events.init_app(app)
    with app.app_context():
        for engine in db.engines.values():
            prepare(engine)
    return app
'''
SERVER = """
def prepare(engine):
    pass
"""
# As docs/how-to/flask.md has it.
SQLITE = """
import sqlalchemy as sa

def prepare(engine):
    @sa.event.listens_for(engine, "connect")
    def do_not_begin(connection, record):
        connection.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def begin(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
"""
SERVICES = """
from flask import current_app, g
from shop import Order, db

def order(id: int) -> dict[str, object]:
    fresh = "seen" not in g
    g.seen = True
    found = db.session.get(Order, id)
    return {"id": id, "number": found.number, "app": current_app.name, "fresh": fresh}

async def order_async(id: int) -> dict[str, object]:
    return order(id)
"""
EVENTS: dict[str, Any] = {"order.created": {}, "note.written": {}}


@define(slots=False, kw_only=True)
class FlaskShop(Folder):
    """A folder with the shop in `shop.py`, and its configuration in `shop_config.py`.

    `migrated` returns a file of SQLite whose tables are there: to copy it takes less time than to
    make them.
    """

    config: dict[str, Any]
    asyncevents: dict[str, Any] = field(factory=dict)
    before: str = SERVER
    migrated: Callable[[], Path] | None = None

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.write("shop.py", SHOP.format(before=self.before))
        self.write("shop_services.py", SERVICES)
        self.write_config()

    def write_config(self) -> None:
        values = {**self.config, "ASYNCEVENTS": self.asyncevents}
        self.write("shop_config.py", "\n".join(f"{name} = {one!r}" for name, one in values.items()))

    def flask(self, *arguments: str, exit_code: int | None = 0, **extra: str) -> str:
        """Run `flask …` to its end; return what it printed."""
        command = ("-m", "flask", "--app", "shop:create_app", *arguments)
        done = self.python(*command, exit_code=exit_code, **extra)
        return done.stdout if exit_code == 0 else done.stdout + done.stderr

    def migrate(self) -> FlaskShop:
        """Make the tables of the shop, and the ledger's."""
        url = sa.make_url(self.config["SQLALCHEMY_DATABASE_URI"])
        apart = "SQLALCHEMY_BINDS" in self.config or url.get_backend_name() != "sqlite"
        # Another Flask makes them by itself.
        if self.migrated is not None and not self.path and not apart:
            shutil.copyfile(self.migrated(), str(url.database))
            return self
        self.script("db.create_all()")
        self.flask("asyncevents", "db", "upgrade")
        return self

    def script(self, text: str, **extra: str) -> str:
        """Run Python in a context of the application; return what it printed."""
        before = (
            "from shop import Order, create_app, db, events\n"
            "app = create_app()\n"
            "with app.app_context():\n"
        )
        code = before + textwrap.indent(textwrap.dedent(text), "    ")
        return self.python("-W", "error", "-c", code, **extra).stdout

    def published(self) -> list[dict[str, Any]]:
        """Return what the ledger holds, oldest first."""
        # Looked at without a process of Flask, which imports for longer than the look takes.
        apart = self.folder / "look"
        apart.mkdir(exist_ok=True)
        binds = self.config.get("SQLALCHEMY_BINDS", {})
        key = self.asyncevents.get("LEDGER")
        url = self.config["SQLALCHEMY_DATABASE_URI"] if key is None else binds[key]
        look = Project(apart, {"LEDGER_URL": url, "INDEXER": None})
        return look.rows("published", "--limit", "10000")[::-1]
