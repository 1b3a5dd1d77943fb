"""What `check` says of subscriptions takes as long for many as for a few thousand."""

from __future__ import annotations

import pytest
from attrs import evolve
from cryptography.fernet import Fernet

from asyncevents_core import AsyncEvents, NewSubscription, Settings
from asyncevents_core.cli import findings


@pytest.fixture
def events(tmp_path):
    settings = Settings.from_mapping(
        {
            "LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db",
            "BROKER_URL": "memory://",
            "EVENTS": {"order.created": {}},
            "SECRET_KEYS": [Fernet.generate_key().decode()],
            "TENANT_SINKS": {"allowed": {"http": {}}, "*": {}},
        }
    )
    with AsyncEvents(settings) as made:
        made.upgrade()
        yield made


def subscribe(events, *tenants):
    for number, tenant in enumerate(tenants):
        events.subscribe(
            NewSubscription(
                event_name="order.created",
                sink="http",
                target=f"https://example.com/{number}",
                secret="supersecret-supersecret",
                tenant=tenant,
            )
        )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "5 retries within 55 s, then a dead letter"),
        ({"RETRY_SCHEDULE": "days"}, "14 retries within 3 d, then a dead letter"),
        ({"RETRY_SCHEDULE": "days", "MAXIMUM_DEATHS": 5}, "ends the schedule 'days' before its"),
        ({"MAXIMUM_DEATHS": 1}, "1 retry within 1 s, then a dead letter: MAXIMUM_DEATHS ends"),
    ],
)
def test_check_says_how_long_deliveries_are_tried(tmp_path, changed, words):
    settings = {"LEDGER_URL": f"sqlite:///{tmp_path}/ledger.db", "BROKER_URL": "memory://"}
    with AsyncEvents({**settings, **changed}) as events:
        events.upgrade()
        ((state, detail),) = said(findings._retries(events.runtime), "retries")
    assert state == "ok"
    assert words in detail


@pytest.mark.parametrize(
    ("changed", "state", "words"),
    [
        ({"METRICS": "prometheus"}, "warning", "set HEALTH_ADDRESS"),
        ({"HEALTH_ADDRESS": "127.0.0.1:9464"}, "ok", "probes at 127.0.0.1:9464"),
        (
            {"METRICS": "prometheus", "HEALTH_ADDRESS": "[::1]:1"},
            "ok",
            "probes at [::1]:1, METRICS = 'prometheus'",
        ),
    ],
)
def test_check_says_where_numbers_are_to_be_had(changed, state, words):
    settings = {"LEDGER_URL": "sqlite:///ledger.db", "BROKER_URL": "memory://"}
    with AsyncEvents({**settings, **changed}) as events:
        ((found, detail),) = said(findings._metrics(events.runtime), "health")
    assert found == state
    assert words in detail


def test_check_says_nothing_of_numbers_that_nobody_wants(events):
    assert list(findings._metrics(events.runtime)) == []


def said(found, what):
    return [(one.state, one.detail) for one in found if one.what == what]


def test_subscriptions_beyond_what_tenants_may_are_named_and_counted(events):
    subscribe(events, "allowed", *["other"] * 7, None)
    found = said(findings._tenants(events.runtime), "tenants")
    assert [state for state, _ in found] == ["warning"] * 6
    assert found[0][1].startswith("subscription 2: tenant 'other' may not use the sink 'http'")
    assert found[0][1].endswith("(TENANT_SINKS)")
    assert found[-1][1] == "and 2 subscriptions more of this kind"


def test_only_the_first_are_looked_at_which_is_said(events, monkeypatch):
    monkeypatch.setattr(findings, "_LOOKED_AT", 2)
    subscribe(events, None, "allowed", None, "other")
    (refused,) = said(findings._tenants(events.runtime), "tenants")
    assert refused[0] == "warning"
    subscribe(events, "other")
    found = said(findings._tenants(events.runtime), "tenants")
    assert found == [
        refused,
        ("ok", "only the first 2 were looked at; asyncevents subscriptions list has all"),
    ]


def test_without_tenants_nothing_is_said(events):
    subscribe(events, None, None)
    assert list(findings._tenants(events.runtime)) == []


def test_what_no_key_decrypts_is_named_and_counted(events, tmp_path, monkeypatch):
    subscribe(events, *[None] * 8)
    keys = (Fernet.generate_key().decode(),)
    with AsyncEvents(evolve(events.runtime.settings, secret_keys=keys)) as other:
        found = said(findings._ledger(other.runtime), "subscriptions")
        assert [state for state, _ in found] == ["error"] * 6
        assert found[0][1].startswith("subscription 1: none of SECRET_KEYS decrypts")
        assert found[-1][1] == "and 3 subscriptions more of this kind"
        monkeypatch.setattr(findings, "_LOOKED_AT", 7)
        *_, counted, bounded = said(findings._ledger(other.runtime), "subscriptions")
        assert counted[1] == "and 2 subscriptions more of this kind"
        assert bounded == (
            "ok",
            "only the first 7 were looked at; asyncevents secrets rotate --check looks at all",
        )
