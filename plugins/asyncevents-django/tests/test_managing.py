"""The ledger's tables through migrate, and the command line through manage.py."""

from __future__ import annotations

import json
import signal

import pytest

from django_projects import sqlite
from tests.integration.inbox import SECRET
from tests.integration.project import PATIENCE, eventually

THERE = (True, True)
"""A database has the ledger's tables, and says of which revision they are."""
NOT_THERE = (False, False)


@pytest.mark.parametrize("django", ["installed", "oldest"])
def test_migrate(request, make_shop, place, django):
    path = (request.getfixturevalue("oldest_django"),) if django == "oldest" else ()
    shop = make_shop(place, path=path)
    plan = shop.manage("migrate", "--plan")
    assert "Make or upgrade the ledger's tables" in plan
    assert shop.tables() == {"default": NOT_THERE}
    assert "Applying asyncevents_django.0001_ledger... OK" in shop.manage("migrate")
    assert shop.tables() == {"default": THERE}
    printed = shop.manage_all(
        ("migrate", "--plan"), ("makemigrations", "--check", "asyncevents_django")
    )
    assert "No planned migration operations" in printed
    assert "No changes detected in app 'asyncevents_django'" in printed


def test_a_newer_framework(make_shop):
    shop = make_shop()
    shop.manage("migrate")
    # As it was before the framework had its newest revision; Django has nothing to apply.
    shop.script(
        """
        from asyncevents_django import events
        from sqlalchemy import create_engine
        with create_engine(events().runtime.settings.ledger_url).begin() as connection:
            connection.exec_driver_sql("DROP TABLE asyncevents_alembic_version")
            for (name,) in connection.exec_driver_sql(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'asyncevents%'"
            ).all():
                connection.exec_driver_sql(f"DROP TABLE {name}")
        """
    )
    assert shop.tables() == {"default": NOT_THERE}
    printed = shop.manage("migrate", "-v", "2")
    assert "No migrations to apply" in printed
    assert "The ledger's tables are at revision" in printed
    assert shop.tables() == {"default": THERE}


def test_back_to_zero_keeps_the_events(make_shop):
    shop = make_shop().migrate()
    shop.script('from asyncevents_django import publish; publish("note.written", 1)')
    shop.manage_all(("migrate", "asyncevents_django", "zero"), ("migrate",))
    assert [one["data"] for one in shop.published()] == [1]


def test_several_databases(make_shop, tmp_path):
    databases = {"default": sqlite(tmp_path), "events": sqlite(tmp_path, "events.sqlite3")}
    shop = make_shop(databases=databases, LEDGER="events")
    shop.manage("migrate")
    assert shop.tables() == {"default": NOT_THERE, "events": NOT_THERE}
    shop.manage("migrate", "--database", "events")
    assert shop.tables() == {"default": NOT_THERE, "events": THERE}


def test_a_router_that_forbids(make_shop):
    shop = make_shop(after="DATABASE_ROUTERS = ['shop.routing.Nowhere']")
    shop.write(
        "shop/routing.py",
        """
        class Nowhere:
            def allow_migrate(self, db, app_label, **hints):
                return app_label != "asyncevents_django"
        """,
    )
    shop.manage("migrate")
    assert shop.tables() == {"default": NOT_THERE}


def test_the_command_line(shop, inbox):
    asyncevents = "asyncevents"
    shop.manage(asyncevents, "subscribe", "order.*", inbox.url, "--secret", SECRET)
    shop.script("from shop.models import Order; Order.objects.create(number=7)")
    shop.manage(asyncevents, "worker", "--drain", "--log-level", "error")
    (arrived,) = inbox.accepted
    assert arrived.data == {"id": 1}
    assert '"outcome": "delivered"' in shop.manage(asyncevents, "logs", "--json")
    (published,) = shop.manage(asyncevents, "published", "--json").splitlines()
    assert "Delivered" in shop.manage(asyncevents, "trace", json.loads(published)["event_id"])
    assert shop.manage(asyncevents, "dead-letters", "--json") == ""
    assert "Usage: manage.py asyncevents" in shop.manage(asyncevents, "--help")
    assert "no such command 'worke' (did you mean 'worker'" in shop.manage(
        asyncevents, "worke", exit_code=2
    )
    assert shop.manage(asyncevents, "worker", "--drain", "--settings", "shop_settings") == ""


def test_a_project_that_publishes_nothing_imports_no_library_for_it(shop):
    heavy = shop.script("import sys; print({'sqlalchemy', 'kombu', 'alembic'} & set(sys.modules))")
    assert heavy == "set()\n"


def test_another_folder_and_processes(make_shop, inbox, tmp_path):
    shop = make_shop(
        EVENTS={
            "order.created": {"service": "shop.services:order"},
            "order.deleted": {},
            "note.written": {},
        }
    )
    shop.write(
        "shop/services.py",
        """
        from shop.models import Order
        def order(id: int) -> dict[str, object]:
            return {"id": id, "number": Order.objects.get(pk=id).number}
        """,
    )
    shop.migrate()
    shop.manage("asyncevents", "subscribe", "order.created", inbox.url, "--secret", SECRET)
    worker = shop.start(
        str(shop.folder / "manage.py"),
        "asyncevents", "worker", "--processes", "2", "--log-level", "error",
        cwd=tmp_path,
        PYTHONPATH="",
    )  # fmt: skip
    shop.script(
        "from shop.models import Order\nfor n in range(20): Order.objects.create(number=n * 10)"
    )
    eventually(lambda: len(inbox.accepted) == 20, what="all orders arrive")
    assert sorted(one.data["number"] for one in inbox.accepted) == [n * 10 for n in range(20)]
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE) == 0


def test_without_manage_py(shop, inbox):
    shop.manage("asyncevents", "subscribe", "order.*", inbox.url, "--secret", SECRET)
    shop.script("from shop.models import Order; Order.objects.create(number=7)")
    arguments = ("-m", "asyncevents_core", "--settings", "asyncevents_django.project")
    shop.python(*arguments, "worker", "--drain", DJANGO_SETTINGS_MODULE="shop_settings")
    assert [one.data for one in inbox.accepted] == [{"id": 1}]


def test_call_command(shop):
    printed = shop.script(
        """
        from django.core.management import call_command
        from django.core.management.base import CommandError
        import io
        output = io.StringIO()
        call_command("asyncevents", "publish", "note.written", "{}", stdout=output)
        assert len(output.getvalue().strip()) == 36, output.getvalue()
        try:
            call_command("asyncevents", "publish", "nothing.known", "{}")
        except CommandError as error:
            print(error)
        """
    )
    assert "asyncevents publish nothing.known {}: failed" in printed
    assert len(shop.published()) == 1
