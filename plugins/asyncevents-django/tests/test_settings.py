"""ASYNCEVENTS of Django's settings, and what `manage.py check` says of it."""

from __future__ import annotations

import pytest

from asyncevents_core.settings.loading import load_settings
from django_projects import PYMYSQL, sqlite


def check(shop, *, exit_code=1):
    return shop.manage("check", exit_code=exit_code)


def test_mistakes_are_all_named(make_shop):
    printed = check(make_shop(PERMITS="many", EVENTZ={}, EVENTS={"order created": {}}))
    assert "(asyncevents.E001) ASYNCEVENTS: EVENTZ: no such setting (did you mean" in printed
    assert "ASYNCEVENTS: PERMITS" in printed
    assert "ASYNCEVENTS: EVENTS['order created']" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"LEDGER": "nowhere"}, "there is no database 'nowhere' in DATABASES; there are default"),
        ({"LEDGER": "default", "LEDGER_URL": "sqlite:///x.db"}, "give one of the two"),
        ({"EVENT_MODULES": ["no_such_module"]}, "no_such_module"),
        ({"PLUGINS": ["no_such_plugin"]}, "no_such_plugin"),
        ({"EVENTS": {"order.created": {}}}, "@publishes('order.deleted'): there is no such event"),
    ],
)
def test_a_mistake(make_shop, settings, said):
    printed = check(make_shop(**settings))
    assert said in printed
    assert "asyncevents.E00" in printed
    assert "Traceback" not in printed


def test_settings_that_are_no_mapping(make_shop):
    printed = check(make_shop(after="ASYNCEVENTS = ['EVENTS']"))
    assert "it is a mapping of settings, not list" in printed


def test_a_variable_that_leads_elsewhere(make_shop):
    shop = make_shop(LEDGER="default")
    printed = shop.manage("check", exit_code=1, ASYNCEVENTS_LEDGER_URL="sqlite:///other.db")
    assert "ASYNCEVENTS_LEDGER_URL: LEDGER names the database already" in printed


def test_variables_replace_settings(make_shop):
    printed = make_shop().manage("check", exit_code=1, ASYNCEVENTS_PERMITS="many")
    assert "ASYNCEVENTS_PERMITS" in printed


def test_a_ledger_of_its_own(make_shop, tmp_path):
    shop = make_shop(LEDGER_URL=f"sqlite:///{tmp_path}/apart.db", EVENTS={"note.written": {}})
    shop.write("shop/models.py", "")
    printed = check(shop, exit_code=None)
    assert "(asyncevents.W002)" in printed
    assert "not part of Django's transactions" in printed
    shop.manage("asyncevents", "db", "upgrade")
    shop.script('from asyncevents_django import publish; publish("note.written", 1)')
    assert [one["data"] for one in shop.published()] == [1]


def test_rows_in_another_database(make_shop, tmp_path):
    databases = {"default": sqlite(tmp_path), "events": sqlite(tmp_path, "events.sqlite3")}
    printed = check(make_shop(databases=databases, LEDGER="events"), exit_code=None)
    assert "shop.Order: (asyncevents.W003)" in printed
    assert "its rows are in 'default', and its events in 'events'" in printed


def test_an_oracle_is_refused(make_shop, tmp_path):
    # A backend of somebody else's: SQLite by another name.
    shop = make_shop(databases={"default": {"ENGINE": "odd", "NAME": str(tmp_path / "odd.db")}})
    shop.write("odd/__init__.py", "")
    shop.write(
        "odd/base.py",
        """
        from django.db.backends.sqlite3 import base
        class DatabaseWrapper(base.DatabaseWrapper):
            vendor = "oracle"
        """,
    )
    assert "the ledger can be on PostgreSQL, MySQL, MariaDB and SQLite, not on oracle" in check(
        shop
    )


def test_memory_is_no_place_for_a_ledger(make_shop):
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    assert "the ledger needs a file, since workers share it" in check(
        make_shop(databases={"default": database})
    )


URL = """
from asyncevents_django.bridge import bridge
print(bridge().values()["LEDGER_URL"])
"""
POSTGRESQL = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "shop",
    "USER": "me@here",
    "PASSWORD": "p/w:ü",
}
MYSQL = {**POSTGRESQL, "ENGINE": "django.db.backends.mysql"}


@pytest.mark.parametrize(
    ("database", "url"),
    [
        (POSTGRESQL, "postgresql+psycopg://me%40here:p%2Fw%3A%C3%BC@/shop"),
        (
            {**POSTGRESQL, "HOST": "db", "PORT": "6432", "OPTIONS": {"sslmode": "require"}},
            "postgresql+psycopg://me%40here:p%2Fw%3A%C3%BC@db:6432/shop?sslmode=require",
        ),
        (
            {"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "HOST": "/run/pg"},
            "postgresql+psycopg:///shop?host=%2Frun%2Fpg",
        ),
        (
            {
                "ENGINE": "django.db.backends.postgresql",
                "OPTIONS": {"service": "shop", "pool": True},
            },
            "postgresql+psycopg://?service=shop",
        ),
        (
            {**MYSQL, "OPTIONS": {"ssl": {"ca": "/ca.pem"}, "charset": "utf8mb4"}},
            "mysql+pymysql://me%40here:p%2Fw%3A%C3%BC@/shop?ssl_ca=%2Fca.pem",
        ),
        (
            {**MYSQL, "HOST": "/run/mysqld.sock"},
            "mysql+pymysql://me%40here:p%2Fw%3A%C3%BC@/shop?unix_socket=%2Frun%2Fmysqld.sock",
        ),
    ],
)
def test_the_address_of_a_database(make_shop, database, url):
    printed = make_shop(databases={"default": database}, before=PYMYSQL).script(URL).strip()
    assert printed == url
    assert load_settings({"LEDGER_URL": url}).ledger_url == url


def test_options_that_workers_connect_without(make_shop):
    database = {**POSTGRESQL, "OPTIONS": {"assume_role": "shop", "sslmode": "require"}}
    printed = check(make_shop(databases={"default": database}), exit_code=None)
    assert "(asyncevents.W001)" in printed
    assert "without these OPTIONS: assume_role" in printed


def test_not_installed(make_shop):
    shop = make_shop(after="INSTALLED_APPS.remove('asyncevents_django')")
    done = shop.python(
        "-c",
        "import django; django.setup()\nfrom asyncevents_django import publish; publish('x', 1)",
        exit_code=1,
        DJANGO_SETTINGS_MODULE="shop_settings",
    )
    assert 'INSTALLED_APPS += ["asyncevents_django"]' in done.stderr


def test_the_module_without_a_project(make_shop):
    # In a process of its own: nothing has set up Django there.
    arguments = ("-m", "asyncevents_core", "--settings", "asyncevents_django.project", "status")
    done = make_shop().python(*arguments, exit_code=None)
    assert done.returncode == 1
    assert "DJANGO_SETTINGS_MODULE" in done.stderr
    assert "Traceback" not in done.stderr
