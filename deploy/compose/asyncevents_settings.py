"""Settings of the containers of compose.yaml. Passwords are in files, as Compose's secrets are."""

import os
from pathlib import Path

SECRETS = Path(os.environ.get("SHOP_SECRETS", "/run/secrets"))


def secret(name: str) -> str:
    """Return what the file of a secret says."""
    return (SECRETS / name).read_text(encoding="utf-8").strip()


def ledger_password() -> str:
    """Return the password of the database: asked each time a connection is made."""
    return secret("database_password")


def broker_password() -> str:
    """Return the password of the broker: asked each time a connection is made."""
    return secret("broker_password")


LEDGER_URL = os.environ.get("SHOP_LEDGER_URL", "postgresql://asyncevents@database/asyncevents")
LEDGER_OPTIONS = {"password": ledger_password}
BROKER_URL = os.environ.get("SHOP_BROKER_URL", "amqp://asyncevents@broker//")
BROKER_OPTIONS = {"password": broker_password}
SECRET_KEYS = secret("secret_keys").splitlines()

SOURCE = "https://shop.example"
EVENTS = {"sales.order.created": {"title": "An order was placed"}}
RETRY_SCHEDULE = "days"
LOG_CLEANUP_ENABLED = True
# The embedded index is a folder that one process feeds: the worker's, which the server searches.
INDEXERS = {"embedded": {"path": os.environ.get("SHOP_INDEX", "/var/lib/asyncevents/index")}}
