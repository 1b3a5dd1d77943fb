"""What each failure comes to; the page lists the same."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path

import attrs
import pytest

from asyncevents_azure import servicebus
from asyncevents_azure.eventgrid import _STATUSES, EventGridSink
from asyncevents_azure.kinds import EventGridSinkType, ServiceBusSinkType
from asyncevents_azure.servicebus import ServiceBusSink
from asyncevents_core.plugin import Failure, OutcomeKind
from azure_grid import ANSWERS, APPLICATION, KEY, topic
from azure_requests import bus_config, bus_request, grid_config, grid_request, queue_target

PAGE = Path(__file__).parents[3] / "docs/reference/azure.md"


@pytest.fixture
def opened():
    """Open a sink of a class, closed at the end."""
    made = []

    def make(cls, config):
        made.append(cls(config))
        return made[-1]

    yield make
    for one in made:
        one.close()


def check(outcome, failure):
    assert outcome.detail.startswith(f"{failure}: "), outcome
    retried = OutcomeKind.RETRYABLE if failure.retried else OutcomeKind.PERMANENT
    assert outcome.kind is retried


def section(title):
    return PAGE.read_text().partition(f"\n### {title}\n")[2].partition("\n#")[0]


def table(title):
    """Return the first column of a table of the page with its second."""
    rows = re.findall(r"^\| `([^|]+)` \| ([a-z ]+) \|", section(title), re.MULTILINE)
    return {name: words for names, words in rows for name in names.split("`, `")}


# Event Grid


@pytest.mark.parametrize(("name", "failure"), [
    ("fail-throttled", Failure.THROTTLED),
    ("fail-broken", Failure.UNAVAILABLE),
    ("fail-moved", Failure.UNAVAILABLE),
    ("fail-denied", Failure.DENIED),
    ("fail-invalid", Failure.INVALID),
    ("fail-gone", Failure.UNKNOWN_TARGET),
    ("fail-missing", Failure.UNKNOWN_TARGET),
    ("fail-credentials", Failure.CREDENTIALS),
    ("fail-large", Failure.TOO_LARGE),
    ("fail-timeout", Failure.TIMED_OUT),
    ("fail-reset", Failure.NETWORK),
])  # fmt: skip
def test_answers_of_event_grid(grid, opened, name, failure):
    config = grid_config(grid)
    outcome = opened(EventGridSink, config).deliver(grid_request(config, target=topic(name)), 30.0)
    check(outcome, failure)
    assert outcome.http_status == (ANSWERS[name][0] if name in ANSWERS else None)
    assert outcome.retry_after == (7.0 if name == "fail-throttled" else None)
    assert len(grid.paths) == 1


def test_every_status_is_on_the_page():
    assert table("Event Grid") == {
        str(status): str(failure) for status, failure in _STATUSES.items()
    }


def test_the_words_of_event_grid_are_in_the_log_but_not_those_on_credentials(grid, opened):
    config = grid_config(grid)
    sink = opened(EventGridSink, config)
    outcome = sink.deliver(grid_request(config, target=topic("fail-invalid")), 30.0)
    assert outcome.detail == "invalid: HTTP 400: BadRequest: as told"
    outcome = sink.deliver(grid_request(config, target=topic("fail-credentials")), 30.0)
    assert "as told" not in outcome.detail
    assert "check the key" in outcome.detail


def test_a_wrong_key_is_a_matter_of_credentials(grid, opened):
    config = grid_config(grid)
    request = grid_request(config, target=topic("orders"), options={"access_key": "wrong"})
    check(opened(EventGridSink, config).deliver(request, 30.0), Failure.CREDENTIALS)
    assert grid.arrived("orders") == []


@pytest.mark.parametrize(("answer", "failure"), [
    ((401, {"error": "invalid_client", "error_description": "it was s3cret"}), Failure.CREDENTIALS),
    ((400, {"error": "unauthorized_client"}), Failure.CREDENTIALS),
    ((200, {}), Failure.CREDENTIALS),
    ((429, {}), Failure.THROTTLED),
    ((503, {}), Failure.UNAVAILABLE),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["eventgrid", "servicebus"])
def test_answers_of_entra_id(grid, bus, opened, answer, failure, kind):
    grid.token_answer = answer
    if kind == "eventgrid":
        config = grid_config(grid, access_key=None, **APPLICATION)
        outcome = opened(EventGridSink, config).deliver(
            grid_request(config, target=topic("orders")), 30.0
        )
    else:
        config = bus_config(bus, access_key=None, authority=grid.url, **APPLICATION)
        outcome = opened(ServiceBusSink, config).deliver(
            bus_request(config, target=queue_target("orders")), 30.0
        )
    check(outcome, failure)
    assert "Microsoft Entra ID" in outcome.detail
    assert "s3cret" not in outcome.detail
    assert bus.connections == 0
    assert grid.paths == []


def test_an_authority_that_cannot_be_reached(grid, opened):
    config = grid_config(grid, access_key=None, authority="http://127.0.0.1:1", **APPLICATION)
    outcome = opened(EventGridSink, config).deliver(
        grid_request(config, target=topic("orders")), 30.0
    )
    check(outcome, Failure.NETWORK)
    assert "getting a token" in outcome.detail


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
def test_an_event_grid_that_cannot_be_reached(grid, opened, endpoint):
    config = grid_config(grid, endpoint=endpoint)
    request = grid_request(config, target=topic("orders"))
    check(opened(EventGridSink, config).deliver(request, 30.0), Failure.NETWORK)


def test_an_event_grid_that_hangs(grid, opened):
    config = grid_config(grid)
    request = grid_request(config, target=topic("fail-hang"))
    outcome = opened(EventGridSink, config).deliver(request, 0.3)
    check(outcome, Failure.TIMED_OUT)
    assert outcome.timed_out
    assert outcome.detail == "timed out: no answer within 0.3 s"


def test_an_answer_that_never_ends_ends_at_the_deadline(grid, opened):
    """Each byte comes in time, all of them do not."""
    over = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def trickle():
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
            while not over.wait(0.02):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    thread = threading.Thread(target=trickle, daemon=True)
    thread.start()
    config = grid_config(grid, endpoint=f"http://127.0.0.1:{server.getsockname()[1]}")
    request = grid_request(config, target=topic("orders"))
    check(opened(EventGridSink, config).deliver(request, 0.5), Failure.TIMED_OUT)
    over.set()
    thread.join(10)
    server.close()


# Service Bus

REFUSALS = {
    "com.microsoft:server-busy": Failure.THROTTLED,
    "amqp:resource-limit-exceeded": Failure.THROTTLED,
    "com.microsoft:timeout": Failure.TIMED_OUT,
    "com.microsoft:entity-disabled": Failure.UNAVAILABLE,
    "amqp:internal-error": Failure.UNAVAILABLE,
    "amqp:link:detach-forced": Failure.UNAVAILABLE,
    "amqp:connection:forced": Failure.UNAVAILABLE,
    "com.microsoft:never-heard-of": Failure.UNAVAILABLE,
    "amqp:not-found": Failure.UNKNOWN_TARGET,
    "amqp:unauthorized-access": Failure.DENIED,
    "com.microsoft:auth-failed": Failure.DENIED,
    "amqp:not-allowed": Failure.INVALID,
    "amqp:not-implemented": Failure.INVALID,
    "amqp:invalid-field": Failure.INVALID,
    "amqp:decode-error": Failure.INVALID,
    "amqp:precondition-failed": Failure.INVALID,
    "com.microsoft:argument-error": Failure.INVALID,
    "com.microsoft:argument-out-of-range": Failure.INVALID,
    "com.microsoft:precondition-failed": Failure.INVALID,
    "amqp:link:message-size-exceeded": Failure.TOO_LARGE,
}


# The link is refused with the same words as a message; opening it takes the SDK a second.
AT_THE_LINK = (
    "com.microsoft:server-busy", "amqp:not-found", "amqp:unauthorized-access", "amqp:not-allowed",
    "com.microsoft:entity-disabled",
)  # fmt: skip


@pytest.mark.parametrize(("condition", "failure", "when"), [
    *((name, failure, "refuses") for name, failure in REFUSALS.items()),
    *((name, REFUSALS[name], "attaches") for name in AT_THE_LINK),
])  # fmt: skip
def test_conditions_of_service_bus(bus, opened, condition, failure, when):
    config = bus_config(bus)
    queue = bus.queue("orders", **{when: condition})
    sink = opened(ServiceBusSink, config)
    request = bus_request(config, target=queue_target("orders"))
    check(sink.deliver(request, 30.0), failure)
    assert bus.connections == 1
    queue.refuses = queue.attaches = None
    assert sink.deliver(request, 30.0).kind is OutcomeKind.DELIVERED
    assert len(queue.messages) == 1


def test_every_condition_is_on_the_page():
    known = {name: str(one) for name, one in REFUSALS.items() if "never-heard" not in name}
    assert table("Service Bus") == known
    assert set(servicebus._BY_CONDITION) <= set(known)


@pytest.mark.parametrize("options", [
    {"access_key": "wrong"},
    {"access_key_name": "nobody", "access_key": "key"},
    {"sas_token": "SharedAccessSignature sr=x&sig=y&se=99999999999&skn=RootManageSharedAccessKey"},
])  # fmt: skip
def test_a_token_that_service_bus_does_not_accept(bus, opened, options):
    config = bus_config(bus)
    bus.queue("orders")
    request = bus_request(config, target=queue_target("orders"), options=options)
    outcome = opened(ServiceBusSink, config).deliver(request, 30.0)
    check(outcome, Failure.CREDENTIALS)
    assert "check the policy and its key" in outcome.detail


@pytest.mark.parametrize("where", ["header", "token", "attach", "transfer"])
def test_a_service_bus_that_hangs(bus, opened, where):
    config = bus_config(bus)
    queue = bus.queue("orders")
    sink = opened(ServiceBusSink, config)
    request = bus_request(config, target=queue_target("orders"))
    bus.hangs = where
    outcome = sink.deliver(request, 1.5)
    check(outcome, Failure.TIMED_OUT)
    assert outcome.timed_out
    bus.hangs = None
    assert sink.deliver(request, 30.0).kind is OutcomeKind.DELIVERED
    assert len(queue.messages) == 1


@pytest.mark.parametrize("emulator", ["127.0.0.1:1", "no-such-host.invalid:5672"])
def test_a_service_bus_that_cannot_be_reached(bus, opened, emulator):
    config = bus_config(bus, emulator=emulator)
    request = bus_request(config, target=queue_target("orders"))
    check(opened(ServiceBusSink, config).deliver(request, 30.0), Failure.NETWORK)


def test_a_connection_that_is_cut_is_a_failure_of_the_network_and_then_replaced(bus, opened):
    config = bus_config(bus)
    queue = bus.queue("orders")
    sink = opened(ServiceBusSink, config)
    request = bus_request(config, target=queue_target("orders"))
    queue.resets = True
    check(sink.deliver(request, 30.0), Failure.NETWORK)
    queue.resets = False
    assert sink.deliver(request, 30.0).kind is OutcomeKind.DELIVERED
    bus.drop = True
    check(opened(ServiceBusSink, config).deliver(request, 30.0), Failure.NETWORK)


@pytest.mark.parametrize("kind", [EventGridSinkType(), ServiceBusSinkType()])
def test_every_option_is_documented_with_its_default(kind):
    page = PAGE.read_text()
    for cls, title in ((kind.config_class, "Configuration"), (kind.options_class, "Options")):
        text = page.partition(f"\n## {title}")[2].partition("\n## ")[0]
        documented = dict(re.findall(r"^\| `([a-z_]+)` \| (.*?) \|", text, re.MULTILINE))
        made = cls()
        for one in attrs.fields(cls):
            default = getattr(made, one.name)
            shown = "none" if cls is kind.options_class and default in {None, ()} else default
            assert documented[one.name].strip('`"') == str(shown), one.name


def test_a_key_does_not_stand_in_what_is_shown(grid):
    request = grid_request(grid_config(grid), target=topic("orders"))
    assert KEY not in repr(request)
    assert KEY not in repr(request.prepared)
