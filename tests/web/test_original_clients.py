"""What clients of mageos-async-events send and expect, beyond the four plain requests."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.web.magento import FIELDS, SENT, STEM, found, matching, post, put
from tests.web.serving import TARGET


@pytest.fixture
def client(api):
    return api.client("manage")


# -- stores in paths --------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["default", "all", "en_US", "x", "Store2", "v1"])
def test_every_route_is_there_under_a_store_code(api, client, code):
    base = f"{api.address}/rest/{code}/V1"
    made = post(client, f"{base}/async_event")
    number = made["subscription_id"]
    assert client.get(f"{base}/async_event/{number}").json() == made
    assert client.get(f"{base}/async_events").json()["items"] == [made]
    body = {"asyncEvent": {"status": False}}
    assert client.put(f"{base}/async_event/{number}", json=body).json()["status"] is False
    assert client.get(f"{base}/logs").json()["items"] == []
    assert client.get(f"{base}/nothing").status_code == 404
    # The store of a subscription is what the body says, as in the original.
    assert made["store_id"] == 0


@pytest.mark.parametrize("code", ["2nd", "a-b", "ä", "async", "V1", "x" * 33, "a/b", "%2e"])
def test_what_is_no_store_code_is_no_route(api, client, code):
    assert client.get(f"{api.address}/rest/{quote(code, '/%')}/V1/async_events").status_code == 404


def test_a_store_code_needs_a_token_as_everything_does(api):
    assert api.client().get(f"{api.address}/rest/all/V1/async_events").status_code == 401
    viewer = api.client("view")
    answer = viewer.post(f"{api.address}/rest/all/V1/async_event", json={"asyncEvent": SENT})
    assert answer.status_code == 403


def test_the_same_request_is_the_same_with_and_without_a_store_code(api, client):
    body, keyed = {"asyncEvent": SENT}, {"Idempotency-Key": "once"}
    answers = [
        client.post(f"{api.address}/rest{code}/V1/async_event", json=body, headers=keyed)
        for code in ("", "/default", "/all")
    ]
    assert [one.json()["subscription_id"] for one in answers] == [1, 1, 1]


# -- bodies -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ignored",
    [
        {"extension_attributes": {}},
        {"extensionAttributes": []},
        {"extension_attributes": {"is_mine": {"deep": [1, "x"]}}},
        {"extension_attributes": None},
        {"custom_attributes": [{"attribute_code": "x", "value": "1"}]},
        {"modified": "2026-11-25 13:45:00", "subscribedAt": "2026-11-25 13:45:00"},
    ],
)
def test_what_magento_adds_is_ignored(client, ignored):
    made = post(client, **ignored)
    assert put(client, 1, **ignored) == made
    assert found(client)["items"] == [made]


@pytest.mark.parametrize("none", [{"subscription_id": 0}, {"subscriptionId": None}])
def test_no_id_is_none(client, none):
    post(client)
    assert post(client, **none)["subscription_id"] == 2


@pytest.mark.parametrize("name", ["subscription_id", "subscriptionId"])
@pytest.mark.parametrize("other", [2, "2", 99, 0, "0"])
def test_a_body_that_names_another_subscription_is_refused(client, name, other):
    first, second = post(client), post(client)
    refused = put(client, 1, code=400, status=False, **{name: other})
    assert [one["field"] for one in refused["errors"]] == ["asyncEvent.subscription_id"]
    assert "subscription 1" in refused["message"]
    assert found(client)["items"] == [first, second]
    own = put(client, 1, status=False, **{name: type(other)(1)})
    assert (own["subscription_id"], own["status"]) == (1, False)


def test_patch_refuses_the_same(client):
    post(client)
    refused = client.patch("/async_event/1", json={"subscription_id": 2, "status": "disabled"})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "subscription.subscription_id"
    shown = client.get("/async_event/1/details").json()
    assert client.patch("/async_event/1", json=shown).json() == shown


def test_post_with_an_id_changes_that_subscription(client):
    made = post(client)
    changed = post(client, subscription_id=1, status=False)
    assert changed == {**made, "status": False, "modified": changed["modified"]}
    assert found(client)["total_count"] == 1
    refused = post(client, code=400, subscription_id=1, status=None)
    assert refused["errors"] == [{"field": "asyncEvent.status", "message": "it is missing"}]
    assert post(client, code=404, subscription_id=7, status=True)["message"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [(True, True), (1, True), ("1", True), ("true", True), ("True", True), (False, False),
     (0, False), ("0", False), ("false", False)],
)  # fmt: skip
def test_flags_as_php_writes_them(client, sent, status):
    assert post(client, status=sent)["status"] is status


# -- a part of the answer ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields", ["event_name,status", "eventName,status", " event_name , status "]
)
def test_fields_of_one(client, fields):
    wanted = {"event_name": "order.created", "status": True}
    params = {"fields": fields}
    assert post(client, params=params) == wanted
    assert client.get("/async_event/1", params=params).json() == wanted
    assert put(client, 1, params=params) == wanted


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ("total_count", {"total_count": 2}),
        ("totalCount", {"total_count": 2}),
        ("items[subscription_id],total_count",
         {"items": [{"subscription_id": 1}, {"subscription_id": 2}], "total_count": 2}),
        ("items[id,event_name],total_count",
         {"items": [{"event_name": "order.created"}] * 2, "total_count": 2}),
        ("items[nothing]", {"items": [{}, {}]}),
        ("nothing", {}),
        ("nothing[at,all],total_count", {"total_count": 2}),
        ("total_count[deeper]", {"total_count": 2}),
        ("search_criteria[page_size]", {"search_criteria": {"page_size": 2}}),
        ("searchCriteria[sort_orders[direction],page_size]",
         {"search_criteria": {"sort_orders": [{"direction": "ASC"}], "page_size": 2}}),
        ("items[status],items[store_id]", {"items": [{"store_id": 0}] * 2}),
        ("items[]", {"items": [{}, {}]}),
        (",", {}),
    ],
)  # fmt: skip
def test_fields_of_a_list(client, fields, part):
    for _ in range(2):
        post(client)
    criteria = {
        "searchCriteria[sortOrders][0][field]": "subscription_id",
        "searchCriteria[sortOrders][0][direction]": "asc",
        "searchCriteria[pageSize]": "2",
    }
    assert found(client, fields=fields, **criteria) == part


@pytest.mark.parametrize("fields", ["", "  "])
def test_no_fields_are_all_fields(client, fields):
    post(client)
    assert set(client.get("/async_event/1", params={"fields": fields}).json()) == set(FIELDS)
    assert set(found(client, fields=fields)) == {"items", "search_criteria", "total_count"}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("items[status", "not closed"),
        ("items]", "was not opened"),
        ("[status]", "no name before"),
        ("items[[status]]", "no name before"),
        ("items status", "no comma"),
        ("items.status", "'.' is no part"),
        ("items[*]", "'*' is no part"),
        ("status;", "';' is no part"),
        ("étage", "is no part"),
        ("a[" * 1000, "not closed"),
    ],
)
def test_fields_that_cannot_be_read_are_refused_before_anything_is_done(client, fields, reason):
    refused = post(client, code=400, params={"fields": fields})
    assert refused["errors"][0]["field"] == "fields"
    assert reason in refused["errors"][0]["message"]
    assert found(client)["total_count"] == 0
    assert found(client, code=400, fields=fields)["message"] == refused["message"]


def test_fields_as_deep_as_a_path_allows(client):
    post(client)
    deep = "items[" + "a[" * 5000 + "b" + "]" * 5000 + ",status]"
    assert found(client, fields=deep) == {"items": [{"status": True}]}


def test_errors_are_whole_whatever_is_wanted(client):
    missing = client.get("/async_event/7", params={"fields": "status"})
    assert missing.status_code == 404
    assert missing.json()["message"]


# -- when it was modified ---------------------------------------------------------------------


def test_modified_is_the_time_of_the_last_change(client):
    for _ in range(3):
        assert post(client)["modified"] is None
    changed = put(client, 2, status=False)
    assert client.get("/async_event/2").json() == changed
    at = changed["modified"]
    assert matching(client, "modified", at, "eq") == [2]
    assert matching(client, "modified", at, "gteq") == [2]
    assert matching(client, "modified", "2020-01-01", "gt") == [2]
    assert matching(client, "modified", "2020-01-01", "lt") == []
    assert matching(client, "modified", f"{at[:10]}%", "like") == [2]
    assert matching(client, "modified", None, "null") == [1, 3]
    assert matching(client, "modified", None, "notnull") == [2]
    order = {"searchCriteria[sortOrders][0][field]": "modified"}
    first = found(client, **order, **{"searchCriteria[sortOrders][0][direction]": "Desc"})
    assert first["items"][0] == changed
    last = found(client, **order, **{"searchCriteria[sortOrders][0][direction]": "aSC"})
    assert last["items"][-1] == changed


def test_what_changes_nothing_does_not_modify(api, client):
    def modified_at():
        (one,) = api.events.subscriptions()
        return one.modified_at

    post(client)
    assert put(client, 1, status=True)["modified"] is None
    put(client, 1, status=False)
    once = modified_at()
    put(client, 1, status=False)
    assert modified_at() == once
    put(client, 1, status=True)
    assert modified_at() > once


def test_every_way_of_changing_modifies(api, client):
    numbers = [post(client)["subscription_id"] for _ in range(4)]
    client.patch(f"/async_event/{numbers[0]}", json={"rate_limit": 5})
    client.post(
        "/async_events/status", json={"subscription_ids": numbers[1:2], "status": "disabled"}
    )
    put(client, numbers[2], recipient_url=f"{TARGET}/new")
    assert matching(client, "modified", None, "notnull") == numbers[:3]


# -- errors -----------------------------------------------------------------------------------


def test_every_error_has_magentos_message(api, client):
    answers = [
        client.get("/async_event/7"),
        client.put("/async_event/7", json={"asyncEvent": {"status": True}}),
        client.put("/async_event/7", json={"asyncEvent": {}}),
        client.post("/async_event", json={"asyncEvent": {}}),
        client.post("/async_event", content=b"{"),
        client.get("/async_events", params={f"{STEM}[field]": "nothing"}),
        client.get("/nothing"),
        client.post("/async_events"),
        api.client().get("/async_events"),
        api.client("view").post("/async_event", json={"asyncEvent": SENT}),
    ]
    for answer in answers:
        assert answer.status_code >= 400
        message = answer.json()["message"]
        assert isinstance(message, str)
        assert message
