"""A shop behind a real server, on PostgreSQL: nothing is lost, and nothing is there that was not.

The shop's own rows are what there should be events of: an order is published in its transaction.
"""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.integration.inbox import SECRET
from tests.integration.project import kill_tree
from tests.integration.storm import ShopServer, storm

VIEWS = """
import os, signal
from django.contrib import admin
from django.db import transaction
from django.http import HttpResponse
from django.urls import path
from asyncevents_django import publish
from shop.models import Order

class Undone(Exception):
    pass

def place(number):
    # Its decorator publishes order.created; this one publishes by itself.
    Order.objects.create(number=number)
    publish("note.written", {"number": number})

def order(request, number, what):
    try:
        with transaction.atomic():
            place(number)
            try:
                with transaction.atomic():
                    place(number + 1)
                    if what == "savepoint":
                        raise Undone
            except Undone:
                pass
            if what == "rollback":
                raise Undone
    except Undone:
        pass
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    return HttpResponse(status=204)

urlpatterns = [path("order/<int:number>/<str:what>", order)]
"""
ASGI = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop_settings")
from django.core.asgi import get_asgi_application
application = get_asgi_application()
"""
LOGGING = """
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"file": {"class": "logging.FileHandler", "filename": HERE / "errors.log"}},
    "loggers": {"django.request": {"handlers": ["file"], "level": "ERROR"}},
}
"""


@pytest.fixture
def busy(make_shop, make_place, start_server, inbox):
    shop = make_shop(
        make_place("PostgreSql"),
        BROKER_URL=start_server("Redis").url,
        after=LOGGING,
        EVENTS={
            "order.created": {},
            "order.deleted": {},
            "note.written": {},
        },
    )
    shop.write("shop_urls.py", VIEWS)
    shop.write("shop_asgi.py", ASGI)
    shop.migrate()
    for event in ("order.created", "note.written"):
        shop.manage("asyncevents", "subscribe", event, inbox.url, "--secret", SECRET)
    return shop


def numbers(shop):
    """Return the numbers of the orders that there are, by their primary keys."""
    known = shop.databases["default"]
    engine = sa.create_engine(
        f"postgresql+psycopg://{known['USER']}@{known['HOST']}:{known['PORT']}/{known['NAME']}"
    )
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT id, number FROM shop_order").all()
    engine.dispose()
    return dict(tuple(row) for row in rows)


def compare(shop, inbox):
    """Compare the shop's rows with the ledger's events, and these with what arrives."""
    orders, events = numbers(shop), shop.published()
    created = [one["data"]["id"] for one in events if one["event_name"] == "order.created"]
    noted = [one["data"]["number"] for one in events if one["event_name"] == "note.written"]
    assert sorted(created) == sorted(orders), "lost or phantom events of the decorator"
    assert sorted(noted) == sorted(orders.values()), "lost or phantom events of publish()"
    shop.manage("asyncevents", "worker", "--drain", "--log-level", "error")
    assert {one.event_id for one in inbox.accepted} == {one["event_id"] for one in events}
    return len(orders)


def test_nothing_is_lost_and_nothing_is_phantom(busy, inbox, start_server):
    def start(port):
        return busy.start(
            "-W", "ignore", "-m", "uvicorn", "shop_asgi:application", "--port", str(port),
            "--log-level", "critical", "--lifespan", "off",
        )  # fmt: skip

    server, log = ShopServer(start), busy.folder / "errors.log"
    wanted = storm(
        server,
        start_server("PostgreSql"),
        lambda: numbers(busy).values(),
        said=lambda: log.read_text()[-3000:],
    )
    kill_tree(server.process)
    assert compare(busy, inbox) > wanted
