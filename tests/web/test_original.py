"""The original's four routes, as its clients use them."""

from __future__ import annotations

import json

import pytest

from asyncevents_core import NewSubscription

TARGET = "https://example.com/order_created"
SENT = {
    "event_name": "order.created",
    "recipient_url": TARGET,
    "verification_token": "supersecret",
    "metadata": "http",
}
FIELDS = {
    "subscription_id",
    "event_name",
    "recipient_url",
    "status",
    "subscribed_at",
    "modified",
    "store_id",
    "metadata",
}


@pytest.fixture
def client(api):
    return api.client("manage")


def post(client, code=200, params=None, **fields):
    body = {"asyncEvent": {**SENT, **fields}}
    answer = client.post("/async_event", json=body, params=params)
    assert answer.status_code == code, answer.text
    return answer.json()


def test_post_get_and_put_answer_alike(client):
    made = post(client)
    assert set(made) == FIELDS
    assert made == {
        "subscription_id": 1,
        "event_name": "order.created",
        "recipient_url": TARGET,
        "status": True,
        "subscribed_at": made["subscribed_at"],
        "modified": None,
        "store_id": 0,
        "metadata": "http",
    }
    assert client.get("/async_event/1").json() == made
    changed = client.put("/async_event/1", json={"asyncEvent": {"status": False}})
    assert changed.status_code == 200
    modified = changed.json()["modified"]
    assert changed.json() == {**made, "status": False, "modified": modified}
    assert modified >= made["subscribed_at"]


def test_status_and_metadata_have_defaults(client):
    body = {"event_name": "order.created", "recipient_url": TARGET}
    made = client.post("/async_event", json={"asyncEvent": body}).json()
    assert (made["status"], made["metadata"]) == (True, "http")


def test_the_token_is_never_answered(api, client):
    post(client)
    texts = [
        client.get("/async_event/1").text,
        client.get("/async_events").text,
        client.get("/async_event/1/details").text,
        client.put("/async_event/1", json={"asyncEvent": {"status": True}}).text,
        client.get("/audit").text,
    ]
    assert not [text for text in texts if "supersecret" in text or "c3VwZXJzZWNyZXQ" in text]
    (one,) = api.events.subscriptions()
    assert one.secret == "supersecret"


def test_the_receivers_form_is_shown_to_who_asks(client):
    made = post(client, params={"show_secret": "true"})
    assert made["receiver_secret"] == "whsec_c3VwZXJzZWNyZXQ="
    generated = post(client, params={"show_secret": "true"}, verification_token=None)
    assert generated["receiver_secret"].startswith("whsec_")
    assert "receiver_secret" not in client.get("/async_event/1").json()


def test_put_merges(api, client):
    post(client, store_id=7)
    target = "https://example.com/other"
    fields = {"status": True, "recipient_url": target, "verification_token": None}
    changed = client.put("/async_event/1", json={"asyncEvent": fields}).json()
    assert (changed["recipient_url"], changed["store_id"]) == (target, 7)
    (one,) = api.events.subscriptions()
    assert (one.secret, one.tenant) == ("supersecret", "7")


def test_put_needs_the_status(client):
    post(client)
    refused = client.put("/async_event/1", json={"asyncEvent": {"metadata": "http"}})
    assert refused.status_code == 400
    assert refused.json()["errors"] == [{"field": "asyncEvent.status", "message": "it is missing"}]


def test_what_was_answered_can_be_put_back(client):
    made = post(client)
    answer = client.put("/async_event/1", json={"asyncEvent": made})
    assert answer.status_code == 200, answer.text
    assert answer.json() == made


def test_camel_case_and_numbers_for_flags(client):
    fields = {"eventName": "order.created", "recipientUrl": TARGET, "storeId": 3, "status": 0}
    made = client.post("/async_event", json={"async_event": fields}).json()
    assert (made["store_id"], made["status"]) == (3, False)


@pytest.mark.parametrize(("store_id", "tenant"), [(0, None), (1, "1"), (12, "12")])
def test_a_store_is_a_tenant(api, client, store_id, tenant):
    assert post(client, store_id=store_id)["store_id"] == store_id
    (one,) = api.events.subscriptions()
    assert one.tenant == tenant


@pytest.mark.parametrize("tenant", ["acme", "007", "-1", "99999999999"])
def test_a_tenant_that_is_no_number_has_no_store(client, tenant):
    assert post(client, tenant=tenant)["store_id"] is None


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"event_name": "order.craeted"}, "event_name", "did you mean 'order.created'"),
        ({"event_name": None}, "event_name", "missing"),
        ({"recipient_url": None}, "recipient_url", "missing"),
        ({"recipient_url": "nonsense"}, "recipient_url", "nonsense"),
        ({"recipient_url": "http://127.0.0.1/x"}, "recipient_url", "127.0.0.1"),
        ({"recipient_url": "x" * 2049}, "recipient_url", "2048"),
        ({"recipient_url": "https://e.com/\x00"}, "recipient_url", "printed"),
        ({"recipient_url": "https://e.com/\u200b"}, "recipient_url", "printed"),
        ({"verification_token": "whsec_***"}, "verification_token", "base64"),
        ({"verification_token": 7}, "verification_token", "expected str"),
        ({"metadata": "htp"}, "metadata", "'http'"),
        ({"tenant": "acme "}, "tenant", "begin or end with a space"),
        ({"tenant": ""}, "tenant", "1 to 255"),
        ({"status": "perhaps"}, "status", "expected bool"),
        ({"store_id": -1}, "store_id", "0"),
        ({"store_id": "x"}, "store_id", "expected int"),
        ({"store_id": 1, "tenant": "2"}, "store_id", "'2'"),
        ({"nonsense": 1}, "nonsense", "no such option"),
        ({"options": {"nonsense": 1}}, "options", "nonsense"),
        ({"jitter": 2}, "jitter", "0 to 1"),
        ({"schedule": []}, "schedule", "1 to 100"),
        ({"schedule": [-1]}, "schedule", "0 to"),
        ({"rate_limit": 0}, "rate_limit", "above 0"),
    ],
)
def test_what_is_wrong_is_named_with_its_field(client, fields, field, text):
    body = json.dumps({"asyncEvent": {**SENT, **fields}})
    refused = client.post("/async_event", content=body)
    assert refused.status_code == 400, refused.text
    problem = refused.json()
    assert [one["field"] for one in problem["errors"]] == [f"asyncEvent.{field}"]
    assert text in problem["errors"][0]["message"]
    assert problem["message"] == problem["detail"]
    assert client.get("/async_events").json()["total_count"] == 0


def test_all_mistakes_are_named_at_once(client):
    body = {"asyncEvent": {"event_name": 1, "recipient_url": 2, "nonsense": 3}}
    refused = client.post("/async_event", json=body).json()
    assert {one["field"] for one in refused["errors"]} == {
        "asyncEvent.event_name",
        "asyncEvent.recipient_url",
        "asyncEvent.nonsense",
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"NaN", "body"),
        (b"[" * 100_000, "body"),
        (b"\xff", "body"),
        (b"[]", "asyncEvent"),
        (b"{}", "asyncEvent"),
        (b'{"asyncEvent": 7}', "asyncEvent"),
        (b'{"asyncEvent": {}, "more": 1}', "more"),
    ],
)
def test_bodies_that_are_none(client, body, field):
    refused = client.post("/async_event", content=body)
    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/problem+json"
    assert [one["field"] for one in refused.json()["errors"]] == [field]


@pytest.mark.parametrize("number", ["0", "99", str(2**63), "-1", "x"])
def test_subscriptions_that_are_not_there(client, number):
    body = {"asyncEvent": {"status": True}}
    for answer in (
        client.get(f"/async_event/{number}"),
        client.put(f"/async_event/{number}", json=body),
        client.delete(f"/async_event/{number}"),
    ):
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_list_by_search_criteria(client):
    for number in range(5):
        post(client, store_id=number, status=number % 2 == 0)
    criteria = {
        "searchCriteria[filter_groups][0][filters][0][field]": "store_id",
        "searchCriteria[filter_groups][0][filters][0][value]": "1",
        "searchCriteria[filter_groups][0][filters][0][condition_type]": "gteq",
        "searchCriteria[filterGroups][1][filters][0][field]": "status",
        "searchCriteria[filterGroups][1][filters][0][value]": "1",
        "searchCriteria[filterGroups][1][filters][1][field]": "store_id",
        "searchCriteria[filterGroups][1][filters][1][value]": "3",
        "searchCriteria[sortOrders][0][field]": "store_id",
        "searchCriteria[pageSize]": "2",
        "searchCriteria[currentPage]": "1",
    }
    found = client.get("/async_events", params=criteria).json()
    assert [one["store_id"] for one in found["items"]] == [4, 3]
    assert found["total_count"] == 3
    assert found["search_criteria"]["page_size"] == 2
    assert [len(one["filters"]) for one in found["search_criteria"]["filter_groups"]] == [1, 2]
    second = client.get("/async_events", params={**criteria, "searchCriteria[currentPage]": "2"})
    assert [one["store_id"] for one in second.json()["items"]] == [2]


def test_a_list_without_criteria_is_everything(client):
    for _ in range(3):
        post(client)
    for query in ("", "?searchCriteria", "?searchCriteria=all", "?searchCriteria="):
        found = client.get(f"/async_events{query}").json()
        assert (len(found["items"]), found["total_count"]) == (3, 3)
        assert found["search_criteria"] == {"filter_groups": []}
        assert set(found["items"][0]) == FIELDS


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("searchCriteria[filter_groups][0][filters][0][field]", "nonsense"),
        ("searchCriteria[nonsense]", "1"),
        ("searchCriteria[pageSize]", "-1"),
        ("searchCriteria[pageSize", "1"),
        ("searchCriteria[sortOrders][0][direction]", "UP"),
    ],
)
def test_criteria_that_are_wrong_are_named(client, key, value):
    refused = client.get("/async_events", params={key: value})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"].startswith(key[:14])


def test_a_sink_that_is_not_installed_names_its_distribution(serve, monkeypatch):
    api = serve()
    # As if the distribution were not there.
    monkeypatch.delitem(api.events.runtime.plugins.sinks._entries, "kinesis", raising=False)
    refused = post(api.client("manage"), code=400, metadata="kinesis")
    assert "pip install asyncevents-aws" in refused["message"]
    assert refused["errors"][0]["field"] == "asyncEvent.metadata"


def test_what_can_be_delivered_no_more_can_be_disabled(api, client):
    gone = NewSubscription(event_name="order.gone", sink="gone", target="nowhere")
    number = api.ledger.run(lambda tx: tx.subscriptions.insert(gone))
    status = {"asyncEvent": {"status": False}}
    assert client.put(f"/async_event/{number}", json=status).json()["status"] is False
    moved = {"asyncEvent": {"status": False, "recipient_url": TARGET}}
    assert client.put(f"/async_event/{number}", json=moved).status_code == 400
    assert client.delete(f"/async_event/{number}").status_code == 204
