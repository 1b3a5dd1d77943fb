"""ASYNCEVENTS of app.config, and what is wrong with it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from asyncevents_core.errors import LedgerProtected, SettingsError
from asyncevents_core.settings.loading import load_settings
from asyncevents_flask import FlaskEvents
from asyncevents_flask.bridge import MODULE

EVENTS = {"note.written": {}}


@pytest.fixture
def make_app(tmp_path):
    """Return a function that makes applications; each has closed connections in the end."""
    made = []

    def make(asyncevents=None, *, database="shop.db", binds=None, **config):
        app = Flask(f"shop{len(made)}")
        app.config["ASYNCEVENTS"] = {"EVENTS": EVENTS} if asyncevents is None else asyncevents
        app.config.update(config)
        if database is not None:
            app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path}/{database}"
            app.config["SQLALCHEMY_BINDS"] = binds or {}
            SQLAlchemy(app)
        events = FlaskEvents(app)
        made.append((app, events))
        return app, events

    yield make
    for app, events in made:
        with app.app_context():
            events.core.close()
            if "sqlalchemy" in app.extensions:
                for engine in app.extensions["sqlalchemy"].engines.values():
                    engine.dispose()


def settings_of(app, events):
    with app.app_context():
        return events.core.runtime.settings


def published(events):
    ledger = events.core.runtime.ledger
    return ledger.read(lambda view: view.events.page(name=None, limit=10, before=None))


def test_the_database_of_the_session(make_app, tmp_path):
    found = settings_of(*make_app())
    assert found.ledger_url == f"sqlite:///{tmp_path}/shop.db"


def test_a_database_by_its_bind_key(make_app, tmp_path):
    binds = {"events": {"url": f"sqlite:///{tmp_path}/events.db"}}
    found = settings_of(*make_app({"EVENTS": EVENTS, "LEDGER": "events"}, binds=binds))
    assert found.ledger_url == f"sqlite:///{tmp_path}/events.db"


def test_a_ledger_of_its_own(make_app, tmp_path):
    app, events = make_app({"EVENTS": EVENTS, "LEDGER_URL": f"sqlite:///{tmp_path}/own.db"})
    with app.app_context():
        events.upgrade()
        number = events.publish("note.written", {})
        app.extensions["sqlalchemy"].session.rollback()
        assert events.core.traces(number) == []
        assert [one.id for one in published(events)] == [number]


def test_without_flask_sqlalchemy(make_app):
    app, events = make_app(database=None)
    assert settings_of(app, events).ledger_url == load_settings({}).ledger_url


@pytest.mark.parametrize(
    ("asyncevents", "database", "said"),
    [
        ({"LEDGER": "nowhere"}, "shop.db", "has no bind key 'nowhere'; it has None"),
        ({"LEDGER": "events"}, None, "which this application does not have"),
        ({"LEDGER": None, "LEDGER_URL": "sqlite:///x.db"}, "shop.db", "give one of the two"),
        (["EVENTS"], "shop.db", "it is a mapping of settings, or the name of a settings module"),
        ("no_such_settings", "shop.db", "no_such_settings"),
        ({"PERMITS": "many"}, "shop.db", "PERMITS"),
        ({"EVENTZ": {}}, "shop.db", "did you mean"),
    ],
)
def test_a_mistake(make_app, asyncevents, database, said):
    with pytest.raises(SettingsError, match=said):
        settings_of(*make_app(asyncevents, database=database))


def test_a_variable_that_leads_elsewhere(make_app, monkeypatch):
    monkeypatch.setenv("ASYNCEVENTS_LEDGER_URL", "sqlite:///other.db")
    assert settings_of(*make_app()).ledger_url == "sqlite:///other.db"
    with pytest.raises(SettingsError, match="ASYNCEVENTS_LEDGER_URL: LEDGER names the database"):
        settings_of(*make_app({"EVENTS": EVENTS, "LEDGER": None}))


SETTINGS = """
{before}
EVENTS = {{"note.written": {{}}}}
PERMITS = 7
OTHERS_OWN = 1
LEDGER = None
{after}
"""


@pytest.mark.parametrize(
    ("before", "after", "permits"),
    [("", "", 7), ("", "ASYNCEVENTS = {'EVENTS': EVENTS, 'PERMITS': 8}", 8)],
)
def test_a_settings_module(make_app, tmp_path, monkeypatch, before, after, permits):
    name = f"shop_settings_{permits}"
    (tmp_path / f"{name}.py").write_text(SETTINGS.format(before=before, after=after))
    monkeypatch.syspath_prepend(tmp_path)
    found = settings_of(*make_app(name))
    assert found.permits == permits
    assert found.ledger_url == f"sqlite:///{tmp_path}/shop.db"


def test_the_settings_module_of_the_environment(make_app, tmp_path, monkeypatch):
    (tmp_path / "shop_settings_of_environment.py").write_text(SETTINGS.format(before="", after=""))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ASYNCEVENTS_SETTINGS_MODULE", "shop_settings_of_environment")
    app, events = make_app()
    del app.config["ASYNCEVENTS"]
    assert settings_of(app, events).permits == 7
    monkeypatch.setenv("ASYNCEVENTS_SETTINGS_MODULE", "asyncevents_flask.project")
    app, events = make_app()
    del app.config["ASYNCEVENTS"]
    assert settings_of(app, events).permits == load_settings({}).permits


def test_keys_of_the_application(make_app):
    first = settings_of(*make_app(SECRET_KEY="one")).secret_keys
    assert len(first) == 1
    # The key was changed; the old one is a fallback.
    both = settings_of(*make_app(SECRET_KEY=b"two", SECRET_KEY_FALLBACKS=["one"])).secret_keys
    assert len(both) == 2
    assert both[1] == first[0]
    assert settings_of(*make_app()).secret_keys == ()
    own = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
    found = settings_of(*make_app({"SECRET_KEYS": own}, SECRET_KEY="one"))
    assert list(found.secret_keys) == own


def test_connect_args_that_workers_lack(make_app, caplog):
    options = {"SQLALCHEMY_ENGINE_OPTIONS": {"connect_args": {"factory": None, "timeout": 5}}}
    app, events = make_app(**options)
    settings_of(app, events)
    assert "without connect_args" in caplog.text
    assert caplog.records[-1].connect_args == "factory"
    caplog.clear()
    settings_of(*make_app({"EVENTS": EVENTS, "LEDGER_OPTIONS": {}}, **options))
    assert caplog.text == ""


def test_memory_is_no_place_for_a_ledger(tmp_path):
    app = Flask("shop")
    app.config.update(SQLALCHEMY_DATABASE_URI="sqlite://", ASYNCEVENTS={"EVENTS": EVENTS})
    SQLAlchemy(app)
    events = FlaskEvents(app)
    with app.app_context(), pytest.raises(SettingsError, match="the ledger needs a file"):
        events.core.runtime.ledger  # noqa: B018


def test_several_applications_have_one_object(tmp_path):
    db, events = SQLAlchemy(), FlaskEvents()
    apps = []
    for name in ("one", "two"):
        app = Flask(name)
        app.config.update(
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/{name}.db",
            ASYNCEVENTS={"EVENTS": {f"{name}.made": {}}},
        )
        # In either order.
        for extension in (events, db) if name == "one" else (db, events):
            extension.init_app(app)
        apps.append(app)
    for app in apps:
        with app.app_context():
            events.upgrade()
            events.publish(f"{app.name}.made", {})
            db.session.commit()
    for app in apps:
        with app.app_context():
            assert [one.name for one in published(events)] == [f"{app.name}.made"]
            events.core.close()
            for engine in db.engines.values():
                engine.dispose()


def test_mistakes_of_wiring(make_app):
    app, events = make_app()
    with pytest.raises(RuntimeError, match=r"init_app\(\) is called twice"):
        events.init_app(app)
    with pytest.raises(RuntimeError, match=r"with app\.app_context\(\):"):
        events.publish("note.written", {})
    other = Flask("other")
    with other.app_context(), pytest.raises(RuntimeError, match=r"call events\.init_app\(app\)"):
        events.publish("note.written", {})


PROTECTED = """
import pytest
from asyncevents_core.errors import LedgerProtected
from shop import create_app, db, events

app = create_app()

def test_an_application_that_is_made_at_import():
    with app.app_context(), pytest.raises(LedgerProtected):
        events.publish("note.written", {})
"""


def test_the_ledger_of_the_application_is_protected_in_tests(shop):
    shop.write("test_protected.py", PROTECTED)
    printed = shop.python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_protected.py"
    ).stdout
    assert "1 passed" in printed
    assert shop.published() == []


def test_publishing_imports_no_pages_and_no_worker(shop):
    code = (
        "import json, sys\nfrom shop import create_app, db, events\n"
        "app = create_app()\n"
        "with app.app_context():\n"
        "    events.publish('note.written', {}); db.session.commit()\n"
        "print(json.dumps([one for one in sys.modules if one.startswith('asyncevents')]))"
    )
    found = json.loads(shop.python("-c", code).stdout)
    assert not [
        one for one in found if one.startswith(("asyncevents_core.web", "asyncevents_core.cli"))
    ]


def test_the_module_without_an_application(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "asyncevents_core", "--settings", MODULE, "status"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Could not locate a Flask application" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_application_without_asyncevents(tmp_path):
    (tmp_path / "app.py").write_text("from flask import Flask\napp = Flask('bare')\n")
    done = subprocess.run(
        [sys.executable, "-m", "asyncevents_core", "--settings", MODULE, "status"],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "call events.init_app(app)" in done.stderr
    assert LedgerProtected.__name__ not in done.stderr
