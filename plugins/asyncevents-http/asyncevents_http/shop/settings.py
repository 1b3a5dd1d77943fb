"""The settings module of the shop: ASYNCEVENTS_SETTINGS_MODULE=asyncevents_http.shop.settings."""

import os

from asyncevents_http.shop.models import database_url

# The shop's own database is the ledger, so that orders and events commit together.
LEDGER_URL = database_url()
BROKER_URL = os.environ.get("SHOP_BROKER_URL", "sqla+sqlite:///shop-broker.db")
SOURCE = "/shop"
# The shop is there to be tried out, also by tests.
LEDGER_IN_TESTS = True

EVENTS = {
    "sales.order.created": {
        "service": "asyncevents_http.shop.orders:OrderRepository.get",
        "resources": ["sales"],
        "title": "An order was placed",
    },
    "sales.order.cancelled": {"resources": ["sales"], "title": "An order was cancelled"},
}
EVENT_MODULES = ["asyncevents_http.shop.customers"]

# A key for trying things out. Your own comes from the environment: ASYNCEVENTS_SECRET_KEYS.
SECRET_KEYS = ["ZXhhbXBsZS1rZXktb25seS1mb3ItdGhpcy1kZW1vISE="]

SINKS = {"http": {"allow": ["127.0.0.0/8", "::1/128", "localhost"]}}
