"""What each answer, and each lack of one, means: the table of docs/reference/gcp.md."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from pathlib import Path

import attrs
import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1.types import PublishResponse
from google.rpc import status_pb2
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status
from requested import make_request

from asyncevents_core.plugin import Failure, OutcomeKind
from asyncevents_core.testing import opened
from asyncevents_gcp.config import PubSubConfig, PubSubOptions
from asyncevents_gcp.kind import PubSubSinkType
from faulty import accept

TOPIC = "projects/shop/topics/orders"
PAGE = Path(__file__).parents[3] / "docs/reference/gcp.md"

STATUSES = {
    "RESOURCE_EXHAUSTED": Failure.THROTTLED,
    "UNAVAILABLE": Failure.UNAVAILABLE,
    "INTERNAL": Failure.UNAVAILABLE,
    "ABORTED": Failure.UNAVAILABLE,
    "UNKNOWN": Failure.UNAVAILABLE,
    "CANCELLED": Failure.UNAVAILABLE,
    "DATA_LOSS": Failure.UNAVAILABLE,
    "FAILED_PRECONDITION": Failure.UNAVAILABLE,
    "DEADLINE_EXCEEDED": Failure.TIMED_OUT,
    "UNAUTHENTICATED": Failure.CREDENTIALS,
    "NOT_FOUND": Failure.UNKNOWN_TARGET,
    "PERMISSION_DENIED": Failure.DENIED,
    "INVALID_ARGUMENT": Failure.INVALID,
    "OUT_OF_RANGE": Failure.INVALID,
    "ALREADY_EXISTS": Failure.INVALID,
    "UNIMPLEMENTED": Failure.INVALID,
}


@pytest.fixture
def config(faulty):
    return PubSubConfig(endpoint=faulty.endpoint)


async def attempt(sink, deadline=10.0, target=TOPIC, **request):
    return await sink.deliver(make_request(target=target, **request), deadline)


async def attempt_at(port: int, deadline=10.0):
    config = PubSubConfig(endpoint=f"http://127.0.0.1:{port}")
    async with opened(PubSubSinkType(), config) as sink:
        return await attempt(sink, deadline)


def check(outcome, failure):
    kind = OutcomeKind.RETRYABLE if failure.retried else OutcomeKind.PERMANENT
    assert (outcome.kind, outcome.detail.partition(": ")[0]) == (kind, failure.value), outcome


@pytest.mark.parametrize(("status", "failure"), STATUSES.items())
async def test_statuses(sink, faulty, status, failure):
    faulty.fail(grpc.StatusCode[status])
    outcome = await attempt(sink)
    check(outcome, failure)
    assert status in outcome.detail or failure is Failure.TIMED_OUT
    assert outcome.timed_out == (failure is Failure.TIMED_OUT)
    assert len(faulty.requests) == 1


def test_every_status_is_documented():
    section = PAGE.read_text().partition("\n## Outcomes\n")[2]
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([a-z ]+) \|", section, re.MULTILINE)
    assert dict(rows) == {name: failure.value for name, failure in STATUSES.items()}


async def test_a_failure_says_what_to_do(sink, faulty):
    faulty.fail(grpc.StatusCode.NOT_FOUND, "no topic orders")
    outcome = await attempt(sink)
    assert outcome.detail == (
        "unknown target: NOT_FOUND: no topic orders; create the topic, or correct the target"
    )
    assert outcome.http_status == 404
    faulty.fail(grpc.StatusCode.PERMISSION_DENIED)
    assert "roles/pubsub.publisher" in (await attempt(sink)).detail
    faulty.fail(grpc.StatusCode.UNAUTHENTICATED)
    assert "check what credentials_file" in (await attempt(sink)).detail


async def test_the_wish_to_wait_is_passed_on(sink, faulty):
    info = Any()
    info.Pack(RetryInfo(retry_delay=Duration(seconds=7, nanos=500_000_000)))
    status = status_pb2.Status(code=8, message="slow down", details=[info])
    faulty.behaviour = lambda _, context: context.abort_with_status(rpc_status.to_status(status))
    outcome = await attempt(sink)
    check(outcome, Failure.THROTTLED)
    assert outcome.retry_after == 7.5


async def test_an_answer_that_is_too_short_is_retried(sink, faulty):
    faulty.behaviour = lambda *_: PublishResponse(message_ids=[])
    check(await attempt(sink), Failure.UNAVAILABLE)


async def test_a_connection_that_is_refused(sink):
    check(await attempt_at(1), Failure.NETWORK)


async def test_a_name_that_does_not_resolve():
    config = PubSubConfig(endpoint="http://no-such-host.invalid:8085")
    async with opened(PubSubSinkType(), config) as sink:
        check(await attempt(sink), Failure.NETWORK)


@pytest.fixture
def tcp():
    """Start a TCP server that does what it is told with a connection; returns its port."""
    listening = []

    def start(handle):
        server = socket.create_server(("127.0.0.1", 0))
        listening.append(server)

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                handle(connection)

        threading.Thread(target=serve, daemon=True).start()
        return server.getsockname()[1]

    yield start
    for server in listening:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


async def test_rubbish_instead_of_grpc(tcp):
    def handle(connection):
        with connection:
            connection.sendall(b"SSH-2.0-OpenSSH\r\n\r\n")

    check(await attempt_at(tcp(handle)), Failure.NETWORK)


async def test_a_connection_that_is_closed_at_once(tcp):
    check(await attempt_at(tcp(lambda connection: connection.close())), Failure.NETWORK)


async def test_a_server_that_accepts_and_says_nothing_times_out(tcp):
    kept = []
    outcome = await attempt_at(tcp(kept.append), deadline=2.0)
    check(outcome, Failure.TIMED_OUT)
    for one in kept:
        one.close()


async def test_a_server_that_hangs_times_out(sink, faulty):
    end = threading.Event()
    faulty.behaviour = lambda *_: end.wait(30) and PublishResponse(message_ids=["1"])
    outcome = await attempt(sink, deadline=0.3)
    end.set()
    check(outcome, Failure.TIMED_OUT)
    assert outcome.timed_out
    assert outcome.detail == "timed out: no answer within 0.3 s"


async def test_the_sinks_own_time_out_counts_too(faulty):
    end = threading.Event()
    faulty.behaviour = lambda *_: end.wait(30) and PublishResponse(message_ids=["1"])
    config = PubSubConfig(endpoint=faulty.endpoint, timeout=0.2)
    async with opened(PubSubSinkType(), config) as sink:
        check(await attempt(sink), Failure.TIMED_OUT)
        end.set()


async def test_after_a_time_out_nothing_stays_under_way(sink, faulty):
    end = threading.Event()
    faulty.behaviour = lambda *_: end.wait(30) and PublishResponse(message_ids=["1"])
    await asyncio.gather(*(attempt(sink, deadline=0.3) for _ in range(20)))
    (kept,) = sink._publishers._kept.values()
    publisher = kept.made.result()
    until = time.monotonic() + 10
    while publisher.under_way and time.monotonic() < until:
        await asyncio.sleep(0.02)
    assert publisher.under_way == 0
    end.set()


async def test_it_never_tries_twice_by_itself(sink, faulty):
    faulty.fail(grpc.StatusCode.UNAVAILABLE)
    for options in ({}, {"ordering_key": "event"}):
        check(await attempt(sink, options=options), Failure.UNAVAILABLE)
    assert len(faulty.requests) == 2


async def test_a_server_that_comes_back_is_used(sink, faulty):
    faulty.fail(grpc.StatusCode.INTERNAL)
    check(await attempt(sink), Failure.UNAVAILABLE)
    faulty.behaviour = accept
    assert (await attempt(sink)).kind is OutcomeKind.DELIVERED


async def test_what_waits_behind_a_failed_message_of_its_key_is_retried_later(sink, faulty):
    failing = threading.Event()

    def behave(request, context):
        failing.wait(10)
        context.abort(grpc.StatusCode.INTERNAL, "as told")

    faulty.behaviour = behave
    options = {"ordering_key": "event"}
    first = asyncio.ensure_future(attempt(sink, options=options))
    while not faulty.requests:
        await asyncio.sleep(0.01)
    others = [asyncio.ensure_future(attempt(sink, options=options)) for _ in range(3)]
    await asyncio.sleep(0)
    failing.set()
    outcomes = await asyncio.gather(first, *others)
    for outcome in outcomes:
        check(outcome, Failure.UNAVAILABLE)
    assert len(faulty.requests) == 1
    assert "prior ordered message" in outcomes[1].detail
    # The key was paused by the client: the next attempt takes it up again.
    faulty.behaviour = accept
    assert (await attempt(sink, options=options)).kind is OutcomeKind.DELIVERED
    assert len(faulty.requests) == 2


@pytest.mark.parametrize("options", [{}, {"ordering_key": "event"}])
async def test_what_is_too_large_is_refused_before_it_is_sent(sink, faulty, options):
    outcome = await attempt(sink, data={"text": "x" * 10_000_000}, options=options)
    check(outcome, Failure.TOO_LARGE)
    assert "10000000 bytes" in outcome.detail
    assert faulty.requests == []
    assert (await attempt(sink, options=options)).kind is OutcomeKind.DELIVERED


async def test_what_just_fits_is_sent(sink, faulty):
    outcome = await attempt(sink, data={"text": "x" * 9_990_000})
    assert outcome.kind is OutcomeKind.DELIVERED


async def test_an_ordering_key_that_is_too_long_is_refused(sink, faulty):
    options = {"ordering_key": "data.key"}
    outcome = await attempt(sink, data={"key": "é" * 513}, options=options)
    check(outcome, Failure.TOO_LARGE)
    assert "1024 bytes" in outcome.detail
    outcome = await attempt(sink, data={"key": "é" * 512}, options=options)
    assert outcome.kind is OutcomeKind.DELIVERED
    assert len(faulty.requests) == 1


async def test_an_attribute_that_is_too_long_is_left_out_or_refused(sink, faulty):
    long = "t" * 1025
    assert (await attempt(sink, tenant=long)).kind is OutcomeKind.DELIVERED
    (message,) = faulty.requests[0].messages
    assert "ce-tenant" not in message.attributes
    assert long.encode() in message.data
    outcome = await attempt(sink, tenant=long, options={"content_mode": "binary"})
    check(outcome, Failure.TOO_LARGE)
    assert "tenant" in outcome.detail
    assert len(faulty.requests) == 1


async def test_a_target_that_became_invalid_is_refused(sink):
    check(await attempt(sink, target="no/topic"), Failure.INVALID)


async def test_a_topic_without_a_project_is_a_matter_of_credentials(sink):
    outcome = await attempt(sink, target="orders")
    check(outcome, Failure.CREDENTIALS)
    assert "set `project`" in outcome.detail


async def test_cancellation_passes_through(sink, faulty):
    end = threading.Event()
    faulty.behaviour = lambda *_: end.wait(30) and PublishResponse(message_ids=["1"])
    running = asyncio.ensure_future(attempt(sink))
    while not faulty.requests:
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    end.set()


OPTIONS_TABLE = r"^\| `([a-z_]+)` \| (.*?) \|"


@pytest.mark.parametrize(
    ("title", "cls"),
    [("## Configuration", PubSubConfig), ("## Options of a subscription", PubSubOptions)],
)
def test_every_option_is_documented_with_its_default(title, cls):
    section = PAGE.read_text().partition(f"\n{title}\n")[2].partition("\n## ")[0]
    documented = dict(re.findall(OPTIONS_TABLE, section, re.MULTILINE))
    made = cls()
    assert list(documented) == [one.name for one in attrs.fields(cls)]
    for name, shown in documented.items():
        default = getattr(made, name)
        assert shown in {f"`{default}`", "none" if default is None else f"`{default!r}`"}
