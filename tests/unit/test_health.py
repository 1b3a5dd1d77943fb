"""`asyncevents plugins`: whether what is installed can be used."""

from __future__ import annotations

import pytest
from attrs import field, frozen

from asyncevents_core import Settings
from asyncevents_core.adapters import builtins
from asyncevents_core.cli.commands import plugins as plugins_command
from asyncevents_core.errors import BrokerError
from asyncevents_core.health import parts
from asyncevents_core.plugin import RetryManagerType, ServiceResolverType, hookimpl
from asyncevents_core.plugin_registry import load_plugins
from asyncevents_core.runtime import Runtime
from asyncevents_core.testing import BlockingRecordingSinkType, RecordingSinkType


class Good(RecordingSinkType):
    name = "good"


class GoodBlocking(BlockingRecordingSinkType):
    name = "good-blocking"


class WithoutSdk(RecordingSinkType):
    name = "without-sdk"

    def open(self, config):
        import no_such_sdk  # noqa: F401


@frozen(kw_only=True)
class NeedsToken:
    token: str = field(repr=False)


class Demanding(RecordingSinkType):
    name = "demanding"
    config_class = NeedsToken


class Twin(RecordingSinkType):
    name = "twin"


class BrokenResolver(ServiceResolverType):
    name = "broken"
    title = "Cannot be opened"

    def open(self, build):
        raise RuntimeError("on purpose")


class Choosy(RetryManagerType):
    name = "choosy"
    title = "For another broker"

    def open(self, broker):
        raise BrokerError("needs another broker")


class Plugin:
    def __init__(self, *sinks):
        self.sinks = sinks

    @hookimpl
    def asyncevents_register_sinks(self):
        return [kind() for kind in self.sinks]

    @hookimpl
    def asyncevents_register_service_resolvers(self):
        return [BrokenResolver()]

    @hookimpl
    def asyncevents_register_retry_managers(self):
        return [Choosy()]


def health(*modules, **settings):
    plugins = load_plugins([builtins, *modules], found=[])
    runtime = Runtime(Settings.from_mapping(settings), plugins=plugins)
    return {one.entry.name: str(one.health) for one in parts(runtime)}


def test_sinks_are_opened_and_closed():
    kinds = Good(), GoodBlocking()

    class Same(Plugin):
        @hookimpl
        def asyncevents_register_sinks(self):
            return kinds

    found = health(Same())
    assert (found["good"], found["good-blocking"]) == ("ok", "ok")
    assert [kind.recorder.closed for kind in kinds] == [1, 1]


def test_what_a_sink_cannot_import_is_shown():
    expected = "error: ModuleNotFoundError: No module named 'no_such_sdk'"
    assert health(Plugin(WithoutSdk))["without-sdk"] == expected


def test_a_sink_that_nobody_configured_is_no_error():
    expected = "not configured: SINKS['demanding'].token: is required"
    assert health(Plugin(Demanding))["demanding"] == expected
    assert health(Plugin(Demanding), SINKS={"demanding": {"token": "t"}})["demanding"] == "ok"


def test_a_mistake_in_sinks_is_an_error():
    found = health(Plugin(Good), SINKS={"good": {"greting": "hi"}})
    assert found["good"].startswith("error: SINKS['good'].greting: no such option")


def test_a_name_that_is_registered_twice():
    found = health(Plugin(Twin, Twin, Good))
    assert found["twin"].startswith("error: sink 'twin' is registered by")
    assert found["good"] == "ok"


def test_only_the_indexer_in_use_is_opened():
    mistaken = {"elasticsearch": {"urls": []}}
    found = health(INDEXER="embedded", INDEXERS=mistaken)
    assert (found["embedded"], found["elasticsearch"]) == ("ok", "not in use")
    found = health(INDEXER="elasticsearch", INDEXERS=mistaken)
    assert found["embedded"] == "not in use"
    assert found["elasticsearch"].startswith("error: INDEXERS['elasticsearch'].urls")


def test_resolvers_are_opened_and_only_the_retry_manager_in_use():
    assert health(Plugin())["broken"] == "error: RuntimeError: on purpose"
    assert health(Plugin())["choosy"] == "not in use"
    in_use = health(Plugin(), RETRY_MANAGER="choosy")["choosy"]
    assert in_use == "error: needs another broker"
    rabbitmq = health(RETRY_MANAGER="rabbitmq")["rabbitmq"]
    assert rabbitmq.startswith("error: ")
    assert health(RETRY_MANAGER="rabbitmq", BROKER_URL="amqp://127.0.0.1:1//")["rabbitmq"] == "ok"


@pytest.fixture
def installed(monkeypatch):
    """Install sinks, for the command line of this process."""

    def install(*kinds):
        class Sinks:
            @hookimpl
            def asyncevents_register_sinks(self):
                return [kind() for kind in kinds]

        plugins = load_plugins([builtins, Sinks()], found=[])
        monkeypatch.setattr(plugins_command, "load_plugins", lambda *_, **__: plugins)

    return install


def test_the_command_shows_it(folder, run, installed):
    installed(Good, Demanding)
    rows = {one["name"]: one for one in run.rows("plugins")}
    assert rows["good"]["health"] == "ok"
    assert rows["demanding"]["health"].startswith("not configured")
    header = run("plugins").stdout.splitlines()[1].split()
    assert header == ["name", "kind", "distribution", "version", "health"]


def test_what_is_sick_is_exit_code_1(folder, run, installed):
    installed(Good, WithoutSdk)
    rows = {one["name"]: one["health"] for one in run.rows("plugins", code=1)}
    assert rows["good"] == "ok"
    assert "no_such_sdk" in rows["without-sdk"]


def test_the_settings_count_where_there_are_some(ready, settings, installed):
    installed(Good)
    assert next(one for one in ready.rows("plugins") if one["name"] == "good")["health"] == "ok"
    settings(SINKS='{"good": {"greeting": 1}}')
    rows = {one["name"]: one["health"] for one in ready.rows("plugins", code=1)}
    assert "SINKS['good'].greeting: expected str, got int" in rows["good"]


def test_settings_that_cannot_be_read_do_not_hide_the_plugins(ready, settings, installed):
    installed(Good)
    settings(MAXIMUM_DEATHS="-1")
    done = ready("plugins", "--json")
    assert "warning: the defaults are taken" in done.stderr
    assert "MAXIMUM_DEATHS" in done.stderr
    assert '"good"' in done.stdout


def test_check_opens_the_sinks_too(ready, monkeypatch):
    class Sinks:
        @hookimpl
        def asyncevents_register_sinks(self):
            return [Good(), WithoutSdk(), Demanding()]

    plugins = load_plugins([builtins, Sinks()], found=[])
    monkeypatch.setattr("asyncevents_core.runtime.load_plugins", lambda *_, **__: plugins)
    found = {one["what"]: one for one in ready.rows("check", code=1)}
    assert found["sink good"]["state"] == "ok"
    assert found["sink without-sdk"]["state"] == "error"
    assert "no_such_sdk" in found["sink without-sdk"]["detail"]
    assert found["sink demanding"]["state"] == "warning"
