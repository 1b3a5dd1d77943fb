"""Publishing over HTTP: in our words, and as CloudEvents in all of their modes."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from asyncevents_core.domain.foreign_event import MOST_EVENTS, ForeignEvent
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.loading import load_settings
from asyncevents_core.testing import MemoryBroker
from asyncevents_core.web.publishing import WebPublisher
from tests.ledgers import put_ledger
from tests.web.serving import OPERATOR, settings
from tests.web.test_problems import check

OWN = {"event_name": "order.created", "data": {"id": 42}}
CLOUD = {
    "specversion": "1.0",
    "type": "order.created",
    "source": "https://shop.example/orders",
    "id": "1",
    "data": {"id": 42},
}
BINARY = {
    "ce-specversion": "1.0",
    "ce-type": "order.created",
    "ce-source": "https://shop.example/orders",
    "ce-id": "1",
    "Content-Type": "application/json",
}
STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


@pytest.fixture
def client(api):
    return api.client("publish")


def published(api):
    found = api.ledger.read(lambda view: view.events.page(name=None, limit=5000, before=None))
    return list(found)[::-1]


def data_of(api):
    return [json.loads(one.published) for one in published(api)]


def ids_of(answer):
    assert answer.status_code == 202, answer.text
    return [UUID(one) for one in answer.json()["event_ids"]]


def refused(answer, status):
    """Return the field of the only mistake, and what is said of it."""
    problem = check(answer, status)
    (error,) = problem["errors"]
    return error["field"], error["message"]


# -- what is taken ----------------------------------------------------------------------------


def test_one_event(api, client):
    (made,) = ids_of(client.post("/events", json={**OWN, "tenant": "7", "event_id": "mine"}))
    (event,) = published(api)
    assert (event.id, event.name, event.tenant, event.external_id) == (
        made,
        "order.created",
        "7",
        "mine",
    )
    assert json.loads(event.published) == {"id": 42}
    assert event.state == "open"


@pytest.mark.parametrize("data", [None, 7, "text", [], {}, [1, {"x": None}], "\N{SNOWMAN}"])
def test_data_is_any_json(api, client, data):
    ids_of(client.post("/events", json={**OWN, "data": data}))
    assert data_of(api) == [data]


def test_a_list_is_in_order(api, client):
    sent = [{**OWN, "data": number} for number in range(MOST_EVENTS)]
    made = ids_of(client.post("/events", json=sent))
    assert [one.id for one in published(api)] == sorted(made) == made
    assert data_of(api) == list(range(MOST_EVENTS))


def test_a_cloud_event(api, client):
    body = json.dumps({**CLOUD, "tenant": "7", "subject": "42", "time": "2026-11-25T00:00:00Z"})
    (made,) = ids_of(client.post("/events", content=body, headers=STRUCTURED))
    (event,) = published(api)
    assert (event.id, event.tenant) == (made, "7")
    assert event.external_id == "cloudevent:https://shop.example/orders 1"
    assert data_of(api) == [{"id": 42}]


def test_a_binary_cloud_event(api, client):
    headers = {**BINARY, "ce-tenant": "K%C3%B6ln", "ce-subject": "%E2%82%AC", "ce-id": "a%20b"}
    ids_of(client.post("/events", content=b'{"id": 42}', headers=headers))
    (event,) = published(api)
    assert event.tenant == "K\u00f6ln"
    assert event.external_id == "cloudevent:https://shop.example/orders a b"
    assert data_of(api) == [{"id": 42}]


def test_the_data_of_a_binary_one_may_be_a_list(api, client):
    ids_of(client.post("/events", content=b"[1, 2]", headers=BINARY))
    assert data_of(api) == [[1, 2]]


def test_a_batch_of_cloud_events(api, client):
    body = json.dumps([{**CLOUD, "id": str(number)} for number in range(3)])
    made = ids_of(client.post("/events", content=body, headers=BATCH))
    assert [one.id for one in published(api)] == made
    assert len(made) == 3


def test_one_that_comes_again_in_any_mode_is_the_same_event(api, client):
    body = json.dumps(CLOUD)
    made = [
        *ids_of(client.post("/events", content=body, headers=STRUCTURED)),
        *ids_of(client.post("/events", content=body, headers=STRUCTURED)),
        *ids_of(client.post("/events", content=f"[{body}, {body}]", headers=BATCH)),
        *ids_of(client.post("/events", content=b'{"id": 42}', headers=BINARY)),
    ]
    assert len(set(made)) == 1
    assert len(published(api)) == 1


def test_what_was_published_is_found_by_its_id(api, client):
    (made,) = ids_of(client.post("/events", json=OWN))
    assert api.client("logs").get(f"/events/{made}").json()["data"] == {"id": 42}


# -- what is refused --------------------------------------------------------------------------


def test_other_content_under_the_same_id_is_a_conflict(api, client):
    ids_of(client.post("/events", json={**OWN, "event_id": "mine"}))
    other = {**OWN, "data": {}, "event_id": "mine"}
    answer = client.post("/events", json=[OWN, other])
    assert refused(answer, 409)[0] == "events[1].event_id"
    assert answer.json()["type"].endswith(":event-conflict")
    assert len(published(api)) == 1
    ids_of(client.post("/events", content=json.dumps(CLOUD), headers=STRUCTURED))
    answer = client.post("/events", content=b"7", headers=BINARY)
    field, message = refused(answer, 409)
    assert field == "ce-id"
    assert "published before" in message


@pytest.mark.parametrize(
    ("wrong", "field", "status"),
    [
        ({"event_name": "order.craeted", "data": {}}, "event_name", 400),
        ({"event_name": "", "data": {}}, "event_name", 400),
        ({"event_name": "x" * 256, "data": {}}, "event_name", 400),
        ({"event_name": 7, "data": {}}, "event_name", 400),
        ({"event_name": "asyncevents.x", "data": {}}, "event_name", 400),
        ({"event_name": "order.created"}, "data", 400),
        ({"data": {}}, "event_name", 400),
        ({**OWN, "tenant": 7}, "tenant", 400),
        ({**OWN, "tenant": ""}, "tenant", 400),
        ({**OWN, "tenant": "x" * 256}, "tenant", 400),
        ({**OWN, "event_id": "a "}, "event_id", 400),
        ({**OWN, "event_id": "x" * 256}, "event_id", 400),
        ({**OWN, "dta": {}}, "dta", 400),
        ({**OWN, "data": {"x": "y" * 300_000}}, "data", 413),
        ({**OWN, "data": json.loads("[" * 101 + "]" * 101)}, "data", 400),
    ],
)
def test_the_event_and_the_field_are_named_and_nothing_is_published(
    api, client, wrong, field, status
):
    assert refused(client.post("/events", json=wrong), status)[0] == f"event.{field}"
    many = client.post("/events", json=[OWN, wrong, OWN])
    assert refused(many, status)[0] == f"events[1].{field}"
    assert published(api) == []


@pytest.mark.parametrize("wrong", [[], [OWN] * (MOST_EVENTS + 1)], ids=["empty", "too long"])
@pytest.mark.parametrize("headers", [{}, BATCH], ids=["ours", "batch"])
def test_a_list_has_a_number_of_events(client, wrong, headers):
    answer = client.post("/events", content=json.dumps(wrong), headers=headers)
    assert refused(answer, 400)[0] == "events"


@pytest.mark.parametrize("wrong", [None, 7, "text", [None], [[OWN]], [7]])
def test_what_is_no_event(api, client, wrong):
    check(client.post("/events", content=json.dumps(wrong)), 400)
    check(client.post("/events", content=json.dumps(wrong), headers=STRUCTURED), 400)
    check(client.post("/events", content=json.dumps(wrong), headers=BATCH), 400)
    assert published(api) == []


def test_a_cloud_event_has_to_say_that_it_is_one(client):
    field, message = refused(client.post("/events", json=CLOUD), 400)
    assert field == "event"
    assert "application/cloudevents+json" in message


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"type": "order.craeted"}, "type"),
        ({"source": ""}, "source"),
        ({"id": None}, "id"),
        ({"datacontenttype": "text/plain"}, "datacontenttype"),
        ({"data_base64": "eA=="}, "data_base64"),
        ({"tenant": " "}, "tenant"),
    ],
)
def test_attributes_are_named(api, client, attributes, field):
    wrong = {**CLOUD, **attributes}
    answer = client.post("/events", content=json.dumps(wrong), headers=STRUCTURED)
    assert refused(answer, 400)[0] == f"event.{field}"
    answer = client.post("/events", content=json.dumps([CLOUD, wrong]), headers=BATCH)
    assert refused(answer, 400)[0] == f"events[1].{field}"
    assert published(api) == []


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ([("ce-id", "2")], "ce-id"),
        ([("ce-tenant", "%FF")], "ce-tenant"),
        ([("ce-tenant", "%0A")], "ce-tenant"),
    ],
)
def test_headers_are_named(api, client, more, field):
    headers = [*BINARY.items(), *more]
    answer = client.post("/events", content=b"{}", headers=headers)
    assert refused(answer, 400)[0] == field
    assert published(api) == []


@pytest.mark.parametrize("missing", ["ce-specversion", "ce-type", "ce-source", "ce-id"])
def test_headers_that_are_missing(client, missing):
    headers = {name: value for name, value in BINARY.items() if name != missing}
    assert refused(client.post("/events", content=b"{}", headers=headers), 400)[0] == missing


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/octet-stream"])
def test_data_of_another_kind(client, kind):
    headers = {**BINARY, "Content-Type": kind}
    assert kind in check(client.post("/events", content=b"x", headers=headers), 415)["detail"]


def test_a_body_that_is_too_long(serve):
    client = serve(WEB_MAX_BODY_BYTES=1000).client("publish")
    check(client.post("/events", json=[OWN] * 100), 413)


# -- who may ----------------------------------------------------------------------------------


@pytest.mark.parametrize("resource", ["publish:order.created", "publish:order.*, !order.secret"])
def test_a_token_for_some_events(api, resource):
    client = api.client(resource)
    ids_of(client.post("/events", json=OWN))
    answer = client.post("/events", json=[OWN, {**OWN, "event_name": "order.secret"}])
    field, message = refused(answer, 403)
    assert field == "events[1].event_name"
    assert "publish:order.secret" in message
    # It is not told which events there are.
    assert refused(client.post("/events", json={**OWN, "event_name": "stock.low"}), 403)
    assert client.get("/events").status_code == 403
    assert len(published(api)) == 1


def test_all_resources_of_an_event_are_needed(api):
    secret = {**OWN, "event_name": "order.secret"}
    for resources in (["publish"], ["manage"], ["publish", "sales"], ["publish:**", "finance"]):
        answer = api.client(*resources).post("/events", json=secret)
        assert "order.secret" in refused(answer, 403)[1]
    for resources in (["publish", "sales", "finance"], ["publish:order.*", "sales", "finance"]):
        ids_of(api.client(*resources).post("/events", json=secret))


def test_a_bound_token_publishes_for_its_tenant(api):
    client = api.client("publish", tenant="7")
    ids_of(client.post("/events", json=[OWN, {**OWN, "tenant": "7"}]))
    assert [one.tenant for one in published(api)] == ["7", "7"]
    answer = client.post("/events", json=[OWN, {**OWN, "tenant": "8"}])
    assert refused(answer, 403)[0] == "events[1].tenant"
    headers = {**BINARY, "ce-tenant": "8"}
    assert refused(client.post("/events", content=b"{}", headers=headers), 403)[0] == "ce-tenant"
    assert len(published(api)) == 2


def test_ids_of_a_bound_token_are_its_own(api):
    """Nobody can keep others from publishing under ids that it guesses."""
    made = set()
    for tenant in ("7", "8", None):
        client = api.client("publish", tenant=tenant)
        for _ in range(2):
            made.update(ids_of(client.post("/events", json={**OWN, "event_id": "1"})))
    assert len(made) == 3


# -- in the web process -----------------------------------------------------------------------


def test_ids_go_to_the_broker(tmp_path):
    broker = MemoryBroker()
    put_ledger(tmp_path)
    with Runtime(load_settings(settings(tmp_path)), broker=broker) as runtime:
        publisher = WebPublisher(runtime)
        wanted = [ForeignEvent(name="order.created", data={}) for _ in range(2)]
        made = publisher.ready().publish(wanted, by=OPERATOR)
        publisher.close()
        publisher.close()
        with broker.consumer(prefetch=9) as consumer:
            assert [one for message in consumer.receive(0) for one in message.ids] == made


def test_it_is_delivered_at_once_with_eager(serve):
    api = serve(EAGER=True)
    (made,) = ids_of(api.client("publish").post("/events", json=OWN))
    (event,) = published(api)
    assert (event.id, event.state) == (made, "fanned_out")


# -- idempotency keys -------------------------------------------------------------------------


def test_the_same_request_under_a_key_is_done_once(api, client):
    key = {"Idempotency-Key": "k1"}
    sent = [OWN, OWN, {**OWN, "event_id": "mine"}]
    first = ids_of(client.post("/events", json=sent, headers=key))
    assert ids_of(client.post("/events", json=sent, headers=key)) == first
    assert len(set(first)) == len(published(api)) == 3
    other = client.post("/events", json=[{**OWN, "data": 7}], headers=key)
    assert "idempotency key" in check(other, 422)["detail"]
    another = api.client("publish", "view")
    assert set(ids_of(another.post("/events", json=[OWN], headers=key))).isdisjoint(first)


# -- distributed traces -----------------------------------------------------------------------

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-11112222333344445555666677778888-00f067aa0ba902b7-00"


@pytest.mark.parametrize(
    ("body", "headers", "kept"),
    [
        (OWN, {"traceparent": TRACE}, TRACE),
        (OWN, {"traceparent": TRACE, "tracestate": "a=1"}, f"{TRACE} a=1"),
        (OWN, {"traceparent": TRACE.upper()}, None),
        (OWN, {"tracestate": "a=1"}, None),
        (OWN, {}, None),
        ({**CLOUD, "traceparent": TRACE, "tracestate": "a=1"}, STRUCTURED, f"{TRACE} a=1"),
        # What a CloudEvent says of itself is older than the request that brings it.
        ({**CLOUD, "traceparent": TRACE}, {**STRUCTURED, "traceparent": OTHER}, TRACE),
        ({**CLOUD, "traceparent": 7}, {**STRUCTURED, "traceparent": OTHER}, OTHER),
        (CLOUD, {**STRUCTURED, "traceparent": OTHER}, OTHER),
        ({"id": 42}, {**BINARY, "ce-traceparent": TRACE, "traceparent": OTHER}, TRACE),
        ({"id": 42}, {**BINARY, "traceparent": OTHER}, OTHER),
    ],
)
def test_an_event_stays_in_the_trace_of_its_sender(api, client, body, headers, kept):
    ids_of(client.post("/events", json=body, headers=headers))
    (event,) = published(api)
    assert event.trace_context == kept
    sent = json.loads(event.body)
    parent, _, state = (kept or "").partition(" ")
    assert (sent.get("traceparent", ""), sent.get("tracestate", "")) == (parent, state)


def test_each_event_of_a_batch_has_a_trace_of_its_own(api, client):
    batch = [
        {**CLOUD, "id": str(number), **({"traceparent": one} if one else {})}
        for number, one in enumerate([TRACE, None, OTHER, TRACE])
    ]
    ids_of(client.post("/events", json=batch, headers=BATCH))
    found = published(api)
    assert [one.trace_context for one in found] == [TRACE, None, OTHER, TRACE]
    assert [json.loads(one.body).get("traceparent") for one in found] == [
        TRACE,
        None,
        OTHER,
        TRACE,
    ]
