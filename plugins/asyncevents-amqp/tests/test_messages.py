"""What arrives: the CloudEvent, its properties, routing keys and headers."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from asyncevents_amqp.messages import LONGEST_VALUE, Template
from asyncevents_core.plugin import OutcomeKind
from exchanges import make_request

DATA = {
    "id": 42,
    "paid": True,
    "total": 9.5,
    "large": 2**70,
    "note": None,
    "customer": {"id": "c-7", "name": "Grüße"},
    "lines": [1, 2],
    "long": "x" * (LONGEST_VALUE + 1),
}


async def sent(sink, config, inbox, **wanted):
    request = make_request(config, inbox.target, **wanted)
    outcome = await sink.deliver(request, 15.0)
    assert outcome.kind is OutcomeKind.DELIVERED, outcome
    inbox.bodies()
    return request, inbox.messages[-1]


async def test_the_properties_say_what_it_is(sink, config, broker):
    request, message = await sent(sink, config, broker.exchange(), data=DATA)
    properties = message.properties
    assert message.body == request.body.decode() or message.body == request.body
    assert properties["content_type"] == "application/cloudevents+json"
    assert properties["message_id"] == str(request.event_id)
    assert properties["type"] == "sales.order.created"
    assert properties["delivery_mode"] == 2
    assert properties["app_id"] == "asyncevents"
    assert message.headers == {"asyncevents-delivery": str(request.delivery_id)}
    assert _utc(properties["timestamp"]) == datetime(2026, 1, 1, tzinfo=UTC)


def _utc(found):
    if isinstance(found, datetime):
        return found.replace(tzinfo=UTC)
    return datetime.fromtimestamp(found, UTC)


async def test_a_message_may_be_transient(sink, config, broker):
    _, message = await sent(sink, config, broker.exchange(), options={"persistent": False})
    assert message.properties["delivery_mode"] == 1


@pytest.mark.parametrize(
    ("template", "key"),
    [
        ("{event_name}", "sales.order.created"),
        ("orders", "orders"),
        ("", ""),
        ("shop.{tenant}.{event_name}", "shop.acme.sales.order.created"),
        ("{data.customer.id}.{data.id}.{data.paid}", "c-7.42.true"),
        ("{data.customer.name}", "Grüße"),
        ("a{data.nothing}b{data.lines}c{data.note}", "abc"),
        ("{subscription}", "1"),
    ],
)
async def test_routing_keys_are_made_from_the_event(sink, config, broker, template, key):
    inbox = broker.exchange()
    options = {"routing_key": template}
    _, message = await sent(sink, config, inbox, data=DATA, tenant="acme", options=options)
    assert message.delivery_info["routing_key"] == key


async def test_an_event_without_a_tenant_leaves_its_place_empty(sink, config, broker):
    options = {"routing_key": "shop.{tenant}.{event_name}"}
    _, message = await sent(sink, config, broker.exchange(key="shop.*.sales.#"), options=options)
    assert message.delivery_info["routing_key"] == "shop..sales.order.created"


async def test_ids_can_be_in_a_routing_key(sink, config, broker):
    options = {"routing_key": "{event_id}.{delivery_id}"}
    request, message = await sent(sink, config, broker.exchange(), options=options)
    key = message.delivery_info["routing_key"]
    assert key == f"{request.event_id}.{request.delivery_id}"


@pytest.mark.parametrize("template", ["{", "}", "{}", "{{event_name}}", "{Tenant}", "{data}"])
def test_a_template_that_cannot_be_filled_is_refused(template):
    with pytest.raises(ValueError, match=r"each|neither"):
        Template(template)


@pytest.mark.parametrize(("letters", "arrives"), [(255, True), (256, False), (128, True)])
async def test_a_routing_key_has_at_most_255_bytes(sink, config, broker, letters, arrives):
    letter = "é" if letters == 128 else "x"
    count = 127 if letters == 128 else letters
    request = make_request(
        config,
        broker.exchange().target,
        data={"key": letter * count},
        options={"routing_key": "{data.key}"},
    )
    outcome = await sink.deliver(request, 15.0)
    if arrives:
        assert outcome.kind is OutcomeKind.DELIVERED
    else:
        assert outcome.kind is OutcomeKind.PERMANENT
        assert outcome.detail.startswith("too large: the routing key has 256 bytes")


async def test_headers_carry_values_of_the_payload(sink, config, broker):
    paths = [f"data.{name}" for name in DATA if name != "customer"]
    options = {"headers": [*paths, "data.customer.id", "data.no.such"]}
    request, message = await sent(sink, config, broker.exchange(), data=DATA, options=options)
    assert message.headers == {
        "asyncevents-delivery": str(request.delivery_id),
        "data.id": 42,
        "data.paid": True,
        "data.total": 9.5,
        "data.large": str(2**70),
        "data.customer.id": "c-7",
    }


async def test_an_exchange_of_headers_routes_by_them(sink, config, broker):
    inbox = broker.exchange("headers", key="")
    other = broker.exchange("headers", key="")
    broker.bind(other, **{"x-match": "all", "data.country": "de"})
    options = {"headers": ["data.country"]}
    await sent(sink, config, other, data={"country": "de"}, options=options)
    await sent(sink, config, inbox, data={"country": "fr"}, options=options)
    assert len(other.messages) == 1


@pytest.mark.parametrize("size", [131_063, 131_064, 131_065, 131_072, 300_000, 1_000_000])
async def test_bodies_of_more_than_one_frame_arrive_whole(sink, config, broker, size):
    inbox = broker.exchange()
    around = len(make_request(config, inbox.target, data="").body)
    request, _ = await sent(sink, config, inbox, data="x" * (size - around))
    assert len(request.body) == size
    assert inbox.bodies() == [request.body]


async def test_the_default_exchange_leads_to_a_queue_by_its_name(sink, config, broker):
    inbox = broker.exchange()
    request = make_request(config, broker.target(""), options={"routing_key": inbox.name})
    outcome = await sink.deliver(request, 15.0)
    assert outcome.kind is OutcomeKind.DELIVERED, outcome
    assert inbox.bodies() == [request.body]


async def test_names_may_need_escapes(sink, config, broker):
    inbox = broker.exchange()
    name = f"{inbox.name} aZ0-_.:@#,/+"
    broker._channel.exchange_declare(name, "fanout", durable=False, auto_delete=False)
    broker._channel.queue_bind(inbox.name, name)
    request = make_request(config, broker.target(quote(name, safe="")))
    outcome = await sink.deliver(request, 15.0)
    assert outcome.kind is OutcomeKind.DELIVERED, outcome
    assert inbox.bodies() == [request.body]
