"""The fixtures that core gives to every test: an application in memory, requests to deliver."""

from __future__ import annotations

import json
import subprocess
import sys
from uuid import UUID

import pytest

from asyncevents_core import DeliveryState, NewSubscription, RetryPolicy
from asyncevents_core.errors import PluginError, SettingsError
from asyncevents_core.plugin import Outcome, hookimpl
from asyncevents_core.testing import RecordingSinkType


class Recording:
    def __init__(self):
        self.type = RecordingSinkType()

    @hookimpl
    def asyncevents_register_sinks(self):
        return [self.type]


def subscribed(application, *, retry=None):
    return application.subscribe(
        NewSubscription(
            event_name="example.created",
            sink="recording",
            target="memory:a",
            retry=retry or RetryPolicy(),
        )
    )


def test_an_event_goes_all_the_way_in_memory(memory_application):
    plugin = Recording()
    application = memory_application(plugin, settings={"SOURCE": "/shop"})
    subscribed(application)
    (trace,) = application.deliver(data={"id": 7})
    assert trace.summary == "Delivered"
    (request,) = plugin.type.recorder.requests
    body = json.loads(request.body)
    assert (body["type"], body["source"], body["data"]) == ("example.created", "/shop", {"id": 7})


def test_failures_are_retried_as_the_policy_says(memory_application):
    plugin = Recording()
    plugin.type.recorder.script("memory:a", *[Outcome.retryable("busy")] * 2)
    application = memory_application(plugin)
    subscribed(application, retry=RetryPolicy(schedule=(0.0,)))
    (trace,) = application.deliver()
    assert trace.summary == "Delivered with 2 retries"


def test_a_dead_letter_is_over_too(memory_application):
    plugin = Recording()
    plugin.type.recorder.script("memory:a", Outcome.permanent("no"))
    application = memory_application(plugin)
    subscribed(application)
    (trace,) = application.deliver()
    assert trace.delivery.state is DeliveryState.DEAD


def test_one_without_subscribers_says_so(memory_application):
    with pytest.raises(LookupError, match="nobody has subscribed to example"):
        memory_application().deliver()


def test_one_that_takes_too_long_says_where_it_is(memory_application):
    plugin = Recording()
    plugin.type.recorder.script("memory:a", Outcome.retryable("busy"))
    application = memory_application(plugin)
    subscribed(application, retry=RetryPolicy(schedule=(600.0,)))
    with pytest.raises(TimeoutError, match="is not over after 1 s"):
        application.deliver(timeout=1.0)


def test_what_is_installed_stays_out(memory_application):
    assert memory_application().runtime.plugins.sinks.names() == []


def test_mistakes_are_raised(memory_application):
    class Broken:
        @hookimpl
        def asyncevents_register_sinks(self):
            raise RuntimeError("on purpose")

    with pytest.raises(PluginError, match="on purpose"):
        memory_application(Broken())
    with pytest.raises(SettingsError, match="SUORCE"):
        memory_application(settings={"SUORCE": "/shop"})


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
