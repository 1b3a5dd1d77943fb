"""Plugins: what they register, and what is said of those that cannot be used."""

from __future__ import annotations

import sys

import pytest

from asyncevents_core import AsyncEvents, Settings
from asyncevents_core.adapters import builtins
from asyncevents_core.errors import DuplicateName, PluginError, UnknownName
from asyncevents_core.plugin import EventDefinition, hookimpl
from asyncevents_core.plugin_registry import load_plugins
from asyncevents_core.runtime import Runtime
from asyncevents_core.testing import RecordingSinkType

SINK = """
from asyncevents_core.plugin import hookimpl
from asyncevents_core.testing import RecordingSinkType

class Sink(RecordingSinkType):
    name = {name!r}

@hookimpl
def asyncevents_register_sinks():
    return [Sink()]
"""


def test_builtins_register_through_the_same_hooks():
    plugins = load_plugins([builtins], found=[])
    assert plugins.service_resolvers.names() == ["import"]
    assert plugins.retry_managers.names() == ["ledger", "rabbitmq"]
    assert plugins.problems == ()
    sources = {entry.source.distribution for entry in plugins.retry_managers}
    assert sources == {"asyncevents-core"}


def test_a_plugin_is_found_and_named(install):
    plugins = load_plugins(found=[install("good", SINK.format(name="one"))])
    assert plugins.sinks.get("one").title
    (entry,) = plugins.sinks
    assert str(entry.source) == "plugin 'good' of dist-good 1.2.3"


BROKEN = {
    "cannot be imported": "import no_such_thing",
    "SyntaxError": "def",
    "does not fit": """
        from asyncevents_core.plugin import hookimpl
        @hookimpl
        def asyncevents_register_sinks(surprise):
            return []
    """,
    "there is no hook 'asyncevents_register_sink' (did you mean 'asyncevents_register_sinks'": """
        from asyncevents_core.plugin import hookimpl
        @hookimpl
        def asyncevents_register_sink():
            return []
    """,
    "RuntimeError('on purpose')": """
        from asyncevents_core.plugin import hookimpl
        @hookimpl
        def asyncevents_register_sinks():
            raise RuntimeError("on purpose")
    """,
    "is not an instance of SinkType": """
        from asyncevents_core.plugin import hookimpl
        @hookimpl
        def asyncevents_register_sinks():
            return ["a sink"]
    """,
}


@pytest.mark.parametrize(("message", "source"), BROKEN.items())
def test_a_broken_plugin_is_named_and_the_others_keep_working(install, message, source):
    points = [install("broken", source), install("good", SINK.format(name="one"))]
    plugins = load_plugins([builtins], found=points)
    (problem,) = plugins.problems
    assert str(problem).startswith("plugin 'broken' of dist-broken 1.2.3: ")
    assert message in str(problem)
    assert plugins.sinks.names() == ["one"]
    assert plugins.retry_managers.names() == ["ledger", "rabbitmq"]


def test_a_duplicate_name_names_both_sides_and_the_others_keep_working(install):
    points = [
        install("first", SINK.format(name="same")),
        install("second", SINK.format(name="same")),
        install("third", SINK.format(name="other")),
    ]
    plugins = load_plugins(found=points)
    (problem,) = plugins.problems
    with pytest.raises(DuplicateName) as caught:
        plugins.sinks.get("same")
    for text in (str(problem), str(caught.value)):
        assert "dist-first" in text
        assert "dist-second" in text
    assert plugins.sinks.get("other").name == "other"


def test_an_unknown_name():
    plugins = load_plugins([builtins], found=[])
    with pytest.raises(UnknownName, match=r"pip install asyncevents-http"):
        plugins.sinks.get("http")
    with pytest.raises(UnknownName, match=r"did you mean 'ledger'"):
        plugins.retry_managers.get("ledgr")


class Container:
    @hookimpl
    def asyncevents_build_service(self, cls: type) -> object | None:
        return "from the container" if cls is dict else None


class Events:
    @hookimpl
    def asyncevents_register_events(self) -> list[EventDefinition]:
        return [EventDefinition(name="plugin.event")]

    @hookimpl
    def asyncevents_register_sinks(self) -> list[RecordingSinkType]:
        return [RecordingSinkType()]


def test_services_are_built_by_the_first_plugin_that_does():
    plugins = load_plugins([Container()], found=[])
    assert plugins.build_service(dict) == "from the container"
    assert plugins.build_service(list) == []


def test_one_plugin_may_register_several_things():
    plugins = load_plugins([Events()], found=[])
    assert [entry.name for entry in plugins.events] == ["plugin.event"]
    assert plugins.sinks.names() == ["recording"]


def test_what_is_installed_here():
    plugins = load_plugins([builtins], commands=True)
    assert plugins.problems == ()
    assert {"http", "file"} <= set(plugins.sinks.names())
    assert {"listen", "dev", "demo"} <= set(plugins.commands.names())


HOOKS = """
from asyncevents_core.plugin import EventDefinition, hookimpl

prepared = []

@hookimpl
def asyncevents_prepare_process():
    prepared.append(1)

class Object:
    @hookimpl
    def asyncevents_register_events(self):
        return [EventDefinition(name="named.event")]

plugin = Object()
"""


class Own:
    """A plugin of an application, as an object."""

    def __init__(self, name):
        self._name = name

    @hookimpl
    def asyncevents_register_events(self):
        return [EventDefinition(name=self._name)]


class Misspelt:
    @hookimpl
    def asyncevents_register_event(self):
        return []


def test_an_application_brings_objects_with_hooks():
    events = AsyncEvents({"EVENTS": {"a.a": {}}}, plugins=[Own("a.b"), Own("a.c")])
    assert {"a.a", "a.b", "a.c"} <= {one.name for one in events.definitions()}
    (first, *_) = [one for one in events.runtime.plugins.events if one.name == "a.b"]
    assert str(first.source) == "plugin 'Own' of the application"
    # Those of one application are not another's.
    others = AsyncEvents({"EVENTS": {"a.a": {}}}, plugins=[Own("a.d")])
    assert "a.b" not in {one.name for one in others.definitions()}


def test_objects_that_cannot_be_used_are_named():
    events = AsyncEvents({"EVENTS": {}}, plugins=[Misspelt()])
    with pytest.raises(PluginError, match=r"'Misspelt' of the application: there is no hook"):
        events.definitions()


def named(install, *paths):
    install("shop-hooks", HOOKS)
    install(
        "wrong-hooks",
        "from asyncevents_core.plugin import hookimpl\n@hookimpl\ndef asyncevents_x(): 1",
    )
    install("broken-hooks", "import no_such_module")
    install(
        "failing-hooks",
        """
        from asyncevents_core.plugin import hookimpl
        @hookimpl
        def asyncevents_prepare_process():
            raise RuntimeError("no database")
        """,
    )
    return load_plugins([builtins], named=paths, found=[])


def test_an_application_names_hooks_of_its_own(install):
    plugins = named(install, "shop_hooks", "shop_hooks:plugin")
    (own,) = (one for one in plugins.events if not one.name.startswith("asyncevents."))
    assert own.name == "named.event"
    assert str(own.source) == "plugin 'shop_hooks:plugin' of the application (PLUGINS)"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("broken_hooks", "cannot be imported.*no_such_module"),
        ("no_such_hooks", "cannot be imported.*no_such_hooks"),
        ("shop_hooks:missing", "cannot be imported.*missing"),
        ("wrong_hooks", "there is no hook 'asyncevents_x'"),
    ],
)
def test_hooks_that_an_application_names_have_to_work(install, path, said):
    with pytest.raises(PluginError, match=rf"'{path}' of the application \(PLUGINS\).*{said}"):
        named(install, path)


def test_a_process_is_prepared_once(install):
    settings = Settings.from_mapping({"PLUGINS": ["shop_hooks"]})
    install("shop-hooks", HOOKS)
    with Runtime(settings) as runtime:
        runtime.prepare_process()
        runtime.prepare_process()
    assert sys.modules["shop_hooks"].prepared == [1]


def test_a_process_that_cannot_be_prepared_says_by_whom(install):
    plugins = named(install, "failing_hooks")
    with pytest.raises(PluginError, match=r"'failing_hooks'.*prepare_process.*no database"):
        plugins.prepare_process()
