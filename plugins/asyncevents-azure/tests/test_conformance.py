"""The suite that core ships, on both sinks."""

from __future__ import annotations

import subprocess
import sys

import pytest
from attrs import evolve, fields

from asyncevents_azure.kinds import BusCredentials, EventGridSinkType, ServiceBusSinkType
from asyncevents_core.plugin import HELP, Failure
from asyncevents_core.testing import SinkConformance
from azure_bus import KIB
from azure_grid import KEY, namespace_topic, topic
from azure_requests import bus_config, bus_request, grid_config, grid_request, queue_target


class TestEventGridSink(SinkConformance):
    @pytest.fixture
    def sink_type(self):
        return EventGridSinkType()

    @pytest.fixture
    def config(self, grid):
        return grid_config(grid)

    @pytest.fixture
    def target(self):
        return topic("orders")

    @pytest.fixture
    def received(self, grid):
        return lambda: grid.arrived("orders")

    @pytest.fixture
    def own_options(self):
        return {"access_key": KEY}

    @pytest.fixture
    def secret_config(self, config, secret):
        return evolve(config, access_key=secret)

    @pytest.fixture
    def secret_options(self, secret):
        return {"tenant_id": "tenant", "client_id": "app", "client_secret": secret}

    @pytest.fixture
    def bad_options(self):
        return [
            {"no_such_option": 1},
            {"access_key": "a", "sas_token": "b"},
            {"client_id": "a", "client_secret": "b"},
            {"tenant_id": "../..", "client_id": "a", "client_secret": "b"},
            {"tenant_id": "evil.example/#", "client_id": "a", "client_secret": "b"},
            {"credentials": "no-such-set"},
            {"credentials": "no-such-set", "access_key": "a"},
        ]

    @pytest.fixture
    def bad_targets(self):
        return [
            "",
            "orders",
            "http://orders.westeurope-1.eventgrid.azure.net/api/events",
            "https://orders.westeurope-1.eventgrid.azure.net",
            "https://orders.westeurope-1.eventgrid.azure.net/api/events/more",
            "https://orders.westeurope-1.eventgrid.azure.net/api/events?aeg-sas-key=k",
            "https://orders.westeurope-1.eventgrid.azure.net:444/api/events",
            "https://eventgrid.azure.net/api/events",
            "https://eventgrid.azure.net.evil.example/api/events",
            "https://evil.example/api/events",
            "https://me@orders.westeurope-1.eventgrid.azure.net/api/events",
            "https://shop.westeurope-1.eventgrid.azure.net/topics/or/ders",
            "https://shop.westeurope-1.eventgrid.azure.net/topics/",
        ]

    @pytest.fixture
    def unreachable(self):
        return topic("fail-reset")

    @pytest.fixture
    def hanging(self):
        return topic("fail-hang")

    @pytest.fixture
    def failures(self, config, target):
        return {
            Failure.THROTTLED: topic("fail-throttled"),
            Failure.UNAVAILABLE: topic("fail-broken"),
            Failure.TIMED_OUT: topic("fail-hang"),
            Failure.NETWORK: topic("fail-reset"),
            Failure.CREDENTIALS: topic("fail-credentials"),
            Failure.UNKNOWN_TARGET: topic("fail-missing"),
            Failure.DENIED: topic("fail-denied"),
            Failure.INVALID: topic("fail-invalid"),
            Failure.TOO_LARGE: grid_request(
                config, target=target, data={"text": "x" * (1024 * KIB)}
            ),
        }


class TestTopicsOfNamespaces(TestEventGridSink):
    @pytest.fixture
    def target(self):
        return namespace_topic("orders")


class TestServiceBusSink(SinkConformance):
    @pytest.fixture
    def sink_type(self):
        return ServiceBusSinkType()

    @pytest.fixture
    def config(self, bus):
        return bus_config(bus)

    @pytest.fixture
    def target(self, bus):
        bus.queue("orders", largest=1024 * KIB).unique = False
        return queue_target("orders")

    @pytest.fixture
    def received(self, bus, target):
        return lambda: [one.body for one in bus.entities["orders"].messages]

    @pytest.fixture
    def own_options(self):
        return {"access_key_name": "own", "access_key": "key"}

    @pytest.fixture
    def secret_config(self, config, secret):
        return evolve(
            config, access_key=secret, credentials={"one": BusCredentials(access_key=secret)}
        )

    @pytest.fixture
    def secret_options(self, secret):
        return {"sas_token": f"SharedAccessSignature sr=x&sig={secret}&se=99999999999&skn=own"}

    @pytest.fixture
    def bad_options(self):
        return [
            {"no_such_option": 1},
            {"access_key": "a", "sas_token": "SharedAccessSignature sr=a&sig=b&se=1&skn=c"},
            {"sas_token": "sr=a&sig=b"},
            {"client_id": "a", "client_secret": "b"},
            {"credentials": "no-such-set"},
            {"session_id": "customer"},
            {"session_id": "data.cust omer"},
            {"session_id": "event", "partition_key": "event"},
            {"properties": ["customer"]},
        ]

    @pytest.fixture
    def bad_targets(self):
        return [
            "",
            "orders",
            "sb://shop.servicebus.windows.net",
            "sb://shop.servicebus.windows.net/",
            "sb://shop.servicebus.windows.net/or ders",
            "sb://shop.servicebus.windows.net/orders/",
            "sb://shop.servicebus.windows.net/a//b",
            "sb://shop.servicebus.windows.net:5671/orders",
            "sb://shop.servicebus.windows.net.evil.example/orders",
            "sb://evil.example/orders",
            "amqps://shop.servicebus.windows.net/orders",
            "Endpoint=sb://shop.servicebus.windows.net/",
            "Endpoint=sb://shop.servicebus.windows.net/;EntityPath=",
            "Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKey=k;EntityPath=orders",
        ]

    @pytest.fixture
    def unreachable(self):
        return queue_target("no-such-queue")

    @pytest.fixture
    def hanging(self, bus):
        bus.queue("hangs", hangs=True)
        return queue_target("hangs")

    @pytest.fixture
    def failures(self, bus, config, target):
        def refusing(name, condition):
            bus.queue(name, refuses=condition)
            return queue_target(name)

        bus.queue("resets", resets=True)
        wrong = {"access_key": "wrong"}
        return {
            Failure.THROTTLED: refusing("busy", "com.microsoft:server-busy"),
            Failure.UNAVAILABLE: refusing("broken", "amqp:internal-error"),
            Failure.TIMED_OUT: refusing("slow", "com.microsoft:timeout"),
            Failure.NETWORK: queue_target("resets"),
            Failure.CREDENTIALS: bus_request(config, target=target, options=wrong),
            Failure.UNKNOWN_TARGET: queue_target("no-such-queue"),
            Failure.DENIED: refusing("closed", "amqp:unauthorized-access"),
            Failure.INVALID: refusing("strict", "com.microsoft:argument-error"),
            Failure.TOO_LARGE: bus_request(
                config, target=target, data={"text": "x" * (1024 * KIB)}
            ),
        }


@pytest.mark.parametrize("kind", [EventGridSinkType(), ServiceBusSinkType()])
def test_forms_say_what_each_option_is_for(kind):
    options = fields(kind.options_class)
    assert all(one.metadata[HELP].endswith(".") for one in options)


def test_nothing_but_core_is_loaded_with_the_plugin():
    code = (
        "import sys; from asyncevents_azure.plugin import asyncevents_register_sinks as register; "
        "names = [one.name for one in register()]; "
        "print(names, sorted({'azure', 'httpx', 'asyncio'} & sys.modules.keys()))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "['eventgrid', 'servicebus'] []"
