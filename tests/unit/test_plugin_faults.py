"""Plugins with faults: none ends the application, or costs more than what is wrong with it."""

from __future__ import annotations

import logging
import re
import threading

import pytest

from asyncevents_core import AsyncEvents, Settings
from asyncevents_core.catalog import collect_events
from asyncevents_core.errors import DuplicateEvent, DuplicateName, SettingsError, UnknownEvent
from asyncevents_core.plugin import EventDefinition, hookimpl
from asyncevents_core.plugin_api import PLUGIN_API
from asyncevents_core.plugin_registry import hooks, load_plugins, versions
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

HARMLESS = {
    "sqlalchemy's func": "from sqlalchemy import func",
    "mock's call": "from unittest.mock import call",
    "a mock": "from unittest.mock import MagicMock; mock = MagicMock()",
    "a proxy": """
class Proxy:
    def __getattribute__(self, name):
        raise RuntimeError("not bound to a request")
request = Proxy()
""",
    "a proxy that exits": """
class Proxy:
    def __getattribute__(self, name):
        raise SystemExit("not bound to a request")
request = Proxy()
""",
    "a property that raises": """
class Lazy:
    @property
    def value(self):
        raise RuntimeError("not now")
lazy = Lazy()
""",
    "a module that answers to every name": "def __getattr__(name): raise RuntimeError(name)",
    "something unhashable": "class Odd(dict):\n    __hash__ = None\nodd = Odd()",
    "something that equals nothing": """
class Odd:
    def __eq__(self, other):
        raise RuntimeError("cannot be compared")
odd = Odd()
""",
}


@pytest.mark.parametrize("what", HARMLESS)
def test_what_stands_at_the_top_of_a_plugin_is_its_own_business(install, what):
    plugins = load_plugins(found=[install("odd", HARMLESS[what] + SINK.format(name="one"))])
    assert plugins.problems == ()
    assert plugins.sinks.names() == ["one"]


def test_an_object_with_hooks_may_have_properties_that_raise():
    class Plugin:
        @property
        def connection(self):
            raise RuntimeError("not connected")

        @hookimpl
        def asyncevents_register_sinks(self):
            return [RecordingSinkType()]

    plugins = load_plugins([Plugin()], found=[])
    assert plugins.problems == ()
    assert plugins.sinks.names() == ["recording"]


AT_IMPORT = {
    "sys.exit": "import sys; sys.exit('bye')",
    "an error": "raise ValueError('no')",
    "a base exception": "raise BaseException('no')",
    "a generator's end": "raise GeneratorExit",
    "a cancellation": "import asyncio; raise asyncio.CancelledError",
    "recursion": "def f(): f()\nf()",
}


@pytest.mark.parametrize("what", AT_IMPORT)
def test_an_import_that_fails_is_the_plugins_fault_alone(install, what):
    points = [install("broken", AT_IMPORT[what]), install("good", SINK.format(name="one"))]
    plugins = load_plugins(found=points)
    (problem,) = plugins.problems
    assert str(problem).startswith("plugin 'broken' of dist-broken 1.2.3: cannot be imported")
    assert plugins.sinks.names() == ["one"]


def test_somebody_who_stops_the_program_is_heard(install):
    with pytest.raises(KeyboardInterrupt):
        load_plugins(found=[install("slow", "raise KeyboardInterrupt")])


HOOKS = {
    "raises": "raise RuntimeError('on purpose')",
    "exits": "raise SystemExit(2)",
    "returns no list": "return 7",
    "returns something else": "return ['a sink']",
    "fails while it is read": "return (1 / 0 for _ in range(3))",
}


@pytest.mark.parametrize("what", HOOKS)
def test_a_hook_that_fails_costs_what_it_would_have_registered(install, what):
    source = f"""
from asyncevents_core.plugin import EventDefinition, hookimpl

@hookimpl
def asyncevents_register_sinks():
    {HOOKS[what]}

@hookimpl
def asyncevents_register_events():
    return [EventDefinition(name="still.here")]
"""
    plugins = load_plugins(found=[install("half", source)])
    (problem,) = plugins.problems
    assert "asyncevents_register_sinks failed" in str(problem)
    assert [one.name for one in plugins.events] == ["still.here"]


def test_a_hook_that_does_not_fit_is_left_out_alone(install):
    source = """
from asyncevents_core.plugin import EventDefinition, hookimpl

@hookimpl
def asyncevents_register_sinks(surprise):
    return []

@hookimpl
def asyncevents_register_snks():
    return []

@hookimpl
def asyncevents_register_events():
    return [EventDefinition(name="still.here")]
"""
    plugins = load_plugins(found=[install("half", source)])
    told = "\n".join(map(str, plugins.problems))
    assert "a hook implementation does not fit" in told
    assert "there is no hook 'asyncevents_register_snks' (did you mean" in told
    assert [one.name for one in plugins.events] == ["still.here"]


NAMES = ["Good Sink!", "", "UPPER", "a/b", "-a", "a-", "a..b", "ä", "a\n", "x" * 65, None, 7]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_none_costs_what_has_it(name):
    class Odd(RecordingSinkType):
        pass

    Odd.name = name

    class Plugin:
        @hookimpl
        def asyncevents_register_sinks(self):
            return [Odd(), RecordingSinkType()]

    plugins = load_plugins([Plugin()], found=[])
    (problem,) = plugins.problems
    assert "is no name: it takes lower-case letters" in str(problem)
    assert plugins.sinks.names() == ["recording"]


@pytest.mark.parametrize("name", ["a", "s3", "rabbitmq", "my-sink", "my_sink.v2", "x" * 64])
def test_names(name):
    class Named(RecordingSinkType):
        pass

    Named.name = name

    class Plugin:
        @hookimpl
        def asyncevents_register_sinks(self):
            return [Named()]

    assert load_plugins([Plugin()], found=[]).sinks.names() == [name]


class Events:
    """A plugin that brings events."""

    def __init__(self, *names):
        self._names = names

    @hookimpl
    def asyncevents_register_events(self):
        return [EventDefinition(name=name) for name in self._names]


def test_an_event_that_two_plugins_define_costs_its_own_name(caplog):
    plugins = load_plugins(
        [Events("twice.defined", "once.defined"), Events("twice.defined")], found=[]
    )
    (problem,) = plugins.problems
    assert "event 'twice.defined' is registered by" in str(problem)
    with caplog.at_level(logging.ERROR):
        catalog = collect_events(Settings(), plugins)
    assert catalog.names() == ["once.defined"]
    with pytest.raises(DuplicateEvent, match=r"twice: in plugin 'Events'.*PLUGINS_BLOCKED"):
        catalog.get("twice.defined")
    (record,) = caplog.records
    assert "twice.defined" in record.error
    assert isinstance(DuplicateEvent("a", "b"), UnknownEvent)


def test_an_event_that_a_plugin_and_the_application_define_costs_its_own_name(local_application):
    made = local_application(
        Events("shop.opened"), settings={"EVENTS": {"shop.opened": {}, "shop.closed": {}}}
    )
    assert made.publish("shop.closed", {})
    with pytest.raises(DuplicateEvent, match=r"in EVENTS and in plugin"):
        made.publish("shop.opened", {})


def test_an_application_that_contradicts_itself_does_not_start(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "twice_defined.py").write_text(
        "from asyncevents_core import event\n@event('a.b')\ndef one(): ...\n"
    )
    settings = {"EVENTS": {"a.b": {}}, "EVENT_MODULES": ["twice_defined"]}
    with (
        AsyncEvents({"LEDGER_URL": f"sqlite:///{tmp_path}/l.db", **settings}) as events,
        pytest.raises(SettingsError, match=r"defined twice"),
    ):
        len(events.runtime.catalog)


COMMAND = """
import click
from asyncevents_core.plugin import hookimpl

@click.command({name!r})
def command():
    "Mine."

@hookimpl
def asyncevents_register_commands():
    return [command]
"""


def test_a_command_with_the_name_of_one_of_asyncevents_is_told(install):
    points = [install("mine", COMMAND.format(name="worker"))]
    plugins = load_plugins(found=points, commands=True, own_commands=["worker", "check"])
    (problem,) = plugins.problems
    assert "command 'worker' is one of asyncevents itself" in str(problem)
    assert plugins.commands.names() == []


def test_a_command_of_two_plugins_costs_its_own_name(install):
    points = [install(name, COMMAND.format(name="same")) for name in ("first", "second")]
    points.append(install("third", COMMAND.format(name="other")))
    plugins = load_plugins(found=points, commands=True)
    (problem,) = plugins.problems
    assert "dist-first" in str(problem)
    assert "dist-second" in str(problem)
    with pytest.raises(DuplicateName):
        plugins.commands.get("same")
    assert plugins.commands.get("other").name == "other"


@pytest.mark.parametrize("blocked", ["broken", "dist-broken"])
def test_a_plugin_that_is_blocked_is_not_even_imported(install, blocked):
    points = [install("broken", "import os; os._exit(9)"), install("good", SINK.format(name="one"))]
    plugins = load_plugins(found=points, blocked=[blocked])
    assert plugins.problems == ()
    assert plugins.sinks.names() == ["one"]


def test_an_import_that_takes_long_is_named(install, caplog, monkeypatch):
    monkeypatch.setattr(hooks, "_NAMED_AFTER", 0.01)
    source = """
import logging, time
until = time.monotonic() + 30
log = logging.getLogger("asyncevents.plugins")
class Heard(logging.Handler):
    seen = False
    def emit(self, record):
        Heard.seen = True
heard = Heard()
log.addHandler(heard)
while not Heard.seen and time.monotonic() < until:
    time.sleep(0.01)
log.removeHandler(heard)
"""
    load_plugins(found=[install("slow", source)])
    assert [one.message for one in caplog.records] == [
        "plugin 'slow' of dist-slow 1.2.3 is still being imported"
    ]


def test_a_hook_that_takes_long_is_named(caplog, monkeypatch):
    monkeypatch.setattr(hooks, "_NAMED_AFTER", 0.01)
    named = threading.Event()
    monkeypatch.setattr(hooks.logger, "warning", lambda text: said.append(text) or named.set())
    said = []

    class Slow:
        @hookimpl
        def asyncevents_prepare_process(self):
            assert named.wait(30)

        @hookimpl
        def asyncevents_register_sinks(self):
            assert named.wait(30)
            named.clear()
            return []

    load_plugins([Slow()], found=[]).prepare_process()
    assert [text.partition(": ")[2] for text in said] == [
        "asyncevents_register_sinks still runs",
        "asyncevents_prepare_process still runs",
    ]


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ("1", None),
        ("(1, 1)", None),
        ("(1, 99)", None),
        (PLUGIN_API + 1, "written for plugin API 2 and newer.*pip install --upgrade"),
        ((PLUGIN_API + 1, PLUGIN_API + 2), "written for plugin API 2 and newer"),
        ("'1'", "must be a number such as 1"),
        ("0", "must be a number"),
        ("(2, 1)", "must be a number"),
        ("True", "must be a number"),
    ],
)
def test_a_plugin_says_which_versions_it_was_written_for(install, stated, said):
    source = f"ASYNCEVENTS_PLUGIN_API = {stated}\n" + SINK.format(name="one")
    plugins = load_plugins(found=[install("dated", source)])
    # What it can do here is loaded in any case.
    assert plugins.sinks.names() == ["one"]
    if said is None:
        assert plugins.problems == ()
    else:
        (problem,) = plugins.problems
        assert problem.severity == "warning"
        assert re.search(said, problem.message)


def test_a_plugin_for_older_versions_is_told_so(install, monkeypatch):
    monkeypatch.setattr(versions, "PLUGIN_API", 3)
    source = "ASYNCEVENTS_PLUGIN_API = (1, 2)\n" + SINK.format(name="one")
    plugins = load_plugins(found=[install("dated", source)])
    (problem,) = plugins.problems
    assert "written for plugin API 2 and older, and this asyncevents-core has 3" in str(problem)
    assert plugins.sinks.names() == ["one"]
