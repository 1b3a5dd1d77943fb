"""What RabbitMQ says, as the outcome of an attempt."""

from __future__ import annotations

import asyncio
import ssl
import uuid

import pytest
from aiormq import exceptions as errors
from pamqp.commands import Basic

from asyncevents_amqp.plugin import AmqpSinkType
from asyncevents_amqp.sink import outcome_of
from asyncevents_core.plugin import Failure, Outcome, OutcomeKind
from asyncevents_core.testing import opened
from exchanges import USER, make_request
from tests.services import over_tls


def failed(outcome: Outcome, failure: Failure, words: str) -> None:
    assert outcome.detail.startswith(f"{failure}: "), outcome
    assert words in outcome.detail
    retried = OutcomeKind.RETRYABLE if failure.retried else OutcomeKind.PERMANENT
    assert outcome.kind is retried


async def outcome_to(sink, config, target, **wanted):
    return await sink.deliver(make_request(config, target, **wanted), 15.0)


async def test_a_message_that_no_queue_takes_is_a_failure_unless_it_need_not_be(
    sink, config, broker
):
    target = broker.exchange(key="other").target
    outcome = await outcome_to(sink, config, target)
    failed(outcome, Failure.UNKNOWN_TARGET, "no queue takes the message")
    outcome = await outcome_to(sink, config, target, options={"mandatory": False})
    assert outcome.kind is OutcomeKind.DELIVERED


async def test_a_missing_exchange(sink, config, broker):
    outcome = await outcome_to(sink, config, broker.target("nowhere"))
    failed(outcome, Failure.UNKNOWN_TARGET, "no exchange 'nowhere' in vhost '/'")


async def test_an_exchange_that_the_user_may_not_write_to(sink, config, broker, limited):
    outcome = await outcome_to(sink, config, broker.exchange().target, options=limited)
    failed(outcome, Failure.DENIED, "refused for user 'limited'")


async def test_one_that_fails_does_not_take_others_with_it(sink, config, broker, limited):
    """RabbitMQ closes the channel with all that is under way on it."""
    inbox = broker.exchange()
    good = [make_request(config, inbox.target, data={"n": n}) for n in range(100)]
    bad = [make_request(config, broker.target("nowhere")) for _ in range(100)]
    mixed = [one for pair in zip(good, bad, strict=True) for one in pair]
    outcomes = await asyncio.gather(*(sink.deliver(one, 30.0) for one in mixed))
    assert {one.kind for one in outcomes[::2]} == {OutcomeKind.DELIVERED}
    assert {one.kind for one in outcomes[1::2]} == {OutcomeKind.PERMANENT}
    assert sorted(inbox.bodies()) == sorted(one.body for one in good)


async def test_a_full_queue_is_retried(sink, config, broker):
    full = broker.exchange(**{"x-max-length": 0, "x-overflow": "reject-publish"})
    failed(await outcome_to(sink, config, full.target), Failure.UNAVAILABLE, "nack")


async def test_a_wrong_password_is_retried_and_not_shown(sink, config, broker):
    wrong = {"username": "guest", "password": "wr0ng"}
    outcome = await outcome_to(sink, config, broker.exchange().target, options=wrong)
    failed(outcome, Failure.CREDENTIALS, "Login was refused")
    assert "wr0ng" not in repr(outcome)


async def test_a_missing_virtual_host(sink, config, broker):
    outcome = await outcome_to(sink, config, broker.target("orders", vhost="nowhere"))
    failed(outcome, Failure.UNKNOWN_TARGET, "vhost nowhere not found")


async def test_a_virtual_host_that_the_user_may_not_open(sink, config, broker):
    broker.server.control("add_user", "outside", "secret")
    outside = {"username": "outside", "password": "secret"}
    outcome = await outcome_to(sink, config, broker.exchange().target, options=outside)
    failed(outcome, Failure.DENIED, "access to vhost '/' refused for user 'outside'")


async def test_a_limit_of_connections_passes(sink, config, broker):
    name = f"full-{uuid.uuid4().hex[:8]}"
    broker.server.control("add_vhost", name)
    broker.server.control("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
    broker.server.control("set_vhost_limits", "-p", name, '{"max-connections": 0}')
    outcome = await outcome_to(sink, config, broker.target("amq.topic", vhost=name))
    failed(outcome, Failure.UNAVAILABLE, "limit")


async def test_virtual_hosts_are_told_apart(sink, config, broker):
    name = f"shop-{uuid.uuid4().hex[:8]}"
    broker.server.control("add_vhost", name)
    broker.server.control("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
    inbox = broker.exchange()
    outcome = await outcome_to(sink, config, broker.target(inbox.name, vhost=name))
    failed(outcome, Failure.UNKNOWN_TARGET, f"in vhost '{name}'")
    assert (await outcome_to(sink, config, inbox.target)).kind is OutcomeKind.DELIVERED


async def test_a_body_above_max_bytes_is_not_sent(sink, config, broker):
    inbox = broker.exchange()
    size = len(make_request(config, inbox.target).body)
    outcome = await outcome_to(sink, config, inbox.target, options={"max_bytes": size - 1})
    failed(outcome, Failure.TOO_LARGE, f"{size:,} bytes, of which {size - 1:,} are allowed")
    assert inbox.bodies() == []
    outcome = await outcome_to(sink, config, inbox.target, options={"max_bytes": size})
    assert outcome.kind is OutcomeKind.DELIVERED


async def test_a_body_above_the_brokers_limit(sink, config, broker):
    """128 MiB, RabbitMQ's own limit before 4.0."""
    text = "x" * (128 * 1024 * 1024)
    options = {"max_bytes": 256 * 1024 * 1024}
    request = make_request(config, broker.exchange().target, data=text, options=options)
    outcome = await sink.deliver(request, 60.0)
    failed(outcome, Failure.TOO_LARGE, "larger than configured max size")


def test_what_the_broker_says_otherwise_is_retried():
    for error, failure in (
        (errors.ConnectionClosed(320, "CONNECTION_FORCED - shutdown"), Failure.UNAVAILABLE),
        (errors.ConnectionClosed(541, "INTERNAL_ERROR"), Failure.UNAVAILABLE),
        (errors.ChannelClosed(506, "RESOURCE_ERROR"), Failure.UNAVAILABLE),
        (errors.ChannelLockedResource("RESOURCE_LOCKED"), Failure.UNAVAILABLE),
        (errors.DeliveryError(None, Basic.Nack()), Failure.UNAVAILABLE),
        (errors.ChannelInvalidStateError("closed"), Failure.UNAVAILABLE),
        (errors.InvalidFrameError("?"), Failure.UNAVAILABLE),
        (errors.AMQPConnectionError("reset"), Failure.NETWORK),
        (errors.IncompatibleProtocolError("?"), Failure.NETWORK),
        (ssl.SSLError("handshake"), Failure.NETWORK),
        (errors.ChannelClosed(311, "CONTENT_TOO_LARGE"), Failure.TOO_LARGE),
        (errors.ChannelPreconditionFailed("PRECONDITION_FAILED - x"), Failure.INVALID),
    ):
        outcome = outcome_of(error)
        assert outcome is not None
        assert outcome.detail.startswith(f"{failure}: "), (error, outcome)


def test_what_is_no_error_of_the_client_is_a_bug():
    assert outcome_of(KeyError("x")) is None
    assert outcome_of(RuntimeError("x")) is None


@pytest.fixture(params=[("localhost", "127.0.0.1")])
def tls(request, tmp_path):
    return over_tls.make_certificate(tmp_path / "broker", *request.param)


@pytest.fixture
def tls_port(rabbitmq, tls):
    # Here, not in the tests: it runs a loop of its own.
    with over_tls.before(rabbitmq.port, tls) as port:
        yield port


async def over(broker, port, exchange, host="127.0.0.1", **settings):
    config = broker.config(**{"allow": [f"{host}:{port}"], **settings})
    target = f"amqps://{host}:{port}/%2F/{exchange}"
    async with opened(AmqpSinkType(), config) as sink:
        return await outcome_to(sink, config, target)


class TestTls:
    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
    async def test_a_certificate_that_is_trusted_and_the_hosts(self, broker, tls, tls_port, host):
        inbox = broker.exchange()
        outcome = await over(broker, tls_port, inbox.name, host, ca_certs=str(tls.certificate))
        assert outcome.kind is OutcomeKind.DELIVERED, outcome
        assert len(inbox.bodies()) == 1

    async def test_nobody_elses_is_taken(self, broker, tls_port):
        outcome = await over(broker, tls_port, "orders")
        failed(outcome, Failure.NETWORK, "certificate verify failed")

    @pytest.mark.parametrize("tls", [("elsewhere.example",)], indirect=True)
    async def test_one_for_another_host_is_not_taken(self, broker, tls, tls_port):
        outcome = await over(broker, tls_port, "orders", ca_certs=str(tls.certificate))
        failed(outcome, Failure.NETWORK, "certificate verify failed")

    async def test_a_broker_without_tls_is_not_spoken_to_in_plain_text(self, broker):
        outcome = await over(broker, broker.port, broker.exchange().name, timeout=5.0)
        assert outcome.kind is OutcomeKind.RETRYABLE
        assert USER["password"] not in outcome.detail
