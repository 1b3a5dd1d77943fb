"""The fixtures that core gives to every test: an application, requests to deliver."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from asyncevents_core import DeliveryState, NewSubscription, RetryPolicy
from asyncevents_core.errors import PluginError, SettingsError
from asyncevents_core.plugin import Outcome, hookimpl
from asyncevents_core.testing import RecordingSinkType
from asyncevents_core.testing.sinks import RecordingOptions


class Recording:
    def __init__(self):
        self.type = RecordingSinkType()

    @hookimpl
    def asyncevents_register_sinks(self):
        return [self.type]


def subscribed(application, *, retry=None, secret=None, options=None):
    return application.subscribe(
        NewSubscription(
            event_name="example.created",
            sink="recording",
            target="memory:a",
            retry=retry or RetryPolicy(),
            secret=secret,
            options=options or {},
        )
    )


def test_an_event_goes_all_the_way(local_application):
    plugin = Recording()
    application = local_application(plugin, settings={"SOURCE": "/shop"})
    subscribed(application)
    (trace,) = application.deliver(data={"id": 7})
    assert trace.summary == "Delivered"
    (request,) = plugin.type.recorder.requests
    body = json.loads(request.body)
    assert (body["type"], body["source"], body["data"]) == ("example.created", "/shop", {"id": 7})


def test_failures_are_retried_as_the_policy_says(local_application):
    plugin = Recording()
    plugin.type.recorder.script("memory:a", *[Outcome.retryable("busy")] * 2)
    application = local_application(plugin)
    subscribed(application, retry=RetryPolicy(schedule=(0.0,)))
    (trace,) = application.deliver()
    assert trace.summary == "Delivered with 2 retries"


def test_a_dead_letter_is_over_too(local_application):
    plugin = Recording()
    plugin.type.recorder.script("memory:a", Outcome.permanent("no"))
    application = local_application(plugin)
    subscribed(application)
    (trace,) = application.deliver()
    assert trace.delivery.state is DeliveryState.DEAD


def test_one_without_subscribers_says_so(local_application):
    with pytest.raises(LookupError, match="nobody has subscribed to example"):
        local_application().deliver()


def test_one_that_takes_too_long_says_where_it_is(local_application):
    plugin = Recording()
    plugin.type.recorder.script("memory:a", Outcome.retryable("busy"))
    application = local_application(plugin)
    subscribed(application, retry=RetryPolicy(schedule=(600.0,)))
    with pytest.raises(TimeoutError, match="is not over after 1 s"):
        application.deliver(timeout=1.0)


def test_what_is_installed_stays_out(local_application):
    assert local_application().runtime.plugins.sinks.names() == []


def test_secrets_and_options_are_kept(local_application):
    plugin = Recording()
    application = local_application(plugin)
    subscribed(application, secret="s3cret", options={"note": "for the shop"})
    application.deliver()
    (request,) = plugin.type.recorder.requests
    assert request.secrets == ("s3cret",)
    assert request.options == RecordingOptions(note="for the shop")


def test_each_has_a_ledger_of_its_own_which_goes_with_it(local_application):
    first, second = local_application(Recording()), local_application(Recording())
    subscribed(first)
    assert [len(one.subscriptions()) for one in (first, second)] == [1, 0]
    folder = Path(first.ledger.describe().partition("sqlite:///")[2].partition(", ")[0]).parent
    assert [one.name for one in folder.glob("*.db")] == ["ledger.db"]
    first.close()
    assert not folder.exists()
    first.close()


def test_mistakes_are_raised(local_application):
    class Broken:
        @hookimpl
        def asyncevents_register_sinks(self):
            raise RuntimeError("on purpose")

    with pytest.raises(PluginError, match="on purpose"):
        local_application(Broken())
    with pytest.raises(SettingsError, match="SUORCE"):
        local_application(settings={"SUORCE": "/shop"})


def test_a_request_is_what_a_sink_gets(delivery_request):
    same = UUID(int=7)
    request = delivery_request(
        target="memory:a", data={"id": 1}, event_id=same, secrets=("s3cret",), attempt=2
    )
    body = json.loads(request.body)
    assert (body["id"], body["data"]) == (str(same), {"id": 1})
    assert (request.target, request.secrets, request.attempt) == ("memory:a", ("s3cret",), 2)
    assert request.delivery_id != delivery_request(target="memory:a").delivery_id


def test_the_plugin_costs_tests_that_do_not_use_it_nothing():
    code = (
        "import sys, asyncevents_core.testing.pytest_plugin; "
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    heavy = {"sqlalchemy", "kombu", "click", "rich", "cattrs", "cryptography", "cloudevents"}
    assert not heavy & set(done.stdout.split())
