"""The settings: every mistake at once, with its path."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping

import pytest
from attrs import field, frozen
from cryptography.fernet import Fernet

from asyncevents_core.adapters.tantivy import EmbeddedConfig, EmbeddedIndexerType
from asyncevents_core.errors import SettingsError
from asyncevents_core.plugin import SECRET, NoOptions, SinkType
from asyncevents_core.settings.configs import indexer_config, resolved_indexer, sink_setting
from asyncevents_core.settings.loading import load_settings
from asyncevents_core.settings.schema import Settings
from asyncevents_core.testing import RecordingSinkType


def sink_config(settings, kind):
    return sink_setting(settings, kind.name, kind).config


def problems(values, **environ) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Settings.from_mapping(values, environ=environ)
    return list(caught.value.problems)


def test_a_schedule_brings_its_number_of_retries_unless_another_one_is_said():
    days = Settings.from_mapping({"RETRY_SCHEDULE": "days"})
    assert (days.retry_schedule, days.maximum_deaths) == ("days", 14)
    fewer = Settings.from_mapping({"RETRY_SCHEDULE": "days", "MAXIMUM_DEATHS": 3})
    assert fewer.maximum_deaths == 3


def test_an_unknown_schedule_is_named():
    (problem,) = problems({"RETRY_SCHEDULE": "weeks"})
    assert "RETRY_SCHEDULE" in problem
    assert "'minute'" in problem
    assert "'days'" in problem


def test_defaults():
    settings = Settings.from_mapping({})
    assert settings.ledger_url == "sqlite:///asyncevents.db"
    assert settings.broker_url == "sqla+sqlite:///asyncevents-broker.db"
    assert (settings.maximum_deaths, settings.retry_after_max) == (5, 3600.0)
    assert settings.retry_schedule == "minute"
    assert (settings.service_resolver, settings.retry_manager) == ("import", "ledger")
    assert (settings.log_cleanup_enabled, settings.log_lifetime_days) == (False, 30)
    assert set(settings.origins.values()) == {"default"}


def test_a_full_mapping():
    settings = Settings.from_mapping(
        {
            "EVENTS": {"a.b": {"service": "m:f", "resources": ["x"]}, "c": {}},
            "EVENT_MODULES": ["one", "two"],
            "SINKS": {"http": {"timeout": 3}},
            "SINK_DEADLINE": 3,
        },
        origin="module x",
    )
    assert settings.events["a.b"].resources == ("x",)
    assert settings.events["c"].service is None
    assert settings.event_modules == ("one", "two")
    assert settings.sink_deadline == 3.0
    assert settings.origins["EVENTS"] == "module x"
    assert settings.origins["EAGER"] == "default"


def test_all_mistakes_are_reported_together_with_their_paths():
    found = problems(
        {
            "LEDGR_URL": "x",
            "BROKER_URL": "nonsense",
            "MAXIMUM_DEATHS": "5",
            "LOG_LIFETIME_DAYS": -1,
            "EAGER": 1,
            "EVENT_MODULES": "shop",
            "EVENTS": {"a b": {}, "c": {"servce": "m:f"}, "d": {"resources": [1]}},
            "SECRET_KEYS": ["short"],
            "SINKS": {"http": []},
        }
    )
    text = "\n".join(found)
    assert "LEDGR_URL: no such setting (did you mean 'LEDGER_URL'" in text
    assert "BROKER_URL: is not a URL" in text
    assert "MAXIMUM_DEATHS: expected int, got str: '5'" in found
    assert "LOG_LIFETIME_DAYS:" in text
    assert "EAGER: expected bool, got int: 1" in found
    assert "EVENT_MODULES: expected a list, got str" in found
    assert "EVENTS['c'].servce: no such option (did you mean 'service'?)" in found
    assert "EVENTS['d'].resources" in text
    assert "SECRET_KEYS[0] is not a Fernet key" in text
    assert "SINKS['http']" in text


@pytest.mark.parametrize("name", ["a b", "", "ä", "x" * 256, "a/b"])
def test_names_of_events(name):
    (found,) = problems({"EVENTS": {name: {}}})
    assert found.startswith(f"EVENTS[{name!r}]")


@pytest.mark.parametrize("service", ["module", ":f", "m:", ""])
def test_services_are_paths(service):
    (found,) = problems({"EVENTS": {"a": {"service": service}}})
    assert "EVENTS['a'].service" in found


def test_the_environment_overrides():
    settings = Settings.from_mapping(
        {"MAXIMUM_DEATHS": 1, "SINKS": {"http": {"timeout": 15, "allow": ["a"]}}},
        environ={
            "ASYNCEVENTS_MAXIMUM_DEATHS": "7",
            "ASYNCEVENTS_EAGER": "yes",
            "ASYNCEVENTS_EVENT_MODULES": "one,two",
            "ASYNCEVENTS_SINK_DEADLINE": "2.5",
            "ASYNCEVENTS_SINKS__HTTP__TIMEOUT": "5",
            "ASYNCEVENTS_EVENTS": '{"a.b": {}}',
            "ASYNCEVENTS_SETTINGS_MODULE": "ignored",
            "PATH": "ignored",
        },
    )
    assert (settings.maximum_deaths, settings.eager) == (7, True)
    assert settings.event_modules == ("one", "two")
    assert settings.sink_deadline == 2.5
    assert settings.sinks["http"] == {"timeout": "5", "allow": ["a"]}
    assert sink_config(settings, HttpLike()).timeout == 5.0
    assert list(settings.events) == ["a.b"]
    assert settings.origins["EAGER"] == "environment variable ASYNCEVENTS_EAGER"


@frozen(kw_only=True)
class HttpLikeConfig:
    timeout: float = 15.0
    allow: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    password: str | None = None
    verify: bool = True
    credentials: Mapping[str, str] = field(factory=dict)


class HttpLike(RecordingSinkType):
    name = "http"
    config_class = HttpLikeConfig


@pytest.mark.parametrize(
    ("variable", "text", "option", "value"),
    [
        ("ALLOW", "10.0.0.0/8,localhost", "allow", ("10.0.0.0/8", "localhost")),
        ("ALLOW", '["10.0.0.0/8", "localhost"]', "allow", ("10.0.0.0/8", "localhost")),
        ("ALLOW", "localhost", "allow", ("localhost",)),
        ("ALLOW", "", "allow", ()),
        ("PORTS", "443,8443", "ports", (443, 8443)),
        ("PORTS", "[443]", "ports", (443,)),
        ("TIMEOUT", "5", "timeout", 5.0),
        ("TIMEOUT", "2.5", "timeout", 2.5),
        ("PASSWORD", "12345", "password", "12345"),
        ("PASSWORD", "true", "password", "true"),
        ("PASSWORD", "[1]", "password", "[1]"),
        ("PASSWORD", "", "password", None),
        ("VERIFY", "no", "verify", False),
        ("CREDENTIALS", '{"a": "b"}', "credentials", {"a": "b"}),
        ("CREDENTIALS__A", "b", "credentials", {"a": "b"}),
    ],
)
def test_nested_variables_mean_what_their_option_wants(variable, text, option, value):
    settings = Settings.from_mapping({}, environ={f"ASYNCEVENTS_SINKS__HTTP__{variable}": text})
    assert getattr(sink_config(settings, HttpLike()), option) == value


def test_a_whole_mapping_in_a_variable():
    environ = {"ASYNCEVENTS_SINKS__HTTP": '{"ports": [443], "password": "1"}'}
    config = sink_config(Settings.from_mapping({}, environ=environ), HttpLike())
    assert (config.ports, config.password) == ((443,), "1")


@pytest.mark.parametrize(
    ("variable", "text"), [("TIMEOUT", "soon"), ("PORTS", "443,x"), ("VERIFY", "perhaps")]
)
def test_nested_variables_that_cannot_be_read_are_named(variable, text):
    settings = Settings.from_mapping({}, environ={f"ASYNCEVENTS_SINKS__HTTP__{variable}": text})
    with pytest.raises(SettingsError, match=f"SINKS\\['http'\\].{variable.lower()}"):
        sink_config(settings, HttpLike())


@pytest.mark.parametrize(
    "variable",
    [
        "ASYNCEVENTS_SERVICE_HOST",
        "ASYNCEVENTS_SERVICE_PORT",
        "ASYNCEVENTS_SERVICE_PORT_HTTP",
        "ASYNCEVENTS_PORT",
        "ASYNCEVENTS_PORT_8000_TCP",
        "ASYNCEVENTS_PORT_8000_TCP_ADDR",
        "ASYNCEVENTS_WEB_SERVICE_HOST",
        "ASYNCEVENTS_WEB_PORT_8000_TCP_PROTO",
        "ASYNCEVENTS_BROKER_PORT",
        "ASYNCEVENTS_BROKER_SERVICE_HOST",
        "ASYNCEVENTS_EVENTS_PORT",
        "ASYNCEVENTS_LEDGER_SERVICE_PORT",
        "ASYNCEVENTS_SINKS_PORT",
        "ASYNCEVENTS_LISTEN_SECRET",
        "ASYNCEVENTS_TEST__NESTED",
    ],
)
def test_what_others_set_is_no_mistake_and_not_forgotten(variable):
    """Such as Kubernetes, in every pod, for a Service whose name begins like ours; or a plugin."""
    settings = Settings.from_mapping({}, environ={variable: "tcp://10.0.0.1:8000"})
    assert settings.unknown_variables == (variable,)
    assert settings == Settings.from_mapping({})


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("LEDGERURL", "LEDGER_URL"),
        ("LEGDER_URL", "LEDGER_URL"),
        ("ledger_url", "LEDGER_URL"),
        ("BROKER_URI", "BROKER_URL"),
        ("MAX_DEATHS", "MAXIMUM_DEATHS"),
        ("RETRY_AFTER", "RETRY_AFTER_MAX"),
        ("LOG_LIFETIME", "LOG_LIFETIME_DAYS"),
        ("PERMIT", "PERMITS"),
        ("SINK__HTTP__TIMEOUT", "SINKS"),
        ("WEB_THREAD", "WEB_THREADS"),
    ],
)
def test_a_name_close_to_a_setting_is_a_mistake(misspelt, meant):
    (found,) = problems({}, **{f"ASYNCEVENTS_{misspelt}": "1"})
    assert found.startswith(f"environment variable ASYNCEVENTS_{misspelt}: no setting ")
    assert f"did you mean '{meant}'" in found


def test_mistakes_in_the_environment():
    found = problems(
        {},
        ASYNCEVENTS_LEDGERURL="x",
        ASYNCEVENTS_EAGER="perhaps",
        ASYNCEVENTS_PERMITS="many",
        ASYNCEVENTS_EVENTS="{",
    )
    assert len(found) == 4
    assert any("did you mean 'LEDGER_URL'" in one for one in found)


def test_secrets_are_not_shown():
    key = Fernet.generate_key().decode()
    settings = Settings.from_mapping(
        {
            "SECRET_KEYS": [key],
            "LEDGER_URL": "postgresql://u:password@h/db",
            "SINKS": {"x": {"token": "t0ken"}},
        }
    )
    for secret in (key, "password", "t0ken"):
        assert secret not in repr(settings)


def test_modules(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good_settings.py").write_text("MAXIMUM_DEATHS = 2\nlower = 1\n_HIDDEN = 1\n")
    (tmp_path / "bad_settings.py").write_text("1 / 0\n")
    (tmp_path / "worse_settings.py").write_text("import no_such_module\n")
    assert load_settings("good_settings", environ={}).maximum_deaths == 2
    environ = {"ASYNCEVENTS_SETTINGS_MODULE": "good_settings"}
    assert load_settings(environ=environ).origins["MAXIMUM_DEATHS"].endswith("good_settings")
    for name, text in (
        ("bad_settings", "ZeroDivisionError"),
        ("worse_settings", "no_such_module"),
        ("no_settings", "asyncevents init"),
    ):
        with pytest.raises(SettingsError, match=text):
            load_settings(name, environ={})
    with pytest.raises(SettingsError, match="asyncevents init"):
        load_settings(environ={})


@frozen(kw_only=True)
class Nested:
    host: str
    port: int = 1


@frozen(kw_only=True)
class SinkOptions:
    region: str
    token: str = field(default="", metadata={SECRET: True}, repr=False)
    retries: int = 0
    proxy: Nested | None = None


class Example(SinkType[SinkOptions, NoOptions]):
    name = "example"
    title = "Example"
    config_class = SinkOptions

    def validate_target(self, target, config):
        raise AssertionError("not called")

    def open(self, config):
        raise AssertionError("not called")


def test_the_configuration_of_a_sink():
    settings = Settings.from_mapping(
        {"SINKS": {"example": {"region": "eu", "proxy": {"host": "h"}}}}
    )
    assert sink_config(settings, Example()) == SinkOptions(region="eu", proxy=Nested(host="h"))
    wrong = Settings.from_mapping(
        {"SINKS": {"example": {"retries": "1", "tokn": "x", "proxy": {"port": 2}}}}
    )
    with pytest.raises(SettingsError) as caught:
        sink_config(wrong, Example())
    text = str(caught.value)
    assert "SINKS['example'].region: is required" in text
    assert "SINKS['example'].retries: expected int" in text
    assert "SINKS['example'].tokn: no such option (did you mean 'token'?)" in text
    assert "SINKS['example'].proxy" in text


@pytest.mark.parametrize("value", [7, True, "http", ["http"]])
def test_a_mapping_that_is_none_is_named(value):
    with pytest.raises(SettingsError, match="SINKS: expected a mapping, got"):
        Settings.from_mapping({"SINKS": value})


def test_several_mappings_that_are_none_are_named():
    with pytest.raises(SettingsError) as caught:
        Settings.from_mapping({"SINKS": 7, "INDEXERS": 7})
    for name in ("SINKS", "INDEXERS"):
        assert f"{name}: expected a mapping, got int" in str(caught.value)


def test_an_indexer_that_nobody_set_is_the_embedded_one_where_it_is_installed(monkeypatch):
    unset = Settings.from_mapping({})
    assert unset.indexer is None
    assert unset.origins["INDEXER"] == "default"
    assert resolved_indexer(unset) == "embedded"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert resolved_indexer(unset) is None


@pytest.mark.parametrize(
    ("values", "environ"), [({"INDEXER": None}, {}), ({}, {"ASYNCEVENTS_INDEXER": "none"})]
)
def test_an_indexer_that_is_none_is_off(values, environ):
    settings = Settings.from_mapping(values, environ=environ)
    assert settings.origins["INDEXER"] != "default"
    assert resolved_indexer(settings) is None


def test_an_indexer_that_is_set_is_used_whatever_is_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert resolved_indexer(Settings.from_mapping({"INDEXER": "other"})) == "other"


def test_options_of_an_indexer_come_from_its_entry():
    settings = Settings.from_mapping(
        {"INDEXERS": {"embedded": {"memory_mb": 32}}},
        environ={"ASYNCEVENTS_INDEXERS__EMBEDDED__PATH": "/var/lib/shop/index"},
    )
    kind = EmbeddedIndexerType()
    assert indexer_config(settings, kind) == EmbeddedConfig(
        path="/var/lib/shop/index", memory_mb=32
    )
    assert indexer_config(Settings.from_mapping({}), kind).path == "asyncevents-index"


def test_mistakes_in_the_options_of_an_indexer_have_their_path():
    settings = Settings.from_mapping({"INDEXERS": {"embedded": {"memory": 32, "searches": 0}}})
    with pytest.raises(SettingsError) as caught:
        indexer_config(settings, EmbeddedIndexerType())
    assert len(caught.value.problems) == 2
    assert all(one.startswith("INDEXERS['embedded']") for one in caught.value.problems)


def test_a_module_that_is_no_python_is_named_with_its_line(tmp_path, monkeypatch):
    (tmp_path / "mistyped_settings.py").write_text('SOURCE = "/shop"\nLEDGER_URL = \n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    with pytest.raises(SettingsError) as raised:
        load_settings("mistyped_settings")
    assert "SyntaxError: invalid syntax (mistyped_settings.py, line 2)" in str(raised.value)


@pytest.mark.parametrize("name", ["LEDGER_URL", "BROKER_URL"])
@pytest.mark.parametrize("url", ["s3cret", "anna:s3cret@db/shop", "//anna:s3cret@db/shop"])
def test_a_url_without_a_scheme_is_not_shown(name, url):
    (problem,) = problems({name: url})
    assert problem.startswith(f"{name}: is not a URL: it has no scheme")
    assert "s3cret" not in problem
