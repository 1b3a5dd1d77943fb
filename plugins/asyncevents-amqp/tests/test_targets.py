"""Which brokers may be delivered to, and as whom."""

from __future__ import annotations

import pytest

from asyncevents_amqp.config import Allowed, AmqpConfig, Target, read_target
from asyncevents_amqp.plugin import AmqpSinkType
from asyncevents_core.errors import InvalidOptions, InvalidTarget, SettingsError
from asyncevents_core.plugin import Failure
from asyncevents_core.testing import opened
from exchanges import make_request

KIND = AmqpSinkType()
TARGET = "amqp://rabbit.internal/shop/orders"


def read(text, *allow):
    return read_target(text, AmqpConfig(allow=allow))


def test_a_target_is_read_into_its_parts():
    assert read("amqp://Rabbit.Internal./%2F/orders", "rabbit.internal") == Target(
        tls=False, host="rabbit.internal", port=5672, vhost="/", exchange="orders"
    )
    assert read("amqps://[::1]:5673/shop/a%2Fb", "[0:0::1]:5673") == Target(
        tls=True, host="::1", port=5673, vhost="shop", exchange="a/b"
    )
    assert read("amqps://rabbit/shop/", "rabbit").exchange == ""
    assert read("amqps://rabbit/shop/x", "rabbit").port == 5671


@pytest.mark.parametrize(
    ("target", "entry"),
    [
        ("amqp://rabbit.internal/shop/orders", "rabbit.internal"),
        ("amqp://RABBIT.internal/shop/orders", "Rabbit.Internal"),
        ("amqp://a.b.internal/shop/orders", "*.internal"),
        ("amqps://rabbit.internal/shop/orders", "rabbit.internal"),
        ("amqps://rabbit.internal:5672/shop/orders", "rabbit.internal"),
        ("amqp://rabbit.internal:7000/shop/orders", "rabbit.internal:7000"),
        ("amqp://10.1.2.3/shop/orders", "10.1.2.3"),
    ],
)
def test_what_the_settings_name_is_allowed(target, entry):
    assert read(target, "elsewhere", entry).vhost == "shop"


@pytest.mark.parametrize(
    ("target", "entry"),
    [
        ("amqp://rabbit.internal/shop/orders", "rabbit"),
        ("amqp://xrabbit.internal/shop/orders", "rabbit.internal"),
        ("amqp://internal/shop/orders", "*.internal"),
        ("amqp://xinternal/shop/orders", "*.internal"),
        ("amqp://rabbit.internal:22/shop/orders", "rabbit.internal"),
        ("amqp://rabbit.internal/shop/orders", "rabbit.internal:7000"),
        ("amqp://10.1.2.3/shop/orders", "10.1.2.4"),
        ("amqp://167838211/shop/orders", "10.1.2.3"),
    ],
)
def test_what_they_do_not_name_is_refused(target, entry):
    with pytest.raises(InvalidTarget, match=r"SINKS\['amqp'\]\['allow'\]"):
        read(target, entry)


def test_without_settings_nothing_is_allowed():
    with pytest.raises(InvalidTarget, match="allow"):
        read(TARGET)


@pytest.mark.parametrize("entry", ["", "amqp://rabbit", "rab bit", "*", "10.0.0.0/8", "a:b", "::1"])
def test_an_entry_that_is_no_host_is_refused(entry):
    with pytest.raises(ValueError, match="is not a host"):
        Allowed(entry)
    with pytest.raises(ValueError, match="is not a host"):
        AmqpConfig(allow=(entry,))


def test_credentials_in_a_target_are_refused_and_not_repeated():
    with pytest.raises(InvalidTarget) as caught:
        read("amqp://anna:s3cret@rabbit/shop/orders", "rabbit")
    assert "s3cret" not in str(caught.value)


def options(**given):
    return AmqpSinkType.options_class(**given)


def config(**given):
    return AmqpConfig(allow=("rabbit.internal",), **given)


NAMED = {"billing": {"username": "b", "password": "billing-secret"}}


def named():
    from asyncevents_amqp.config import Credentials

    return config(credentials={name: Credentials(**one) for name, one in NAMED.items()})


def test_a_subscriptions_user_goes_first_then_a_named_set_then_the_settings():
    ours = config(username="shop", password="p")
    own = options(username="anna", password="q")
    assert KIND.prepare(TARGET, own, ours).server.username == "anna"
    assert KIND.prepare(TARGET, options(), ours).server.username == "shop"
    assert KIND.prepare(TARGET, options(credentials="billing"), named()).server.username == "b"


def test_what_is_the_operators_is_named():
    assert list(KIND.privileges(options(username="a", password="b"), TARGET, named())) == []
    billing = options(credentials="billing")
    assert list(KIND.privileges(billing, TARGET, named())) == ["credentials:billing"]
    assert list(KIND.privileges(options(), TARGET, named())) == ["default-credentials"]


def test_a_subscription_without_any_user_is_refused():
    with pytest.raises(InvalidOptions, match="name a user"):
        KIND.validate_options(options(), TARGET, config())


def test_a_named_set_that_is_gone_is_for_the_operator_to_mend():
    gone = options(credentials="gone")
    with pytest.raises(InvalidOptions, match="no set 'gone'; it has: billing"):
        KIND.validate_options(gone, TARGET, named())
    with pytest.raises(SettingsError, match="no set 'gone'"):
        KIND.prepare(TARGET, gone, named())


def test_named_sets_stay_secret():
    assert "billing-secret" not in repr(named())


async def test_a_user_that_was_taken_from_the_settings_is_missed_with_a_word():
    ours = config()
    async with opened(KIND, ours) as sink:
        outcome = await sink.deliver(make_request(ours, TARGET), 5.0)
    assert outcome.detail.startswith(f"{Failure.CREDENTIALS}: ")
    assert "SINKS['amqp']" in outcome.detail


def test_certificates_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(SettingsError, match=r"nowhere\.pem"):
        KIND.open(config(ca_certs=str(tmp_path / "nowhere.pem")))
