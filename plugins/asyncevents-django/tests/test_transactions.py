"""publish() in the transaction that it is called in, on each database."""

from __future__ import annotations

import json

import pytest

TRANSACTIONS = """
import contextlib
from django.db import connection, transaction
from asyncevents_django import publish, publish_many
from shop.models import Note, Order

def note(kept):
    publish("note.written", {"kept": kept})

note("on its own")
publish_many([("note.written", {"kept": "both"}), ("note.written", {"kept": "both"})])
with contextlib.suppress(KeyError), transaction.atomic():
    note("no")
    raise KeyError
with transaction.atomic():
    note("outer")
    with contextlib.suppress(KeyError), transaction.atomic():
        note("no")
        with transaction.atomic():
            note("no")
        raise KeyError
    with transaction.atomic():
        note("inner")
    first = publish("note.written", {"kept": "once"}, event_id="x")
with transaction.atomic(durable=True):
    assert publish("note.written", {"kept": "once"}, event_id="x") == first
with transaction.atomic():
    note("no")
    transaction.set_rollback(True)
connection.set_autocommit(False)
note("no")
connection.rollback()
note("by hand")
connection.commit()
connection.set_autocommit(True)
order = Order.objects.create(number=1)
with contextlib.suppress(KeyError), transaction.atomic():
    Order.objects.create(number=2)
    raise KeyError
Order.objects.filter(number=1).update(number=3)
order.refresh_from_db()
order.save()
Order.objects.all().delete()
"""


@pytest.mark.parametrize("django", ["installed", "oldest"])
def test_what_is_published(request, make_shop, place, django):
    path = (request.getfixturevalue("oldest_django"),) if django == "oldest" else ()
    shop = make_shop(place, path=path).migrate()
    shop.script(TRANSACTIONS)
    found = shop.published()
    kept = [one["data"]["kept"] for one in found if one["event_name"] == "note.written"]
    assert sorted(kept) == sorted(
        ["on its own", "both", "both", "outer", "inner", "once", "by hand"]
    )
    orders = [
        (one["event_name"], list(one["data"]))
        for one in found
        if one["event_name"].startswith("order")
    ]
    assert orders == [("order.created", ["id"]), ("order.deleted", ["number"])]
    assert found[-1]["data"] == {"number": 3}


HANDED_OVER = """
import contextlib
from django.db import transaction
from asyncevents_core.plugin import EventsPublished, Observer
from asyncevents_django import publish
from asyncevents_django.bridge import bridge

told = []
publisher = bridge().events._ready_publisher()
submit = publisher._carrier.submit
publisher._carrier.submit = lambda ids: told.extend(ids)
with transaction.atomic():
    kept = publish("note.written", {})
    with contextlib.suppress(KeyError), transaction.atomic():
        publish("note.written", {})
        raise KeyError
    assert told == [], "before the commit"
assert told == [kept], told
alone = publish("note.written", {})
assert told == [kept, alone], told
"""


def test_the_broker_is_told_of_what_is_committed(make_shop, start_server):
    shop = make_shop(BROKER_URL=start_server("Redis").url).migrate()
    shop.script(HANDED_OVER)


ROW_AND_EVENT = """
from unittest import mock
from django.db import IntegrityError, connection
from shop.models import Order

Order.objects.create(number=1)
try:
    Order.objects.create(number=1)
except IntegrityError:
    pass
with mock.patch("asyncevents_django.on_models.publish", side_effect=KeyError):
    try:
        Order.objects.create(number=2)
    except KeyError:
        pass
assert not connection.in_atomic_block
assert [one.number for one in Order.objects.all()] == [1]
"""


def test_a_row_is_not_there_without_its_event(shop):
    shop.script(ROW_AND_EVENT)
    assert [one["event_name"] for one in shop.published()] == ["order.created"]


WHEN = """
import json
from django.core.management import call_command
from django.db import models
from asyncevents_django import publishes
from shop.models import Note

@publishes("note.written", on="created", data=lambda note: "created", tenant=lambda note: note.text)
@publishes("note.written", on="updated", data=lambda note: "updated")
@publishes("note.written", on="saved", data=lambda note: "saved")
class Proxy(Note):
    class Meta:
        proxy = True
        app_label = "shop"

one = Proxy.objects.create(text="acme")
one.save()
one.save(update_fields=["text"])
Note.objects.create(text="not a Proxy")
Proxy.objects.bulk_create([Proxy(text="no signal")])
for wrong in (lambda: publishes("x", on="bought"), lambda: publishes("x")(print)):
    try:
        wrong()
    except (ValueError, TypeError) as error:
        print(error)
class Abstract(models.Model):
    class Meta:
        abstract = True
        app_label = "shop"
try:
    publishes("x")(Abstract)
except TypeError as error:
    print(error)
"""


def test_when_models_publish(shop):
    printed = shop.script(WHEN)
    assert [one["data"] for one in shop.published()] == [
        "saved", "created", "saved", "updated", "saved", "updated",
    ]  # fmt: skip
    assert [one["tenant"] for one in shop.published()] == [None, "acme", None, None, None, None]
    assert "created, updated, saved, deleted" in printed
    assert "goes above the class of a model" in printed
    assert "Abstract is abstract" in printed


ASYNC = """
import asyncio
from asgiref.sync import sync_to_async
from django.db import transaction
from asyncevents_django import apublish, apublish_many, publish
from shop.models import Note

def write(fails):
    with transaction.atomic():
        Note.objects.create(text="in a function")
        publish("note.written", {"from": "a function"})
        if fails:
            raise KeyError

async def view():
    await apublish("note.written", {"from": "apublish"})
    await apublish_many([("note.written", {"from": "apublish_many"})])
    await sync_to_async(write)(False)
    try:
        await sync_to_async(write)(True)
    except KeyError:
        pass

asyncio.run(view())
"""


def test_asynchronous_code(shop):
    shop.script(ASYNC)
    assert [one["data"]["from"] for one in shop.published()] == [
        "apublish", "apublish_many", "a function",
    ]  # fmt: skip


WARNINGS = """
import json, warnings
from django.db import transaction
from asyncevents_django import publish

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("default")
    def later():
        publish("note.written", {"from": "on_commit"})
    for _ in range(3):
        with transaction.atomic():
            transaction.on_commit(later)
    transaction.on_commit(lambda: publish("note.written", {"from": "at once"}))
    with transaction.atomic(using="other"):
        publish("note.written", {"from": "another database"})
    with transaction.atomic(using="other"), transaction.atomic():
        publish("note.written", {"from": "both"})
print(json.dumps([(one.category.__name__, one.lineno, str(one.message)) for one in caught]))
"""


def test_what_can_be_lost_is_warned_of(make_shop, tmp_path):
    from django_projects import sqlite

    databases = {"default": sqlite(tmp_path), "other": sqlite(tmp_path, "other.sqlite3")}
    shop = make_shop(databases=databases).migrate()
    caught = json.loads(shop.script(WARNINGS))
    assert [one[0] for one in caught] == [
        "PublishedAfterCommit", "PublishedAfterCommit", "PublishedOutsideTransaction",
    ]  # fmt: skip
    # Of the place that calls publish(), so that each is told of once.
    lines = WARNINGS.splitlines()
    assert ["publish(" in lines[one[1] - 4] for one in caught] == [True] * 3
    assert "Call publish() within the transaction instead" in caught[0][2]
    assert "'other'" in caught[2][2]
    assert len(shop.published()) == 6
