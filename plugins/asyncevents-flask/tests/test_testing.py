"""Tests of an application: what they publish is recorded, or stays in a database of the test."""

from __future__ import annotations

from tests.integration.folder import PYTEST

RECORDED = """
import pytest
from flask import abort
from shop import Order, create_app, db, events

@pytest.fixture
def app():
    app = create_app(TESTING=True, SQLALCHEMY_DATABASE_URI="sqlite://")

    @app.post("/<what>")
    def view(what):
        db.session.add(Order(number=1))
        events.publish("order.created", {"what": what})
        if what == "rollback":
            db.session.rollback()
        elif what == "savepoint":
            with pytest.raises(KeyError), db.session.begin_nested():
                events.publish("note.written", {})
                raise KeyError
        elif what == "refuse":
            abort(409)
        elif what == "raise":
            raise KeyError
        db.session.commit()
        return "", 204

    with app.app_context():
        db.create_all()
    return app

@pytest.mark.parametrize("what", ["commit", "savepoint"])
def test_what_is_committed(app, published_events, what):
    assert app.test_client().post(f"/{what}").status_code == 204
    published_events.assert_published("order.created", data={"what": what}, times=1)
    published_events.assert_published("note.written", times=0)

@pytest.mark.parametrize("what", ["rollback", "refuse", "raise"])
def test_what_is_undone(app, published_events, what):
    client = app.test_client()
    if what == "raise":
        with pytest.raises(KeyError):
            client.post("/raise")
    else:
        assert client.post(f"/{what}").status_code == {"rollback": 204, "refuse": 409}[what]
    published_events.assert_nothing_published()

def rows():
    text = "SELECT name FROM asyncevents_event ORDER BY id"
    return [name for (name,) in db.session.execute(db.text(text))]

def test_a_database_in_memory(app):
    with app.app_context():
        events.upgrade()
        assert events.upgrade() == events.upgrade()
        for what in ("commit", "rollback", "savepoint"):
            db.session.query(Order).delete()
            db.session.commit()
            app.test_client().post(f"/{what}")
        assert rows() == ["order.created", "order.created"]

def test_it_begins_empty(app):
    with app.app_context():
        events.upgrade()
        assert rows() == []
        # Nobody's broker hears of it.
        assert "asyncevents-flask-" in events.core.runtime.settings.broker_url
"""


def run_tests(shop, text, count, **extra):
    shop.write("test_shop.py", text)
    done = shop.python(*PYTEST, "test_shop.py", **extra)
    assert f"{count} passed" in done.stdout, done.stdout
    # The developer's own ledger is there, and nothing came into it.
    assert shop.published() == []


def test_recorded_and_in_memory(make_shop):
    run_tests(make_shop(BROKER_URL="amqp://127.0.0.1:1//").migrate(), RECORDED, 7)


ROLLED_BACK_AFTER_EACH_TEST = """
import pytest
from shop import Order, create_app, db, events

@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    app = create_app(TESTING=True, SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder}/test.db")

    @app.post("/")
    def view():
        db.session.add(Order(number=1))
        events.publish("order.created", {})
        db.session.commit()
        return "", 204

    with app.app_context():
        db.create_all()
        events.upgrade()
    return app

@pytest.fixture
def rolled_back(app):
    # Whatever the application commits is a savepoint of this transaction.
    with app.app_context():
        engine = db.engine
        with engine.connect() as connection, connection.begin() as transaction:
            db.engines[None] = connection
            db.session.configure(join_transaction_mode="create_savepoint")
            yield
            db.session.remove()
            transaction.rollback()
        db.engines[None] = engine

@pytest.mark.parametrize("again", [1, 2])
def test_in_the_test_database(app, rolled_back, again):
    assert app.test_client().post("/").status_code == 204
    count = db.text("SELECT count(*) FROM asyncevents_event")
    assert db.session.execute(count).scalar() == 1
    assert db.session.query(Order).count() == 1
"""


def test_a_transaction_around_each_test(shop):
    run_tests(shop, ROLLED_BACK_AFTER_EACH_TEST, 2)


DELIVERED = """
import json, time
import pytest
import recording
from asyncevents_core import NewSubscription
from shop import Order, create_app, db, events

@pytest.fixture
def target(request):
    return f"memory:{request.node.name}"

@pytest.fixture
def make_app(tmp_path, target):
    def make(**asyncevents):
        values = {
            "EVENTS": {"order.created": {"service": "shop_services:order"}},
            "PLUGINS": ["recording"],
            "INDEXER": None,
            **asyncevents,
        }
        uri = f"sqlite:///{tmp_path}/test.db"
        app = create_app(TESTING=True, SQLALCHEMY_DATABASE_URI=uri, ASYNCEVENTS=values)
        with app.app_context():
            db.create_all()
            events.upgrade()
            events.core.subscribe(
                NewSubscription(event_name="order.created", sink="recording", target=target)
            )
        return app

    return make

def received(target):
    return [json.loads(one.body)["data"] for one in recording.sink.recorder.requests_to(target)]

EXPECTED = {"id": 1, "number": 7, "app": "shop", "fresh": True}

def test_delivered_within_the_commit(make_app, target):
    with make_app(EAGER=True).app_context():
        db.session.add(Order(number=7))
        db.session.flush()
        events.publish("order.created", {"id": 1})
        db.session.commit()
        assert received(target) == [EXPECTED]
        events.core.close()

def test_a_real_worker(make_app, target):
    with make_app().app_context(), events.core.worker():
        db.session.add(Order(number=7))
        db.session.flush()
        number = events.publish("order.created", {"id": 1})
        db.session.commit()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if [one.summary for one in events.core.traces(number)] == ["Delivered"]:
                break
            time.sleep(0.05)
        assert received(target) == [EXPECTED]
"""
RECORDING = """
from asyncevents_core.plugin import hookimpl
from asyncevents_core.testing import RecordingSinkType
sink = RecordingSinkType()

@hookimpl
def asyncevents_register_sinks():
    return [sink]
"""


def test_services_in_tests(shop):
    shop.write("recording.py", RECORDING)
    run_tests(shop, DELIVERED, 2)
