"""A token of a tenant borrows nothing of the operator's, by any route."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asyncevents_core import NewSubscription
from asyncevents_core.domain.allowance import SinkAllowance
from tests.web.serving import TARGET, serving

LENT = {"labels": ["prod-admin"]}
OWN = {"level": "high"}
SHELF = "shelf:orders"


def body(options=None, sink="shelf", target=SHELF, **more):
    made = {"event_name": "order.created", "recipient_url": target, "metadata": sink, **more}
    return {"asyncEvent": made if options is None else {**made, "options": options}}


def refused(answer, text):
    assert answer.status_code == 403, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert text in answer.json()["detail"]


@pytest.fixture
def acme(api):
    return api.client("manage", tenant="acme")


@pytest.fixture
def lent(api):
    """What the operator made for the tenant, with an identity of its own."""
    return api.events.subscribe(
        NewSubscription(
            event_name="order.created", sink="shelf", target=SHELF, tenant="acme", options=LENT
        )
    ).id


def test_a_tenant_subscribes_with_what_is_its_own(acme):
    made = acme.post("/async_event", json=body(OWN))
    assert made.status_code == 200, made.text


def test_a_tenant_borrows_nothing_when_it_subscribes(acme, api):
    answer = acme.post("/async_event", json=body(LENT))
    refused(answer, "tenant 'acme' may not use label:")
    assert api.client("all").post("/async_event", json=body(LENT)).status_code == 200


@pytest.mark.parametrize("method", ["put", "patch"])
def test_a_tenant_borrows_nothing_by_changing_what_is_its_own(acme, method):
    number = acme.post("/async_event", json=body(OWN)).json()["subscription_id"]
    change = {"options": LENT}
    if method == "put":
        change = {"asyncEvent": {"status": True, **change}}
    refused(getattr(acme, method)(f"/async_event/{number}", json=change), "may not use label:")
    details = acme.get(f"/async_event/{number}/details").json()
    assert details["options"] == OWN


@pytest.mark.parametrize(
    "change",
    [{"target": "shelf:elsewhere"}, {"options": {**LENT, "level": "high"}}],
)
def test_a_tenant_sends_nothing_elsewhere_with_what_was_lent(acme, lent, change):
    refused(acme.patch(f"/async_event/{lent}", json=change), "may not use label:")


def test_what_was_lent_can_be_used_otherwise(acme, lent):
    for change in ({"status": "disabled"}, {"maximum_deaths": 2}, {"options": LENT}):
        changed = acme.patch(f"/async_event/{lent}", json=change)
        assert changed.status_code == 200, changed.text
    changed = acme.patch(f"/async_event/{lent}", json={"sink": "http", "target": TARGET,
                                                       "options": {}})  # fmt: skip
    assert changed.status_code == 200, changed.text


def test_a_token_has_bounds_of_its_own(api):
    only = {"http": SinkAllowance(targets=("https://acme.example/*",))}
    client = api.client("create", sinks=only)
    refused(client.post("/async_event", json=body(OWN)), "this token may not use the sink 'shelf'")
    elsewhere = body(sink="http", target="https://evil.example/")
    refused(client.post("/async_event", json=elsewhere), "this token may not send to this target")
    made = client.post("/async_event", json=body(sink="http", target="https://acme.example/hook"))
    assert made.status_code == 200, made.text


def test_what_the_settings_lend(tmp_path: Path):
    rules = {
        "acme": {"shelf": {"targets": ["shelf:acme-*"], "privileges": ["label:*"]}},
        "*": {"shelf": {}},
    }
    with serving(tmp_path, TENANT_SINKS=rules) as api:
        acme = api.client("create", tenant="acme")
        made = acme.post("/async_event", json=body(LENT, target="shelf:acme-1"))
        assert made.status_code == 200, made.text
        refused(acme.post("/async_event", json=body(OWN)), "may not send to this target")
        http = body(sink="http", target=TARGET)
        refused(acme.post("/async_event", json=http), "may not use the sink 'http'")
        other = api.client("create", tenant="other")
        refused(other.post("/async_event", json=http), "tenant 'other' may not use the sink")


def test_the_bounds_of_tokens_are_listed(api):
    api.token("view", sinks={"http": SinkAllowance(targets=("https://*",))})
    (listed,) = [one for one in api.client("manage").get("/tokens").json()["items"]
                 if one["name"] == "view"]  # fmt: skip
    assert listed["sinks"] == {"http": {"targets": ["https://*"], "privileges": []}}
    assert json.dumps(listed)
