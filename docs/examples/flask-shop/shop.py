"""A shop in Flask: orders that publish events in the transaction of their rows."""

import os
from decimal import Decimal
from pathlib import Path

from flask import Blueprint, Flask, abort, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event

from asyncevents_flask import FlaskEvents
from asyncevents_flask.wsgi import mount

DATA_DIR = Path(os.environ.get("SHOP_DATA_DIR", Path(__file__).parent))

db = SQLAlchemy()
events = FlaskEvents()
orders = Blueprint("orders", __name__, cli_group=None)


class Order(db.Model):
    """What somebody has bought."""

    id = db.Column(db.Integer, primary_key=True)
    number = db.Column(db.String(20), unique=True, nullable=False)
    total = db.Column(db.Numeric(8, 2), nullable=False)
    cancelled = db.Column(db.Boolean, default=False, nullable=False)


def order_of(number: str) -> Order | None:
    """Return an order, locked until the transaction ends; None where there is none."""
    query = db.select(Order).filter_by(number=number).with_for_update()
    found: Order | None = db.session.scalars(query).one_or_none()
    return found


@orders.post("/orders")
def place() -> tuple[dict[str, int], int]:
    """Place an order. Its row and its event are committed together."""
    if order_of(request.form["number"]) is not None:
        abort(409)
    made = Order(number=request.form["number"], total=Decimal(request.form["total"]))
    db.session.add(made)
    db.session.flush()  # It has its id from here on.
    events.publish("shop.order.created", {"id": made.id})
    db.session.commit()
    return {"id": made.id}, 201


@orders.post("/orders/<number>/cancel")
def cancel(number: str) -> tuple[str, int]:
    """Cancel an order, once, and publish that."""
    found = order_of(number)
    if found is None:
        abort(404)
    if not found.cancelled:
        found.cancelled = True
        events.publish("shop.order.cancelled", {"id": found.id})
    db.session.commit()
    return "", 204


@orders.cli.command("create-tables")
def create_tables() -> None:
    """Make the tables of the shop."""
    db.create_all()


def create_app(config: dict[str, object] | None = None) -> Flask:
    """Make the application: `flask` and gunicorn find this function."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=os.environ.get("SHOP_SECRET_KEY", "for this example only: make one of your own"),
        SQLALCHEMY_DATABASE_URI=os.environ.get(
            "SHOP_DATABASE_URL", f"sqlite:///{DATA_DIR}/shop.db"
        ),
        ASYNCEVENTS={
            "SOURCE": "/shop",
            "BROKER_URL": os.environ.get("SHOP_BROKER_URL", f"sqla+sqlite:///{DATA_DIR}/broker.db"),
            "EVENTS": {
                "shop.order.created": {"service": "shop_services:order"},
                "shop.order.cancelled": {"service": "shop_services:order"},
            },
            # Recipients on this machine, for development.
            "SINKS": {"http": {"allow": ["127.0.0.1"]}},
        },
    )
    app.config.update(config or {})
    db.init_app(app)
    events.init_app(app)
    mount(app, "/events")
    app.register_blueprint(orders)
    with app.app_context():
        if db.engine.name == "sqlite":
            begin_early()
    return app


def begin_early() -> None:
    """Let transactions on SQLite wait for each other from their beginning."""

    @event.listens_for(db.engine, "connect")
    def do_not_begin(connection, record) -> None:  # type: ignore[no-untyped-def]
        connection.isolation_level = None

    @event.listens_for(db.engine, "begin")
    def begin(connection) -> None:  # type: ignore[no-untyped-def]
        connection.exec_driver_sql("BEGIN IMMEDIATE")
