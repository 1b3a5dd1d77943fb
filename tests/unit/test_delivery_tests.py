"""Test events: one real attempt, without a trace in the ledger."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from asyncevents_core import NewSubscription, Settings
from asyncevents_core.catalog import EventCatalog
from asyncevents_core.cli.delivery_tests import dry_rules
from asyncevents_core.domain.outcome import Failure
from asyncevents_core.engine.managing.delivery_tests import (
    TEST_EVENT,
    deliver_dry,
    deliver_dry_to_target,
)
from asyncevents_core.errors import InvalidOptions, InvalidSecret, InvalidTarget, NotFound
from asyncevents_core.plugin import EventDefinition, Outcome, OutcomeKind, hookimpl
from asyncevents_core.plugin_registry import load_plugins
from asyncevents_core.runtime import Runtime
from asyncevents_core.testing import RecordingSinkType
from asyncevents_core.testing.builders import make_subscription
from tests.unit.harness import OPERATOR


class Kind:
    def __init__(self):
        self.type = RecordingSinkType()

    @hookimpl
    def asyncevents_register_sinks(self):
        return [self.type]


@pytest.fixture
def kind():
    return Kind()


@pytest.fixture
def rules(kind, ledger):
    plugins = load_plugins([kind], found=[])
    settings = Settings.from_mapping({"SOURCE": "/shop", "SINK_DEADLINE": 0.2})
    return dry_rules(Runtime(settings, ledger=ledger, plugins=plugins))


def wanted(**values):
    return NewSubscription(
        **{"event_name": TEST_EVENT, "sink": "recording", "target": "memory:a", **values}
    )


async def test_a_target_that_nobody_has_subscribed_gets_a_cloudevent(rules, kind):
    dry = await deliver_dry_to_target(wanted(secret="s3cret", tenant="t"), rules)
    assert dry.outcome == Outcome.delivered("recorded")
    (request,) = kind.type.recorder.requests
    body = json.loads(request.body)
    assert (body["type"], body["source"], body["tenant"]) == (TEST_EVENT, "/shop", "t")
    assert body["id"] == str(dry.event.id) == str(request.event_id)
    assert body["data"]["test"] is True
    assert (request.secrets, request.attempt, request.tenant) == (("s3cret",), 1, "t")
    assert request.body == dry.body
    assert kind.type.recorder.closed == 1


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"target": "elsewhere"}, InvalidTarget),
        ({"options": {"no": "such"}}, InvalidOptions),
        ({"secret": "whsec_***"}, InvalidSecret),
    ],
)
async def test_what_does_not_fit_is_refused_before_anything_is_sent(rules, kind, values, error):
    with pytest.raises(error):
        await deliver_dry_to_target(wanted(**values), rules)
    assert kind.type.recorder.requests == []


async def test_a_failure_is_the_outcome(rules, kind):
    kind.type.recorder.script("memory:a", Outcome.failed(Failure.THROTTLED, "HTTP 429"))
    dry = await deliver_dry_to_target(wanted(), rules)
    assert dry.outcome.detail == "throttled: HTTP 429"
    assert len(kind.type.recorder.requests) == 1


async def test_it_ends_at_the_deadline(rules, kind):
    kind.type.recorder.hold("memory:a")
    dry = await deliver_dry_to_target(wanted(), rules)
    assert dry.outcome.kind is OutcomeKind.RETRYABLE
    assert dry.outcome.timed_out


async def test_a_bug_of_the_sink_is_an_outcome(rules, kind):
    kind.type.recorder.script("memory:a", RuntimeError("on purpose"))
    assert (
        "RuntimeError: on purpose" in (await deliver_dry_to_target(wanted(), rules)).outcome.detail
    )


async def test_a_subscription_is_tried_as_it_is(rules, kind, ledger):
    made = make_subscription(target="memory:b", secret="s3cret", tenant="t")
    number = ledger.run(lambda tx: tx.subscriptions.insert(made))
    dry = await deliver_dry(ledger, number, rules, by=OPERATOR, event_name="order.created")
    (request,) = kind.type.recorder.requests
    assert (request.target, request.secrets, request.tenant) == ("memory:b", ("s3cret",), "t")
    assert (request.subscription_id, request.event_name) == (number, "order.created")
    assert json.loads(dry.body)["type"] == "order.created"
    assert ledger.read(lambda view: view.traces.of_event(dry.event.id, limit=9)) == []


async def test_a_subscription_that_is_not_there(rules, ledger):
    with pytest.raises(NotFound, match="no subscription 7"):
        await deliver_dry(ledger, 7, rules, by=OPERATOR)


# -- the command line ----------------------------------------------------------------------------


def test_check_tries_a_sink_without_settings(folder, run):
    output = run("check", "--sink", "file", "--target", "tried.jsonl").output
    assert output.startswith("delivered in ")
    body = json.loads((folder / "tried.jsonl").read_text())
    assert body["type"] == "asyncevents.test"
    assert body["id"] in output


def test_check_says_why_it_was_not_delivered(folder, run, settings):
    run("init", settings(), "--dev")
    arguments = ("check", "--sink", "http", "--target", "http://127.0.0.1:1/", "--secret", "x")
    output = run(*arguments, code=1).output
    assert output.startswith("not delivered in ")
    assert "network: cannot connect to 127.0.0.1:1" in output
    assert "a worker would try again later" in output
    (row,) = run.rows(*arguments, "--event", "order.created", code=1)
    assert (row["outcome"], row["http_status"], row["event_name"]) == (
        "retryable",
        None,
        "order.created",
    )


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--sink", "http"], 2, "belong together"),
        (["--target", "x"], 2, "belong together"),
        (["--secret", "x"], 2, "go with --sink"),
        (["--option", "a=b"], 2, "go with --sink"),
        (["--sink", "fiel", "--target", "x"], 1, "did you mean 'file'"),
        (["--sink", "file", "--target", "../x"], 1, "is not below"),
        (["--sink", "file", "--target", "x", "--option", "a"], 2, "NAME=VALUE"),
        (["--sink", "file", "--target", "x", "--option", "a=b"], 1, "no such option"),
        (["--sink", "file", "--target", "x", "--event", "a b"], 2, "event's name"),
    ],
)
def test_check_refuses(folder, run, arguments, code, text):
    assert text in run("check", *arguments, code=code).output
    assert list(folder.iterdir()) == []


def test_a_subscription_can_be_tested(folder, ready):
    ready("subscribe", "example.created", "made.jsonl", "--sink", "file", "--disabled")
    assert ready("subscriptions", "test", "1").output.startswith("delivered in ")
    (row,) = ready.rows("subscriptions", "test", "1", "--event", "example.created")
    assert (row["outcome"], row["target"]) == ("delivered", "made.jsonl")
    types = [json.loads(line)["type"] for line in (folder / "made.jsonl").read_text().splitlines()]
    assert types == ["asyncevents.test", "example.created"]
    assert ready.rows("logs") == []
    assert "no subscription 9" in ready("subscriptions", "test", "9", code=1).output


async def test_an_event_that_has_examples_is_tested_with_the_first_of_them(rules, kind):
    known = EventCatalog(
        [EventDefinition(name="order.created", examples=[{"id": 1}, {}]), EventDefinition(name="a")]
    )
    sent = {}
    for name in ("order.created", "a", "unknown", TEST_EVENT):
        dry = await deliver_dry_to_target(wanted(event_name=name), evolve(rules, definitions=known))
        sent[name] = json.loads(dry.body)["data"]
    assert sent["order.created"] == {"id": 1}
    assert sent["a"] == sent["unknown"] == sent[TEST_EVENT]
    assert sent["a"]["test"] is True
