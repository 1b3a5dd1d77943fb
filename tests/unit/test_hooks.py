"""Hooks are called as pluggy documents it, for one plugin at a time."""

from __future__ import annotations

from asyncevents_core.plugin import EventDefinition, hookimpl
from asyncevents_core.plugin_registry import load_plugins
from asyncevents_core.testing import RecordingSinkType


def sinks(*plugins):
    found = load_plugins(plugins, found=[])
    return found.sinks.names(), [str(one) for one in found.problems]


def test_a_function_may_have_another_name():
    class Plugin:
        @hookimpl(specname="asyncevents_register_sinks")
        def my_sinks(self):
            return [RecordingSinkType()]

    assert sinks(Plugin()) == (["recording"], [])


def test_what_is_not_marked_is_not_called():
    class Plugin:
        def asyncevents_register_sinks(self):
            raise AssertionError("it is not marked")

    assert sinks(Plugin()) == ([], [])


def test_an_optional_hook_may_be_unknown():
    class Plugin:
        @hookimpl(optionalhook=True)
        def asyncevents_of_the_future(self):
            return []

        @hookimpl
        def asyncevents_register_sinks(self):
            return [RecordingSinkType()]

    assert sinks(Plugin()) == (["recording"], [])


def test_one_plugin_may_implement_a_hook_twice():
    class Other(RecordingSinkType):
        name = "other"

    class Plugin:
        @hookimpl
        def asyncevents_register_sinks(self):
            return [RecordingSinkType()]

        @hookimpl(specname="asyncevents_register_sinks")
        def more(self):
            return [Other()]

    assert sinks(Plugin()) == (["other", "recording"], [])


def test_a_wrapper_is_around_each_plugins_call():
    seen = []

    class Wrapping:
        @hookimpl(wrapper=True)
        def asyncevents_register_events(self):
            results = yield
            seen.append([one.name for result in results for one in result])
            return [[one for one in result if one.name != "not.wanted"] for result in results]

    class Events:
        def __init__(self, *names):
            self._names = names

        @hookimpl
        def asyncevents_register_events(self):
            return [EventDefinition(name=name) for name in self._names]

    found = load_plugins([Wrapping(), Events("a.b", "not.wanted"), Events("c.d")], found=[])
    assert [one.name for one in found.events] == ["a.b", "c.d"]
    assert seen == [["a.b", "not.wanted"], ["c.d"]]


def test_a_wrapper_that_raises_costs_nobody_elses_hooks():
    class Wrapping:
        @hookimpl(wrapper=True)
        def asyncevents_register_events(self):
            yield
            raise RuntimeError("on purpose")

    class Both:
        @hookimpl
        def asyncevents_register_events(self):
            return [EventDefinition(name="a.b")]

        @hookimpl
        def asyncevents_register_sinks(self):
            return [RecordingSinkType()]

    found = load_plugins([Wrapping(), Both()], found=[])
    assert found.sinks.names() == ["recording"]
    (problem,) = found.problems
    assert "on purpose" in str(problem)


def test_the_order_is_that_of_loading_unless_a_plugin_asks_for_another():
    called = []

    def plugin(name, **options):
        class Plugin:
            @hookimpl(**options)
            def asyncevents_prepare_process(self):
                called.append(name)

        return Plugin()

    plugins = load_plugins(
        [plugin("a", trylast=True), plugin("b"), plugin("c", tryfirst=True), plugin("d")], found=[]
    )
    plugins.prepare_process()
    assert called == ["c", "b", "d", "a"]
