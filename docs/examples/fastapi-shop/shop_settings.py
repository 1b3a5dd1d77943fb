"""Settings of asyncevents for development; the environment has those of production."""

import os

LEDGER_URL = os.environ.get("SHOP_DATABASE_URL", "sqlite:///shop.db")
BROKER_URL = os.environ.get("SHOP_BROKER_URL", "sqla+sqlite:///shop-broker.db")
SOURCE = "/shop"
EVENTS = {
    "shop.order.created": {"title": "An order was placed"},
    "shop.order.cancelled": {"service": "shop_services:order"},
}
# For this example only: make one of your own.
SECRET_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
# Recipients on this machine, for development.
SINKS = {"http": {"allow": ["127.0.0.1"]}}
