"""Publishing, claiming, fanning out."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from asyncevents_core.catalog import EventCatalog
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.event import EventDefinition, EventState
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.engine.delivering import events as fan_out
from asyncevents_core.engine.delivering.leases import Resolved
from asyncevents_core.engine.delivering.permits import Permits
from asyncevents_core.engine.managing.subscriptions import set_status
from asyncevents_core.engine.replaying.replay import replay
from asyncevents_core.errors import EventConflict, InvalidPayload, PayloadTooLarge, UnknownEvent
from tests.unit.harness import OPERATOR, Harness, ok, resolved


def test_one_event_reaches_each_subscriber_once(harness):
    ids = {harness.subscribe() for _ in range(3)}
    event_id = harness.publish(data={"id": 5})
    assert harness.carrier.ids == [event_id]
    leases = harness.claim(event_id).leases
    assert {lease.subscription.id for lease in leases} == ids
    assert harness.claim(event_id).leases == ()
    harness.attempt(leases, ok)
    assert harness.states(event_id) == [DeliveryState.DELIVERED] * 3
    body = json.loads(leases[0].event.body)
    assert body["data"] == {"id": 5}
    assert (body["id"], body["type"], body["source"]) == (str(event_id), "order.created", "/test")


def test_workers_look_at_once_for_what_no_hand_off_can_bring(harness):
    harness.publish()
    assert harness.sweep().events == 0
    harness.carrier.works = False
    harness.publish()
    assert harness.sweep().events == 1
    assert harness.sweep_now().events == 1


def test_two_workers_racing_for_one_event_make_one_delivery(harness):
    harness.subscribe()
    event_id = harness.publish()
    other = harness.second()
    assert len(harness.claim(event_id).leases) + len(other.claim(event_id).leases) == 1


def test_an_event_whose_hand_off_was_lost_is_swept_after_ten_seconds(harness, clock):
    harness.subscribe()
    harness.publish()
    clock.advance(9.5)
    assert not harness.sweep().leases
    clock.advance(0.6)
    assert len(harness.sweep().leases) == 1


def test_without_subscribers_no_service_is_called(harness):
    event_id = harness.publish("order.loaded")
    result = harness.claim(event_id)
    assert (result.leases, result.resolving) == ((), ())
    assert harness.event(event_id).state is EventState.FANNED_OUT


def test_tenants(harness):
    everybody, a, b = (
        harness.subscribe(),
        harness.subscribe(tenant="a"),
        harness.subscribe(tenant="b"),
    )

    def receivers(tenant: str | None) -> set[int]:
        leases = harness.claim(harness.publish(tenant=tenant)).leases
        harness.attempt(leases)
        return {lease.subscription.id for lease in leases}

    assert receivers(None) == {everybody, a, b}
    assert receivers("a") == {everybody, a}
    assert receivers("c") == {everybody}


def test_a_service_is_called_once_and_its_result_is_the_payload(harness):
    harness.subscribe("order.loaded")
    harness.subscribe("order.loaded")
    event_id = harness.publish("order.loaded", {"id": 3})
    (resolving,) = harness.claim(event_id).resolving
    assert harness.claim(event_id).resolving == ()
    leases = harness.fan_out(resolved(resolving, {"total": "9.90"})).leases
    assert len(leases) == 2
    assert {json.loads(lease.event.body)["data"]["total"] for lease in leases} == {"9.90"}
    assert harness.fan_out(resolved(resolving, {"total": "0"})).leases == ()


def test_without_a_service_the_body_is_made_where_it_is_published(harness):
    harness.subscribe()
    event_id = harness.publish(data={"n": 1})
    published = harness.event(event_id)
    assert published.arguments is None
    assert json.loads(published.body)["data"] == {"n": 1}
    (lease,) = harness.claim(event_id).leases
    assert lease.event.body == published.body


def test_the_workers_definition_decides_whether_there_is_a_service(harness):
    harness.subscribe()
    harness.subscribe("order.loaded")
    slim = evolve(
        harness,
        definitions=EventCatalog(
            [
                EventDefinition(name="order.created", service="shop:load"),
                EventDefinition(name="order.loaded"),
            ]
        ),
    )
    with_service = slim.publish("order.loaded", {"id": 3})
    (resolving,) = harness.claim(with_service).resolving
    assert resolving.event.published == b'{"id":3}'
    (lease,) = harness.fan_out(resolved(resolving, {"total": "9.90"})).leases
    assert json.loads(lease.event.body)["data"] == {"total": "9.90"}
    without = slim.publish("order.created", {"id": 4})
    (lease,) = harness.claim(without).leases
    assert json.loads(lease.event.body)["data"] == {"id": 4}


def test_a_service_that_fails_is_retried_then_the_event_is_a_dead_letter(harness, clock):
    harness.subscribe("order.loaded")
    event_id = harness.publish("order.loaded")
    (resolving,) = harness.claim(event_id).resolving
    seconds = []
    while harness.event(event_id).state is not EventState.FAILED:
        harness.fan_out(Resolved(resolving=resolving, error="ValueError: no order"))
        start = clock.monotonic()
        for _ in range(30):
            found = harness.sweep().resolving
            if found:
                (resolving,) = found
                seconds.append(round(clock.monotonic() - start))
                break
            clock.advance(1)
    assert seconds == [1, 4, 9, 16, 25]
    (letter,) = harness.ledger.read(
        lambda view: view.dead_letters.page(DeadFilter(), limit=10, before=None)
    )
    assert (letter.id, letter.subscription_id) == (event_id, None)
    assert "no order" in letter.error
    assert replay(harness.ledger, event_id, by=OPERATOR) == event_id
    (resolving,) = harness.sweep().resolving
    assert len(harness.fan_out(resolved(resolving, {})).leases) == 1


def test_a_failure_whose_text_no_database_takes_is_booked_all_the_same(harness):
    harness.subscribe("order.loaded")
    event_id = harness.publish("order.loaded")
    (resolving,) = harness.claim(event_id).resolving
    harness.fan_out(Resolved(resolving=resolving, error="ValueError: \0 \ud800" + "x" * 2000))
    event = harness.event(event_id)
    assert event.state is EventState.OPEN
    assert event.error.startswith("ValueError: \ufffd \ufffdxx")
    assert len(event.error) == 1000


def test_arguments_that_do_not_fit_fail_at_once(harness):
    harness.subscribe("order.loaded")
    event_id = harness.publish("order.loaded")
    (resolving,) = harness.claim(event_id).resolving
    harness.fan_out(Resolved(resolving=resolving, error="ServiceArguments: id", final=True))
    event = harness.event(event_id)
    assert (event.state, event.error) == (EventState.FAILED, "ServiceArguments: id")


def test_events_whose_service_was_not_called_are_for_any_worker_however_often(harness, clock):
    harness.subscribe("order.loaded")
    event_id = harness.publish("order.loaded")
    (resolving,) = harness.claim(event_id).resolving
    for _ in range(6):
        harness.fan_out(Resolved(resolving=resolving, unstarted=True))
        event = harness.event(event_id)
        assert (event.state, event.deaths, event.abandonments) == (EventState.OPEN, 0, 0)
        (resolving,) = harness.sweep().resolving
    assert len(harness.fan_out(resolved(resolving, {})).leases) == 1


def test_a_worker_that_vanishes_with_a_service_is_replaced(harness, clock):
    harness.subscribe("order.loaded")
    event_id = harness.publish("order.loaded")
    (old,) = harness.claim(event_id).resolving
    clock.advance(harness.policy.resolve_lease + 1)
    other = harness.second()
    (new,) = other.sweep().resolving
    assert harness.fan_out(resolved(old, {"from": "old"})).leases == ()
    (lease,) = other.fan_out(resolved(new, {"from": "new"})).leases
    assert json.loads(lease.event.body)["data"] == {"from": "new"}


def test_a_name_that_only_the_worker_does_not_know_is_retried(harness, clock):
    harness.subscribe()
    event_id = harness.publish()
    old = Harness(
        ledger=harness.ledger,
        clock=clock,
        definitions=EventCatalog([EventDefinition(name="order.creation")]),
    )
    assert old.claim(event_id).leases == ()
    event = harness.event(event_id)
    assert event.state is EventState.OPEN
    assert "order.creation" in event.error
    clock.advance(1)
    assert len(harness.sweep().leases) == 1


def test_a_large_fan_out_goes_in_chunks_and_can_be_repeated(harness, clock, monkeypatch):
    monkeypatch.setattr(fan_out, "CHUNK", 10)
    for _ in range(25):
        harness.subscribe()
    event_id = harness.publish()
    (resolving,) = harness.claim(event_id).resolving
    owned = Resolved(resolving=resolving)
    chunks = harness.chunks(resolving.event)
    assert [len(chunk) for chunk in chunks] == [10, 10, 5]
    assert harness.fan_out_chunk(owned, chunks[0], last=False)
    clock.advance(harness.policy.resolve_lease + 1)
    other = harness.second()
    (again,) = other.sweep().resolving
    assert not harness.fan_out_chunk(owned, chunks[1], last=False)
    for number, chunk in enumerate(chunks):
        assert other.fan_out_chunk(Resolved(resolving=again), chunk, last=number == 2)
    assert len(harness.traces(event_id)) == 25
    assert harness.event(event_id).state is EventState.FANNED_OUT


def test_a_chunked_fan_out_that_fits_into_one_when_repeated_leases_rows_that_exist(
    harness, clock, monkeypatch
):
    monkeypatch.setattr(fan_out, "CHUNK", 3)
    subscriptions = [harness.subscribe() for _ in range(4)]
    event_id = harness.publish()
    (resolving,) = harness.claim(event_id).resolving
    chunk = harness.chunks(resolving.event)[0]
    assert harness.fan_out_chunk(Resolved(resolving=resolving), chunk, last=False)
    set_status(harness.ledger, subscriptions[-1:], SubscriptionStatus.DELETED, by=OPERATOR)
    clock.advance(harness.policy.resolve_lease + 1)
    assert harness.second().sweep().leases == ()
    assert len(harness.traces(event_id)) == 3


def test_what_has_no_permit_waits(ledger, clock):
    harness = Harness(ledger=ledger, clock=clock, permits=Permits(budget=2, per_subscription=1))
    first, second = harness.subscribe(), harness.subscribe()
    harness.subscribe()
    one = harness.claim(harness.publish())
    assert len(one.leases) == 2
    assert one.left_waiting
    more = harness.publish()
    parked = harness.claim(more)
    assert parked.parked == {first, second}
    assert parked.leases == ()
    assert harness.due().leases == ()
    harness.attempt(one.leases, ok)
    assert [lease.event.id for lease in harness.parked(first).leases] == [more]


def test_a_repeated_event_id_is_one_event(harness):
    first = harness.publish(data={"a": 1, "b": [1, 2]}, event_id="order-7")
    assert harness.publish(data={"b": [1, 2], "a": 1}, event_id="order-7") == first
    with pytest.raises(EventConflict, match="order-7"):
        harness.publish(data={"a": 2, "b": [1, 2]}, event_id="order-7")
    with pytest.raises(EventConflict):
        harness.publish(data={"a": 1, "b": [1, 2]}, event_id="order-7", tenant="t")
    assert harness.publish(data={"a": 1, "b": [1, 2]}, event_id="order-8") != first


def test_what_cannot_be_published_is_refused(harness):
    with pytest.raises(UnknownEvent, match=r"did you mean 'order\.created'"):
        harness.publish("order.creatd")
    with pytest.raises(InvalidPayload, match=r"data\.when: object is not JSON"):
        harness.publish(data={"when": object()})
    with pytest.raises(InvalidPayload, match="not a JSON number"):
        harness.publish(data={"x": float("nan")})
    with pytest.raises(InvalidPayload, match="named arguments"):
        harness.publish("order.loaded", [1, 2])
    with pytest.raises(PayloadTooLarge, match="MAX_PAYLOAD_BYTES"):
        harness.publish(data="x" * 10_001)
    assert harness.ledger.read(lambda view: view.backlog()).events_open == 0
