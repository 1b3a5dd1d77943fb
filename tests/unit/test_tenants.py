"""Which tenants there can be, whoever names one."""

from __future__ import annotations

import pytest

from asyncevents_core import AsyncEvents, NewSubscription
from asyncevents_core.domain.limits import tenant_mistake
from asyncevents_core.errors import InvalidPayload, InvalidValue

TARGET = "https://example.com/hook"


@pytest.mark.parametrize("tenant", [None, "7", "acme", "a b", "ümlaut", "x" * 255])
def test_tenants(tenant):
    assert tenant_mistake(tenant) is None


# MariaDB compares "acme " as "acme": one tenant would see what is the other's.
WRONG = [("acme ", "space"), (" acme", "space"), ("", "1 to 255"), ("x" * 256, "1 to 255"),
         ("a\x00b", "printed"), ("\ud800", "printed")]  # fmt: skip


@pytest.mark.parametrize(("tenant", "text"), WRONG)
def test_no_tenants(events, tenant, text):
    with pytest.raises(InvalidPayload, match=text):
        events.publish("example.created", {}, tenant=tenant)
    with pytest.raises(InvalidValue, match=text):
        NewSubscription(event_name="example.created", sink="http", target=TARGET, tenant=tenant)


@pytest.mark.parametrize("event_id", ["", "1 ", "\n1", "x" * 256])
def test_no_event_ids(events, event_id):
    with pytest.raises(InvalidPayload, match="event_id must"):
        events.publish("example.created", {}, event_id=event_id)


@pytest.fixture
def events(tmp_path):
    settings = {"LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db", "EVENTS": {"example.created": {}}}
    with AsyncEvents(settings) as made:
        made.upgrade()
        yield made
