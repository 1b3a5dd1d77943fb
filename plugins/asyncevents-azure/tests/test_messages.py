"""What arrives: events and headers at Event Grid, messages and properties at Service Bus."""

from __future__ import annotations

import hashlib

import pytest
from attrs import evolve
from azure.core.credentials import AzureNamedKeyCredential
from azure.servicebus.aio import ServiceBusClient

from asyncevents_azure.kinds import (
    BusCredentials,
    Credentials,
    EventGridSinkType,
    ServiceBusSinkType,
)
from asyncevents_core.errors import InvalidOptions, SettingsError
from asyncevents_core.plugin import OutcomeKind
from azure_bus import KEY as BUS_KEY
from azure_bus import POLICY
from azure_grid import APPLICATION, KEY, SAS, namespace_topic, topic
from azure_requests import bus_config, bus_request, grid_config, grid_request, queue_target

BUS_SCOPE = "https://servicebus.azure.net/.default"


async def delivered(sink, *requests):
    for request in requests:
        outcome = await sink.deliver(request, 30.0)
        assert outcome.kind is OutcomeKind.DELIVERED, outcome
    return outcome


# Event Grid


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        ({"access_key": KEY}, "aeg-sas-key", KEY),
        ({"sas_token": SAS}, "aeg-sas-token", SAS),
        (APPLICATION, "authorization", "Bearer token-1"),
    ],
)
@pytest.mark.parametrize("target", [topic("orders"), namespace_topic("orders")])
async def test_each_way_to_authenticate_has_its_header(
    grid, threaded, target, options, name, value
):
    config = grid_config(grid, access_key="not this one")
    sink = threaded(EventGridSinkType(), config)
    request = grid_request(config, target=target, options=options)
    outcome = await delivered(sink, request)
    assert outcome.detail == "accepted by Event Grid"
    assert grid.arrived("orders") == [request.body]
    (headers,) = grid.headers
    assert headers[name] == value
    assert len(headers.keys() & {"aeg-sas-key", "aeg-sas-token", "authorization"}) == 1
    assert headers["host"] == target.split("/")[2]


async def test_both_interfaces_are_named_with_their_versions(grid, threaded):
    config = grid_config(grid)
    sink = threaded(EventGridSinkType(), config)
    for target in (topic("a"), namespace_topic("orders"), namespace_topic("bills") + ":publish"):
        await delivered(sink, grid_request(config, target=target))
    assert grid.paths == [
        "/api/events?api-version=2018-01-01",
        "/topics/orders:publish?api-version=2024-06-01",
        "/topics/bills:publish?api-version=2024-06-01",
    ]


async def test_named_credentials_of_the_settings(grid, threaded):
    sets = {"theirs": Credentials(access_key=KEY)}
    config = grid_config(grid, access_key=None, credentials=sets)
    request = grid_request(config, target=topic("a"), options={"credentials": "theirs"})
    await delivered(threaded(EventGridSinkType(), config), request)


async def test_a_token_is_fetched_once_and_anew_when_it_was_refused(grid, threaded):
    config = grid_config(grid, access_key=None, **APPLICATION)
    sink = threaded(EventGridSinkType(), config)
    request = grid_request(config, target=topic("orders"))
    await delivered(sink, request, request)
    assert grid.token_calls == 1
    grid.tokens.clear()
    assert "credentials" in (await sink.deliver(request, 30.0)).detail
    await delivered(sink, request)
    assert grid.token_calls == 2


async def test_a_token_is_replaced_before_its_end(grid, threaded):
    grid.tokens.add("short")
    grid.token_answer = (200, {"access_token": "short", "expires_in": 299})
    config = grid_config(grid, access_key=None, **APPLICATION)
    sink = threaded(EventGridSinkType(), config)
    request = grid_request(config, target=topic("orders"))
    await delivered(sink, request, request)
    assert grid.token_calls == 2


@pytest.mark.parametrize("kind", [EventGridSinkType(), ServiceBusSinkType()])
def test_without_credentials_nobody_subscribes_and_an_operator_has_to_act(kind):
    target = {"eventgrid": topic("orders"), "servicebus": queue_target("orders")}[kind.name]
    with pytest.raises(InvalidOptions, match="no credentials"):
        kind.validate_options(kind.options_class(), target, kind.config_class())
    kind.validate_options(kind.options_class(access_key="own"), target, kind.config_class())
    kind.validate_options(kind.options_class(), target, kind.config_class(access_key="theirs"))
    with pytest.raises(SettingsError, match="no credentials"):
        kind.prepare(target, kind.options_class(), kind.config_class())
    with pytest.raises(SettingsError, match="has no 'gone'"):
        kind.prepare(target, kind.options_class(credentials="gone"), kind.config_class())


@pytest.mark.parametrize("kind", [EventGridSinkType(), ServiceBusSinkType()])
def test_what_is_the_operators_has_a_name(kind):
    target, config = "", kind.config_class()
    assert kind.privileges(kind.options_class(), target, config) == ("default-credentials",)
    named = kind.options_class(credentials="billing")
    assert kind.privileges(named, target, config) == ("credentials:billing",)
    assert kind.privileges(kind.options_class(access_key="own"), target, config) == ()


# Service Bus


async def sent(bus, threaded, **wanted):
    """Deliver one event to a queue and return its message."""
    config = bus_config(bus)
    queue = bus.queue("orders")
    request = bus_request(config, target=queue_target("orders"), **wanted)
    await delivered(threaded(ServiceBusSinkType(), config), request)
    (message,) = queue.messages
    return request, message


async def test_a_message_of_service_bus(bus, threaded):
    request, message = await sent(bus, threaded, data={"text": "Grüße"}, tenant="north")
    assert message.body == request.body
    assert message.message_id == str(request.delivery_id)
    assert message.content_type == "application/cloudevents+json"
    assert message.subject == request.event_name
    assert message.session_id is None
    assert message.partition_key is None
    assert message.application == {
        "event_id": str(request.event_id),
        "event_name": request.event_name,
        "delivery_id": str(request.delivery_id),
        "tenant": "north",
    }


KEYS = {
    "subscription": "subscription-1",
    "event": "sales.order.created",
    "data.customer.id": "17",
    "data.lines.1": "second",
    "data.paid": "true",
    "data.long": hashlib.sha256(b"x" * 129).hexdigest(),
    "data.fits": "y" * 128,
    # The id of the event.
    "data.customer": None,
    "data.lines.7": None,
    "data.nobody.id": None,
    "data.empty": None,
}


@pytest.mark.parametrize(
    ("option", "other"), [("session_id", "partition_key"), ("partition_key", "session_id")]
)
async def test_sessions_and_partition_keys(bus, threaded, option, other):
    data = {
        "customer": {"id": 17},
        "lines": ["first", "second"],
        "paid": True,
        "long": "x" * 129,
        "fits": "y" * 128,
        "empty": "",
    }
    config = bus_config(bus)
    queue = bus.queue("orders")
    requests = [
        bus_request(config, target=queue_target("orders"), data=data, options={option: by})
        for by in KEYS
    ]
    await delivered(threaded(ServiceBusSinkType(), config), *requests)
    assert [getattr(one, option) for one in queue.messages] == [
        key or str(request.event_id) for request, key in zip(requests, KEYS.values(), strict=True)
    ]
    assert {getattr(one, other) for one in queue.messages} == {None}


async def test_properties_from_the_payload_keep_their_types(bus, threaded):
    data = {
        "text": "é", "number": 17, "negative": -(2**31), "large": 2**31, "price": 9.5,
        "paid": False, "long": "x" * 257, "fits": "x" * 256, "none": None, "list": [1], "empty": "",
    }  # fmt: skip
    paths = [f"data.{name}" for name in (*data, "nobody")]
    _, message = await sent(bus, threaded, data=data, options={"properties": paths})
    found = {
        name.removeprefix("data."): value
        for name, value in message.application.items()
        if name.startswith("data.")
    }
    assert found == {
        "text": "é", "number": 17, "negative": -(2**31), "large": "2147483648", "price": 9.5,
        "paid": False, "fits": "x" * 256, "empty": "",
    }  # fmt: skip
    assert found["paid"] is False


async def test_a_repeated_attempt_is_one_message_where_duplicates_are_detected(bus, threaded):
    config = bus_config(bus)
    queue = bus.queue("orders")
    sink = threaded(ServiceBusSinkType(), config)
    first = bus_request(config, target=queue_target("orders"))
    await delivered(sink, first, evolve(first, attempt=2))
    assert len(queue.messages) == 1
    await delivered(sink, bus_request(config, target=queue_target("orders")))
    assert len(queue.messages) == 2


async def test_a_connection_string_without_keys_is_the_same_target(bus, threaded):
    config = bus_config(bus)
    queue = bus.queue("path/orders")
    target = "Endpoint=sb://shop.servicebus.windows.net/;EntityPath=path/orders"
    await delivered(threaded(ServiceBusSinkType(), config), bus_request(config, target=target))
    assert len(queue.messages) == 1


async def test_a_policy_of_ones_own(bus, threaded):
    bus.keys = {"send-only": "its key"}
    config = bus_config(bus)
    bus.queue("orders")
    options = {"access_key_name": "send-only", "access_key": "its key"}
    request = bus_request(config, target=queue_target("orders"), options=options)
    await delivered(threaded(ServiceBusSinkType(), config), request)


async def test_a_policy_in_named_credentials(bus, threaded):
    bus.keys = {"send-only": "its key"}
    sets = {"theirs": BusCredentials(access_key_name="send-only", access_key="its key")}
    config = bus_config(bus, access_key="not this one", credentials=sets)
    bus.queue("orders")
    options = {"credentials": "theirs"}
    request = bus_request(config, target=queue_target("orders"), options=options)
    await delivered(threaded(ServiceBusSinkType(), config), request)


async def test_a_shared_access_signature(bus, threaded):
    async with ServiceBusClient(bus.host, AzureNamedKeyCredential(POLICY, BUS_KEY)) as client:
        sender = client.get_queue_sender("orders")
        audience = f"sb://{bus.host}/orders"
        token = (await sender._credential.get_token(audience)).token
    config = bus_config(bus)
    bus.queue("orders")
    request = bus_request(config, target=queue_target("orders"), options={"sas_token": token})
    await delivered(threaded(ServiceBusSinkType(), config), request)


async def test_an_application_of_entra_id(bus, grid, threaded):
    grid.scope, grid.tokens = BUS_SCOPE, bus.tokens
    config = bus_config(bus, access_key=None, authority=grid.url, **APPLICATION)
    queue = bus.queue("orders")
    sink = threaded(ServiceBusSinkType(), config)
    requests = [bus_request(config, target=queue_target("orders")) for _ in range(2)]
    await delivered(sink, *requests)
    assert len(queue.messages) == 2
    assert grid.token_calls == 1
