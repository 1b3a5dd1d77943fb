"""Plugins of every version of the plugin API work with this core."""

from __future__ import annotations

import json

import pytest

from asyncevents_core import PLUGIN_API, NewSubscription
from asyncevents_core.adapters import builtins
from asyncevents_core.errors import InvalidOptions
from asyncevents_core.plugin_registry import load_plugins
from tests.plugin_api import plugin_of_api_1 as first

SETTINGS = {
    "EVENTS": {},
    "SERVICE_RESOLVER": "first-resolver",
    "RETRY_MANAGER": "first-manager",
    "RETRY_POLICY": "first-policy",
    "SINKS": {
        "loud": {"fails": 1},
        "louder": {"type": "loud", "token": "t"},
    },
}


def test_there_is_one_for_each_version():
    assert PLUGIN_API == first.ASYNCEVENTS_PLUGIN_API, "add a plugin of the new version"


def test_the_first_is_loaded_as_a_whole():
    plugins = load_plugins([builtins, first], found=[], commands=True)
    assert plugins.problems == ()
    assert plugins.sinks.names() == ["loud", "many", "slow"]
    assert "first-resolver" in plugins.service_resolvers.names()
    assert "first-manager" in plugins.retry_managers.names()
    assert plugins.retry_policies.names() == ["first-policy"]
    assert plugins.commands.names() == ["first-command"]
    assert {"first.plain", "first.resolved"} <= {one.name for one in plugins.events}
    assert [one.name for one in plugins.observers] == ["Listening"]


def test_the_first_delivers(local_application):
    application = local_application(first, settings=SETTINGS)
    for kept in (first.DELIVERED, first.PREPARED, first.ENDED, first.SCHEDULED, first.AROUND):
        kept.clear()
    for sink, target, options in (
        ("loud", "loud:a", {"level": 3}),
        ("louder", "loud:b", {}),
        ("slow", "anything", {}),
        ("many", "anything", {}),
    ):
        application.subscribe(
            NewSubscription(event_name="first.resolved", sink=sink, target=target, options=options)
        )
    traces = application.deliver("first.resolved", {"id": 1})
    assert [trace.summary for trace in traces].count("Delivered") == 3
    assert "Delivered with 1 retry" in [trace.summary for trace in traces]
    assert json.loads(traces[0].event.body)["data"] == {"resolved": {"id": 1}}
    got = {(name, prepared): options for name, options, prepared in first.DELIVERED}
    assert got["loud", "a"] == first.Options(level=3)
    assert got["loud", "b"] == first.Options()
    assert {name for name, *_ in first.DELIVERED} == {"loud", "slow", "many"}
    # Once for each subscription, although one was tried twice.
    assert sorted(first.PREPARED) == ["loud:a", "loud:b"]
    assert len(first.SCHEDULED) == 1
    assert first.AROUND == ["first.resolved"]
    application.close()
    assert len(first.ENDED) == 5


def test_the_first_refuses(local_application):
    application = local_application(first, settings=SETTINGS)
    wanted = NewSubscription(
        event_name="first.plain", sink="loud", target="loud:a", options={"level": 11}
    )
    with pytest.raises(InvalidOptions, match="too loud"):
        application.subscribe(wanted)
