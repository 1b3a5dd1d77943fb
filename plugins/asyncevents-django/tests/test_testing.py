"""Tests of a project: what they publish is recorded, or stays in the test database."""

from __future__ import annotations

import pytest

from django_projects import sqlite
from tests.installing.beside import install_beside

TESTS = """
from django.db import transaction
from django.test import TestCase, TransactionTestCase
from asyncevents_core.errors import UnknownEvent
from asyncevents_django import PublishedAfterCommit, events, publish
from asyncevents_django.testing import PublishedEventsMixin
from shop.models import Order

class Both:
    def numbers(self):
        return [one.data for one in self.published_events.named("note.written")]

    def test_rollbacks(self):
        with transaction.atomic():
            publish("note.written", 1)
            try:
                with transaction.atomic():
                    publish("note.written", 2)
                    raise KeyError
            except KeyError:
                pass
            self.assertEqual(self.numbers(), [1])
        try:
            with transaction.atomic():
                publish("note.written", 3)
                raise KeyError
        except KeyError:
            pass
        publish("note.written", 4)
        self.assertEqual(self.numbers(), [1, 4])

    def test_models(self):
        order = Order.objects.create(number=7)
        self.published_events.assert_published("order.created", data={"id": order.pk}, times=1)
        with self.assertRaises(UnknownEvent):
            publish("nothing.known", {})

class Recorded(Both, PublishedEventsMixin, TestCase):
    @classmethod
    def setUpTestData(cls):
        publish("note.written", "of the class")

    def test_called_back(self):
        with self.assertWarns(PublishedAfterCommit):
            with self.captureOnCommitCallbacks(execute=True):
                transaction.on_commit(lambda: publish("note.written", 1))

class RecordedAndCommitted(Both, PublishedEventsMixin, TransactionTestCase):
    pass

def rows():
    from django.db import connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM asyncevents_event WHERE name = 'note.written'")
        return cursor.fetchone()[0]

class InTheTestDatabase(TestCase):
    def test_it_is_there(self):
        before = rows()
        publish("note.written", 1)
        self.assertEqual(rows(), before + 1)

    test_and_gone_with_its_test = test_it_is_there

class InTheTestDatabaseAndCommitted(TransactionTestCase):
    def test_it_is_there(self):
        before = rows()
        publish("note.written", 1)
        with transaction.atomic():
            publish("note.written", 2)
        self.assertEqual(rows(), before + 2)
        # Nobody's broker hears of it.
        url = events().runtime.settings.broker_url
        assert url.startswith("sqla+sqlite") and "asyncevents-django-" in url, url
"""


def run_tests(shop, *arguments, **extra):
    shop.write("shop/tests.py", TESTS)
    # The developer's own ledger is there, and nothing may come into it.
    assert shop.published() == []
    printed = shop.manage("test", "--noinput", *arguments, exit_code=None, **extra)
    assert "\nOK" in printed, printed
    assert "Ran 8 tests" in printed, printed
    assert shop.published() == []


def test_a_database_in_memory(shop):
    run_tests(shop, ASYNCEVENTS_BROKER_URL="amqp://127.0.0.1:1//")


def test_processes_side_by_side(shop):
    run_tests(shop, "--parallel", "2")


@pytest.mark.parametrize("kind", ["PostgreSql", "MariaDb"])
def test_a_server(make_shop, make_place, kind):
    run_tests(make_shop(make_place(kind), BROKER_URL="amqp://127.0.0.1:1//").migrate())


def test_the_oldest_django(make_shop, oldest_django):
    run_tests(make_shop(path=(oldest_django,)).migrate())


DELIVERED = """
import time
from django.test import TransactionTestCase
from asyncevents_core import NewSubscription
from asyncevents_django import events, publish
from asyncevents_core.testing import RecordingSinkType

class Delivered(TransactionTestCase):
    def test_a_worker_delivers(self):
        from shop import recording
        application = events()
        application.subscribe(
            NewSubscription(event_name="order.created", sink="recording", target="memory:a")
        )
        with application.worker():
            event_id = publish("order.created", {"id": 42})
            until = time.monotonic() + 60
            while time.monotonic() < until:
                if [one.summary for one in application.traces(event_id)] == ["Delivered"]:
                    break
                time.sleep(0.05)
        self.assertEqual(len(recording.sink.recorder.requests_to("memory:a")), 1)
"""
RECORDING = """
from asyncevents_core.plugin import hookimpl
from asyncevents_core.testing import RecordingSinkType
sink = RecordingSinkType()

@hookimpl
def asyncevents_register_sinks():
    return [sink]
"""


def test_a_worker_in_a_test(make_shop, tmp_path):
    database = {**sqlite(tmp_path), "TEST": {"NAME": str(tmp_path / "test.sqlite3")}}
    shop = make_shop(databases={"default": database}, PLUGINS=["shop.recording"]).migrate()
    shop.write("shop/tests.py", DELIVERED)
    shop.write("shop/recording.py", RECORDING)
    printed = shop.manage("test", "--noinput", exit_code=None)
    assert "\nOK" in printed, printed
    assert shop.published() == []


WITH_PYTEST = """
import pytest
from django.db import transaction
from asyncevents_django import publish
from shop.models import Order

@pytest.mark.django_db
def test_recorded(published_events):
    Order.objects.create(number=7)
    published_events.assert_published("order.created", times=1)
    with pytest.raises(KeyError), transaction.atomic():
        Order.objects.create(number=8)
        raise KeyError
    published_events.assert_published("order.created", times=1)

@pytest.mark.django_db(transaction=True)
def test_recorded_and_committed(published_events):
    Order.objects.create(number=7)
    published_events.assert_published("order.created", times=1)
"""
PROTECTED = """
from asyncevents_core.errors import LedgerProtected
import pytest


def test_the_ledger_of_the_settings_is_protected():
    import django
    django.setup()
    from asyncevents_django import events
    with pytest.raises(LedgerProtected):
        events().runtime.ledger
"""


def test_pytest_django(make_shop, tmp_path):
    extra = install_beside(tmp_path / "pytest-django", "pytest-django~=4.9", dependencies=False)
    shop = make_shop(path=(extra,)).migrate()
    shop.write("test_orders.py", WITH_PYTEST)
    printed = shop.python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_orders.py",
        DJANGO_SETTINGS_MODULE="shop_settings",
    ).stdout  # fmt: skip
    assert "2 passed" in printed
    assert shop.published() == []


def test_pytest_without_a_test_database(shop):
    shop.write("test_protected.py", PROTECTED)
    printed = shop.python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_protected.py",
        DJANGO_SETTINGS_MODULE="shop_settings",
    ).stdout  # fmt: skip
    assert "1 passed" in printed
