"""What tenants and tokens may subscribe: sinks, targets by pattern, privileges."""

from __future__ import annotations

import pytest

from asyncevents_core.domain.access import ALL, Actor
from asyncevents_core.domain.allowance import (
    Allowance,
    SinkAllowance,
    matches,
    pattern_mistake,
    tenant_allowances,
)
from asyncevents_core.errors import AccessDenied, SettingsError
from asyncevents_core.settings.schema import Settings

HOOKS = "https://*.acme.example/hooks/*"


@pytest.mark.parametrize(
    ("pattern", "target"),
    [
        ("*", "anything at all"),
        ("*", "https://acme.example/../x"),
        ("https://*", "https://acme.example/hook"),
        ("https://acme.example/*", "HTTPS://ACME.example/Hook"),
        ("HTTPS://Acme.Example/*", "https://acme.example/hook?a=b"),
        ("https://acme.example/hook", "https://acme.example/hook"),
        (HOOKS, "https://eu.acme.example/hooks/orders?a=b"),
        ("https://acme.example:8443/*", "https://acme.example:8443/hook"),
        ("arn:aws:sqs:eu-west-1:*:acme-*", "arn:aws:sqs:eu-west-1:123456789012:acme-orders"),
        ("profile:acme", "profile:acme"),
        ("profile:*", "profile:acme"),
        ("projects/acme/topics/*", "projects/acme/topics/orders"),
    ],
)
def test_what_a_pattern_matches(pattern, target):
    assert pattern_mistake(pattern) is None
    assert matches(pattern, target)


@pytest.mark.parametrize(
    ("pattern", "target"),
    [
        ("https://*", "http://acme.example/"),
        ("https://acme.example/*", "https://acme.example.evil.example/"),
        ("https://acme.example/*", "https://acme.example@evil.example/"),
        ("https://acme.example/*", "https://acme.example"),
        ("https://acme.example/*", "https://acme.example:8443/"),
        ("https://acme.example/hook", "https://acme.example/hook/more"),
        ("https://acme.example/Hook", "https://acme.example/hook"),
        (HOOKS, "https://acme.example/hooks/orders"),
        (HOOKS, "https://evil.example/.acme.example/hooks/"),
        (HOOKS, "https://evil.example?.acme.example/hooks/"),
        (HOOKS, "https://evil.example#.acme.example/hooks/"),
        (HOOKS, "https://evil.example\\.acme.example/hooks/"),
        (HOOKS, "https://evil.example:80.acme.example/hooks/"),
        (HOOKS, "https://me@eu.acme.example/hooks/"),
        (HOOKS, "https://eu.acme.example/hooks/../admin"),
        (HOOKS, "https://eu.acme.example/hooks/%2e%2E/admin"),
        (HOOKS, "https://eu.acme.example/hooks/..\\admin"),
        (HOOKS, "https://eu.acme.example/hooks/./x"),
        ("arn:aws:sqs:eu-west-1:*:acme-*", "arn:aws:sqs:us-east-1:123456789012:acme-orders"),
        ("arn:aws:sqs:*:123456789012:acme", "arn:aws:sqs:eu-west-1:9:123456789012:acme"),
        ("profile:acme", "profile:acme-prod"),
        ("credentials:*", "profile:acme"),
        ("a.c", "abc"),
        ("[a]", "a"),
    ],
)
def test_what_it_does_not(pattern, target):
    assert pattern_mistake(pattern) is None
    assert not matches(pattern, target)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("", "not empty"),
        ("a b", "spaces"),
        ("a\nb", "control"),
        ("*://acme.example/", "the scheme has no"),
        ("https://acme.example*", "write https://acme.example/*"),
        ("https://acme.*", "write https://acme./*"),
        ("https://**", "within the host"),
    ],
)
def test_what_is_no_pattern(pattern, text):
    assert text in (pattern_mistake(pattern) or "")
    with pytest.raises(ValueError, match="targets"):
        SinkAllowance(targets=("*", pattern))


ACME = Allowance(
    whose="tenant 'acme'",
    sinks={
        "http": SinkAllowance(targets=(HOOKS,)),
        "sqs": SinkAllowance(privileges=("profile:acme", "credentials:acme-*")),
    },
)


@pytest.mark.parametrize(
    ("sink", "target", "privileges", "refusal"),
    [
        ("http", "https://eu.acme.example/hooks/x", (), None),
        ("http", "https://evil.example/", (), "may not send to this target with 'http'"),
        ("sqs", "q", ("profile:acme",), None),
        ("sqs", "q", ("credentials:acme-eu",), None),
        ("sqs", "q", (), None),
        ("sqs", "q", ("profile:prod-admin",), "may not use profile:prod-admin of the operator"),
        ("sqs", "q", ("profile:acme", "files"), "may not use files of the operator"),
        ("pubsub", "t", (), r"may not use the sink 'pubsub' \(allowed: http, sqs\)"),
    ],
)
def test_what_a_tenant_may(sink, target, privileges, refusal):
    actor = Actor(who="t", resources=frozenset({ALL}), tenant="acme", allowances=(ACME,))
    if refusal is None:
        actor.require_sink(sink, target, privileges)
        return
    with pytest.raises(AccessDenied, match=f"tenant 'acme' {refusal}"):
        actor.require_sink(sink, target, privileges)


def test_every_allowance_has_to_allow():
    token = Allowance(whose="this token", sinks={"*": SinkAllowance(targets=("https://*",))})
    both = Actor(who="t", allowances=(ACME, token))
    both.require_sink("http", "https://eu.acme.example/hooks/x", ())
    with pytest.raises(AccessDenied, match="this token may not send"):
        both.require_sink("sqs", "q", ())


def test_unless_told_otherwise_a_tenant_uses_nothing_of_the_operators():
    (found,) = tenant_allowances("acme", {})
    assert found.refusal("sqs", "q", ()) is None
    assert found.refusal("sqs", "q", ("default-credentials",)) is not None
    assert tenant_allowances(None, {}) == ()


def test_a_tenant_that_is_named_has_only_what_is_said_of_it():
    rules = {"*": {"*": SinkAllowance()}, "acme": {"http": SinkAllowance()}}
    (acme,) = tenant_allowances("acme", rules)
    assert acme.refusal("sqs", "q", ()) is not None
    (other,) = tenant_allowances("other", rules)
    assert other.refusal("sqs", "q", ()) is None
    (nobody,) = tenant_allowances("acme", {"acme": {}})
    assert nobody.refusal("http", "https://a.example/", ()) is not None
    (unnamed,) = tenant_allowances("other", {"acme": {}})
    assert unnamed.refusal("http", "https://a.example/", ()) is None
    assert unnamed.refusal("file", "a", ("files",)) is not None


def test_the_setting():
    settings = Settings.from_mapping(
        {"TENANT_SINKS": {"acme": {"sqs": {"targets": ["a*"], "privileges": ["profile:acme"]}}}}
    )
    allowed = settings.tenant_sinks["acme"]["sqs"]
    assert allowed == SinkAllowance(targets=("a*",), privileges=("profile:acme",))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"acme": {"http": {"target": ["*"]}}}, "target"),
        ({"acme": {"http": {"targets": "https://*"}}}, "targets"),
        ({"acme": {"http": {"targets": ["https://a.example*"]}}}, "ends within the host"),
        ({"acme": ["http"]}, "TENANT_SINKS"),
    ],
)
def test_mistakes_in_the_setting(value, text):
    with pytest.raises(SettingsError, match="TENANT_SINKS") as caught:
        Settings.from_mapping({"TENANT_SINKS": value})
    assert text in str(caught.value)
