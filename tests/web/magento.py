"""Requests as clients of mageos-async-events send them."""

from __future__ import annotations

from tests.web.serving import TARGET

SENT = {"event_name": "order.created", "recipient_url": TARGET, "metadata": "http"}
FIELDS = (
    *("subscription_id", "event_name", "recipient_url", "status", "subscribed_at"),
    *("modified", "store_id", "metadata"),
)
STEM = "searchCriteria[filter_groups][0][filters][0]"


def post(client, path="/async_event", code=200, params=None, **fields):
    answer = client.post(path, json={"asyncEvent": {**SENT, **fields}}, params=params)
    assert answer.status_code == code, answer.text
    return answer.json()


def put(client, number, code=200, params=None, **fields):
    body = {"asyncEvent": {"status": True, **fields}}
    answer = client.put(f"/async_event/{number}", json=body, params=params)
    assert answer.status_code == code, answer.text
    return answer.json()


def found(client, code=200, **criteria):
    answer = client.get("/async_events", params=criteria)
    assert answer.status_code == code, answer.text
    return answer.json()


def matching(client, field, value, condition):
    criteria = {f"{STEM}[field]": field, f"{STEM}[condition_type]": condition}
    if value is not None:
        criteria[f"{STEM}[value]"] = value
    return [one["subscription_id"] for one in found(client, **criteria)["items"]]
