"""Which region, which credentials, which client; and what settings and options are refused."""

from __future__ import annotations

import logging
import subprocess
import sys

import botocore.session
import pytest
from attrs import fields

from amazon import ACCOUNT, KEYS, TOKEN, client_of, make_request
from asyncevents_aws import clients
from asyncevents_aws.clients import Clients, ClientSettings, fitting
from asyncevents_aws.config import Credentials, SqsConfig
from asyncevents_aws.kinds import (
    EventBridgeSinkType,
    KinesisSinkType,
    SnsSinkType,
    SqsSinkType,
)
from asyncevents_aws.options import KinesisOptions
from asyncevents_aws.targets import read_queue
from asyncevents_core import AsyncEvents, NewSubscription
from asyncevents_core.errors import InvalidOptions, InvalidTarget, SettingsError
from asyncevents_core.plugin import HELP, OutcomeKind

URL = f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/orders"
KINDS = [EventBridgeSinkType(), SqsSinkType(), SnsSinkType(), KinesisSinkType()]


@pytest.fixture
def opened():
    made = []

    def make(kind, **config):
        made.append(kind.open(kind.config_class(**config)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("sqs.eu-west-1.amazonaws.com", "eu-west-1"),
        ("sqs-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("sqs.eu-west-1.api.aws", "eu-west-1"),
        ("vpce-1a2b-3c.sqs.eu-west-1.vpce.amazonaws.com", "eu-west-1"),
        ("eu-west-1.queue.amazonaws.com", "eu-west-1"),
        ("queue.amazonaws.com", "us-east-1"),
    ],
)
def test_the_url_of_a_queue_names_its_region(host, region):
    url = f"https://{host}/{ACCOUNT}/orders"
    assert read_queue(url, endpoint_url=None).region == region


def hosts():
    """Return the hosts of a region of each partition that botocore knows."""
    loader = botocore.session.get_session().get_component("data_loader")
    for partition in loader.load_data("partitions")["partitions"]:
        region = next(one for one in partition["regions"] if "global" not in one)
        for kind in ("dnsSuffix", "dualStackDnsSuffix"):
            for name in ("sqs", "sqs-fips"):
                host = f"{name}.{region}.{partition['outputs'][kind]}"
                yield partition["id"], region, host


@pytest.mark.parametrize(("partition", "region", "host"), [*hosts()])
def test_queues_of_every_partition(partition, region, host):
    assert read_queue(f"https://{host}/{ACCOUNT}/orders", endpoint_url=None).region == region
    arn = f"arn:{partition}:sqs:{region}:{ACCOUNT}:orders"
    assert read_queue(arn, endpoint_url=None).region == region


@pytest.mark.parametrize(
    "host",
    [
        "sqs.eu-west-1.amazonaws.com.evil.example",
        "sqs.eu-west-1.amazonaws.example",
        "sqs.eu-west-1.amazonaws.eu.cn",
        "sqs.eu-west-1.xapi.aws",
        "sqs.eu-west-1.apixaws",
        "c2s.ic.gov",
    ],
)
def test_other_hosts_are_no_queues_of_amazon(host):
    with pytest.raises(InvalidTarget, match="not a host of Amazon SQS"):
        read_queue(f"https://{host}/{ACCOUNT}/orders", endpoint_url=None)


@pytest.mark.parametrize(
    ("target", "options", "config", "region"),
    [
        (f"arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/s", {"region": "eu-west-1"},
         {"region": "us-west-2"}, "eu-west-1"),
        ("s", {"region": "us-east-2"}, {"region": "us-west-2"}, "us-east-2"),
        ("s", {}, {"region": "us-west-2"}, "us-west-2"),
        ("s", {}, {}, "ap-south-1"),
    ],
)  # fmt: skip
def test_the_region_is_the_targets_the_options_the_settings_the_sdks(
    opened, monkeypatch, target, options, config, region
):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    client = client_of(opened(KinesisSinkType(), **KEYS, **config), target, options)
    assert client.meta.region_name == region
    assert client.meta.endpoint_url == f"https://kinesis.{region}.amazonaws.com"


def test_without_any_region_the_outcome_says_what_to_do(opened):
    outcome = opened(KinesisSinkType(), **KEYS).deliver(
        make_request(kind="kinesis", target="s"), 15.0
    )
    assert outcome.kind is OutcomeKind.PERMANENT
    assert outcome.detail.startswith("invalid: no region: name it by an ARN")


PROFILES = """\
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = default
[billing]
aws_access_key_id = AKIABILLING
aws_secret_access_key = billing
"""


@pytest.mark.parametrize(
    ("options", "config", "used"),
    [
        ({}, {}, "AKIADEFAULT"),
        ({}, {"profile": "billing"}, "AKIABILLING"),
        ({}, KEYS, "AKIATEST"),
        ({"profile": "billing"}, KEYS, "AKIABILLING"),
        ({"credentials": "named"}, KEYS, "AKIANAMED"),
        ({"credentials": "filed"}, KEYS, "AKIABILLING"),
        ({"access_key_id": "AKIAOWN", "secret_access_key": "x"}, KEYS, "AKIAOWN"),
    ],
)
def test_credentials_are_the_subscriptions_the_settings_the_sdks(
    opened, tmp_path, options, config, used
):
    (tmp_path / "aws-credentials").write_text(PROFILES)
    named = {
        "named": Credentials(access_key_id="AKIANAMED", secret_access_key="x"),
        "filed": Credentials(profile="billing"),
    }
    sink = opened(SqsSinkType(), credentials=named, **config)
    client = client_of(sink, URL, options)
    assert client._request_signer._credentials.access_key == used


def test_named_credentials_that_are_gone_are_retried(opened):
    request = make_request(target=URL, options={"credentials": "billing"})
    outcome = opened(SqsSinkType()).deliver(request, 15.0)
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert "SINKS['sqs']['credentials'] has no 'billing'; add it" in outcome.detail


def test_a_target_that_became_wrong_is_an_outcome(opened):
    outcome = opened(SqsSinkType()).deliver(make_request(target="http://127.0.0.1/x/y"), 15.0)
    assert outcome.kind is OutcomeKind.PERMANENT
    assert "is not a host of Amazon SQS" in outcome.detail


@pytest.mark.parametrize("kind", KINDS, ids=lambda one: one.name)
def test_credentials_that_appear_later_are_found_without_a_restart(kind, opened, amazon, tmp_path):
    target = {"sqs": amazon.queue, "sns": amazon.topic, "kinesis": amazon.stream}.get(
        kind.name, lambda: amazon.bus(amazon.queue())
    )()
    sink = opened(kind, endpoint_url=amazon.url, region="eu-central-1")
    outcome = sink.deliver(make_request(kind=kind, target=target), 15.0)
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.detail.startswith("credentials: NoCredentialsError: ")
    (tmp_path / "aws-credentials").write_text(PROFILES)
    assert sink.deliver(make_request(kind=kind, target=target), 15.0).kind is OutcomeKind.DELIVERED


def test_a_profile_that_is_missing_is_a_matter_of_credentials(opened):
    sink = opened(SqsSinkType(), profile="no-such")
    outcome = sink.deliver(make_request(target=URL), 15.0)
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.detail.startswith("credentials: ProfileNotFound: ")


def test_a_queue_named_by_its_arn_is_asked_for_once(opened, amazon, calls):
    sink = opened(SqsSinkType(), **amazon.settings())
    arn = amazon.arn_of(amazon.queue())
    for _ in range(3):
        assert sink.deliver(make_request(target=arn), 15.0).kind is OutcomeKind.DELIVERED
    assert [name for name, _ in calls].count("GetQueueUrl") == 1


def settings(name, region="eu-west-1"):
    keys = Credentials(access_key_id=name, secret_access_key="x")
    return ClientSettings(credentials=keys, region=region, endpoint_url=None)


def test_clients_are_kept_within_bounds_and_closed(monkeypatch):
    monkeypatch.setattr(clients, "SESSIONS_KEPT", 2)
    monkeypatch.setattr(clients, "CLIENTS_KEPT", 2)
    closed = []
    monkeypatch.setattr(clients, "_close", closed.append)
    kept = Clients("sqs", timeout=10.0, connections=16)
    first = kept.get(settings("a"), 15.0)
    assert kept.get(settings("a"), 15.0) is first
    other = kept.get(settings("a"), 5.0)
    assert other is not first
    kept.get(settings("a", "us-east-1"), 15.0)
    assert closed == [first]
    kept.get(settings("b"), 15.0)
    kept.get(settings("c"), 15.0)
    assert len(closed) == 3
    kept.close()
    assert len(closed) == 5


def test_time_outs_fit_into_the_time_that_is_left():
    assert [fitting(10.0, left) for left in (15, 10, 9, 4, 1, 0.1)] == [
        10, 10, 5, 2.5, 0.625, 0.3125
    ]  # fmt: skip
    assert fitting(0.2, 0.1) == 0.2
    kept = Clients("sqs", timeout=9.0, connections=7)
    config = kept.get(settings("a"), 15.0).meta.config
    assert (config.connect_timeout, config.read_timeout) == (3.0, 6.0)
    assert config.retries["total_max_attempts"] == 1
    assert config.max_pool_connections == 7
    kept.close()


def events_with(sinks):
    return AsyncEvents({"EVENTS": {"sales.order.created": {}}, "SINKS": sinks})


def subscription(**more):
    return NewSubscription(**{"event_name": "sales.order.created", "sink": "sqs",
                              "target": URL, **more})  # fmt: skip


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"access_key_id": "x"}, "SINKS['sqs']: access_key_id and secret_access_key are given"),
        ({"session_token": "x"}, "session_token belongs to an access_key_id"),
        ({**KEYS, "profile": "p"}, "a profile or an access_key_id, not both"),
        ({"timeout": 0}, "SINKS['sqs'].timeout: "),
        (
            {"credentials": {"a": {"nonsense": 1}}},
            "credentials: is not what is wanted here; a secret",
        ),
        (
            {"credentials": {"a": {"session_token": "x"}}},
            "credentials: is not what is wanted here; a secret",
        ),
    ],
)
def test_settings_that_do_not_fit_are_named(values, message):
    with (
        events_with({"sqs": values}) as events,
        pytest.raises(SettingsError, match=r"mistake") as found,
    ):
        events.runtime.check_subscription(subscription())
    assert message in str(found.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"credentials": "b"}, "has no 'b' (it has: a)"),
        ({"credentials": "a", "profile": "p"}, "only one of them"),
        ({"access_key_id": "x"}, "access_key_id and secret_access_key are given together"),
        ({"region": "us-east-1"}, "'us-east-1', but the target is in 'eu-west-1'; leave it out"),
        ({"group_id": "customer"}, "options.group_id: 'customer' is neither a path"),
        ({"attributes": ["x"]}, "options.attributes: 'x' is not a path"),
        ({"attributes": [f"data.x{n}" for n in range(7)]}, "at most 6 paths"),
        ({"max_bytes": 2_000_000}, "options.max_bytes: "),
        ({"endpoint_url": "http://10.0.0.1"}, "options.endpoint_url: no such option"),
    ],
)
def test_options_that_do_not_fit_are_refused_when_subscribing(options, message):
    sinks = {"sqs": {"credentials": {"a": {"profile": "p"}}}}
    with events_with(sinks) as events, pytest.raises(InvalidOptions) as found:
        events.runtime.check_subscription(subscription(options=options))
    assert message in str(found.value)


def test_options_that_fit_are_accepted():
    options = {"region": "eu-west-1", "credentials": "a", "group_id": "tenant",
               "attributes": ["data.id"], "max_bytes": 1000}  # fmt: skip
    with events_with({"sqs": {"credentials": {"a": {"profile": "p"}}}}) as events:
        events.runtime.check_subscription(subscription(options=options))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_forms_say_what_each_option_is_for(kind):
    assert all(one.metadata[HELP].endswith(".") for one in fields(kind.options_class))


def test_secrets_are_in_no_repr():
    secrets = {"secret_access_key": "sk-1", "session_token": "st-1"}
    named = Credentials(access_key_id="AKIA1", **secrets)
    config = SqsConfig(access_key_id="AKIA2", credentials={"a": named}, **secrets)
    options = SqsSinkType.options_class(access_key_id="AKIA3", **secrets)
    route = ClientSettings(credentials=named, region=None, endpoint_url=None)
    shown = repr([named, config, options, route, config.alone])
    assert "sk-1" not in shown
    assert "st-1" not in shown


def test_botocores_debug_log_is_held_back_unless_it_was_asked_for(amazon, caplog, monkeypatch):
    logger = logging.getLogger("botocore")
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    logger.manager._clear_cache()
    caplog.set_level(logging.DEBUG)
    kind = SqsSinkType()
    config = kind.config_class(**amazon.settings(session_token=TOKEN))
    request = make_request(target=amazon.queue())
    sink = kind.open(config)
    assert sink.deliver(request, 15.0).kind is OutcomeKind.DELIVERED
    assert TOKEN not in caplog.text
    sink.close()
    # Whoever sets botocore's own level gets its log: with the token, but never the secret key.
    caplog.set_level(logging.DEBUG, logger="botocore")
    sink = kind.open(config)
    sink.deliver(request, 15.0)
    sink.close()
    assert TOKEN in caplog.text
    assert KEYS["secret_access_key"] not in caplog.text


def test_a_region_in_the_options_goes_with_a_target_that_names_none():
    kind = KinesisSinkType()
    kind.validate_options(KinesisOptions(region="eu-west-1"), "orders", kind.config_class())


def test_equal_options_share_a_route_and_a_group(opened):
    sink = opened(SqsSinkType())
    first = make_request(target=URL, options={"region": "eu-west-1", "attributes": ["data.a"]})
    second = make_request(target=URL, options={"attributes": ["data.a"], "region": "eu-west-1"})
    assert sink.group(first) == sink.group(second)
    assert sink._route(first.target, first.options) is sink._route(second.target, second.options)


def test_the_plugin_loads_no_sdk():
    code = (
        "from asyncevents_aws import plugin, kinds; plugin.asyncevents_register_sinks();"
        "import sys; print(*sorted(name.split('.')[0] for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"boto3", "botocore", "urllib3", "sqlalchemy", "kombu"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("options", "privileges"),
    [
        ({}, ("default-credentials",)),
        ({"region": "eu-west-1"}, ("default-credentials",)),
        ({"profile": "prod-admin"}, ("profile:prod-admin",)),
        ({"credentials": "a"}, ("credentials:a",)),
        ({"access_key_id": "AKIAOWN", "secret_access_key": "own"}, ()),
    ],
)
def test_what_a_subscription_borrows(options, privileges):
    with events_with({"sqs": {"credentials": {"a": {"profile": "p"}}}}) as events:
        checked = events.runtime.check_subscription(subscription(options=options))
    assert checked.privileges == privileges
