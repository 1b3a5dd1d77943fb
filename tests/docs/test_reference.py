"""The reference is complete, and right about defaults and options."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import attrs
import click
import pytest

import asyncevents_core
from asyncevents_core import (
    AsyncEvents,
    NewSubscription,
    RetryPolicy,
    Settings,
    Trace,
    errors,
    hookspecs,
    indexer_kit,
    plugin,
    testing,
)
from asyncevents_core.adapters.elasticsearch import ElasticsearchConfig
from asyncevents_core.adapters.lucene import parse_query
from asyncevents_core.adapters.tantivy import EmbeddedConfig
from asyncevents_core.cli.app import cli
from asyncevents_core.domain.query.fields import ATTRIBUTES, FIELDS
from asyncevents_core.plugin import EventDefinition, Failure, OutcomeKind
from asyncevents_core.ports.broker import BrokerOptions
from asyncevents_core.ports.ledger.options import LedgerOptions
from asyncevents_core.settings.people import OpenIdOptions
from asyncevents_core.testing import (
    IndexerConformance,
    RetryManagerConformance,
    ServiceResolverConformance,
    SinkConformance,
    pytest_plugin,
)
from tests.site import errors_page

REFERENCE = Path(__file__).parents[2] / "docs/reference"
SETTINGS = dict(
    re.findall(
        r"^\| `([A-Z_]+)` \| `(.*?)` \|", (REFERENCE / "settings.md").read_text(), re.MULTILINE
    )
)
PYTHON = (REFERENCE / "python.md").read_text()
COMMANDS = (REFERENCE / "commands.md").read_text()


def default_of(name: str) -> str:
    field = attrs.fields_dict(Settings)[name.lower()]
    if isinstance(field.default, attrs.Factory):
        # One that depends on another setting has the whole of them.
        makes = field.default.factory
        return repr(makes(Settings()) if field.default.takes_self else makes())
    return repr(field.default)


def test_every_setting_is_there():
    about_them = {"ORIGINS", "UNKNOWN_NAMES", "UNKNOWN_VARIABLES"}
    assert set(SETTINGS) == {one.name.upper() for one in attrs.fields(Settings)} - about_them


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_defaults_are_right(name):
    assert SETTINGS[name] == default_of(name)


def is_named(name: str, text: str) -> bool:
    """Tell whether a page has a name in its code, by itself or with what belongs to it."""
    return re.search(rf"`[^`\n]*\b{name}\b[^`\n]*`", text) is not None


@pytest.mark.parametrize("name", asyncevents_core.__all__)
def test_every_public_name_is_there(name):
    assert is_named(name, PYTHON)


@pytest.mark.parametrize("name", [name for name in vars(plugin) if name[0].isalpha()])
def test_every_name_for_authors_of_plugins_is_there(name):
    assert is_named(name, (REFERENCE / "hooks.md").read_text())


PUBLIC = {name: one for name, one in vars(AsyncEvents).items() if not name.startswith("_")}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_method_of_the_application_has_a_section(name):
    assert f"\n### `{name}`\n" in PYTHON


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_parameter_of_a_method_is_there(name):
    method = PUBLIC[name]
    section = PYTHON.partition(f"\n### `{name}`\n")[2].partition("\n### ")[0]
    if inspect.isfunction(method):
        known = [one for one in inspect.signature(method).parameters if one != "self"]
        assert [one for one in known if not is_named(one, section)] == []


def raised_by(one):
    """Return the classes that a docstring names behind "Raises"."""
    for sentence in re.findall(r"Raises\s(.*?)(?:\. |\.$|\n\n)", inspect.getdoc(one), re.DOTALL):
        yield from re.findall(r"`([A-Z]\w+)`", sentence)


def test_what_methods_raise_is_public():
    raised = {error for one in PUBLIC.values() for error in raised_by(one)}
    assert {"UnknownEvent", "InvalidTarget", "NotFound", "SettingsError"} <= raised
    assert raised <= set(errors.__all__)


def test_the_page_of_errors_is_that_of_the_code():
    assert errors_page.PAGE.read_text() == errors_page.page(), "make reference"


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_there_below_its_parent(name):
    rows = re.findall(r"^\| ((?:— )*)`(\w+)` \| .+ \|$", errors_page.page(), re.MULTILINE)
    names = [row for _, row in rows]
    parent = getattr(errors, name).__bases__[0]
    indented, _ = rows[names.index(name)]
    above = [row for dashes, row in rows[: names.index(name)] if len(dashes) == len(indented) - 2]
    if indented:
        assert above[-1] == parent.__name__
    else:
        assert parent in {Exception, errors.AsyncEventsError}


# Bases are caught, and not raised: what to do is said of what is raised.
BASES = {name for name in errors.__all__ if getattr(errors, name).__subclasses__()}


@pytest.mark.parametrize("name", sorted(set(errors.__all__) - BASES))
def test_every_error_that_is_raised_says_what_to_do(name):
    assert "What to do: " in inspect.getdoc(getattr(errors, name))


def test_the_picture_of_all_errors_is_right():
    drawn = re.findall(r"[├└]── (\w+)", inspect.getdoc(errors))
    assert sorted([*drawn, "AsyncEventsError"]) == sorted(errors.__all__)


@pytest.mark.parametrize(
    ("title", "cls"),
    [("EventDefinition", EventDefinition), ("NewSubscription", NewSubscription),
     ("RetryPolicy", RetryPolicy), ("Trace", Trace)],
)  # fmt: skip
def test_every_field_is_there(title, cls):
    section = PYTHON.partition(f"\n## `{title}`\n")[2].partition("\n## ")[0]
    assert [one.name for one in attrs.fields(cls) if f"`{one.name}`" not in section] == []


@pytest.mark.parametrize("page", ["python.md", "errors.md"])
def test_the_examples_run(page, tmp_path):
    text = (REFERENCE / page).read_text()
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def commands(group=cli, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


@pytest.mark.parametrize("path", [path for path, _ in commands()], ids=" ".join)
def test_every_command_is_there(path):
    assert re.search(rf"`{' '.join(path)}[ `]", COMMANDS)


def options():
    for _, command in commands():
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                names = (*parameter.opts, *parameter.secondary_opts)
                yield from (name for name in names if name.startswith("--"))


def test_every_option_is_there_and_no_other():
    known = set(options()) | {"--settings", "--debug", "--help", "--version"}
    mentioned = set(re.findall(r"--[a-z][a-z-]*", COMMANDS))
    assert mentioned == known


def test_every_hook_is_there():
    hooks = [name for name, _ in inspect.getmembers(hookspecs, inspect.isfunction)]
    text = (REFERENCE / "hooks.md").read_text()
    specified = [name for name in hooks if name.startswith("asyncevents_")]
    assert len(specified) == 12
    assert not [name for name in specified if f"`{name}(" not in text]


@pytest.mark.parametrize("failure", list(Failure), ids=lambda one: one.name)
def test_every_failure_is_there_with_its_word_and_what_becomes_of_it(failure):
    retried = "yes" if failure.retried else "no"
    row = f"| `Failure.{failure.name}` | `{failure.value}` | {retried} |"
    assert row in (REFERENCE / "outcomes.md").read_text()


@pytest.mark.parametrize("kind", list(OutcomeKind), ids=lambda one: one.name)
def test_every_outcome_is_there(kind):
    assert f"| `{kind.value}` |" in (REFERENCE / "outcomes.md").read_text()


SUITES = (
    SinkConformance,
    ServiceResolverConformance,
    RetryManagerConformance,
    IndexerConformance,
)


def fixtures_of(owner):
    for name, value in inspect.getmembers(owner):
        if type(value).__name__ == "FixtureFunctionDefinition":
            yield name


@pytest.mark.parametrize("suite", SUITES)
def test_every_fixture_of_a_suite_is_there(suite):
    text = (REFERENCE / "testing.md").read_text()
    section = text.partition(f"## {suite.__name__}")[2].partition("\n## ")[0]
    names = list(fixtures_of(suite))
    assert len(names) >= 5
    assert [name for name in names if f"`{name}`" not in section] == []


def test_every_part_for_tests_is_there():
    text = (REFERENCE / "testing.md").read_text()
    names = [*testing.__all__, *fixtures_of(pytest_plugin)]
    assert [name for name in names if name not in text] == []
    assert {"published_events", "local_application"} <= set(fixtures_of(pytest_plugin))


def test_every_name_for_authors_of_indexers_is_there():
    text = (REFERENCE / "indexers.md").read_text()
    assert sorted(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == sorted(indexer_kit.__all__)


def test_every_field_that_can_be_searched_is_there():
    text = (REFERENCE / "search.md").read_text()
    assert [name for name in (*FIELDS, "data.data.…") if f"| `{name}` |" not in text] == []
    attributes = text.partition("unless x is a CloudEvents attribute (")[2].partition(")")[0]
    assert set(re.findall(r"`(\w+)`", attributes)) == ATTRIBUTES


def test_the_examples_of_queries_are_queries():
    text = (REFERENCE / "search.md").read_text()
    examples = text.partition("```text\n")[2].partition("```")[0].splitlines()
    assert len(examples) >= 6
    for example in examples:
        parse_query(example)


@pytest.mark.parametrize("config", [EmbeddedConfig, ElasticsearchConfig])
def test_every_option_of_an_indexer_is_there(config):
    section = (REFERENCE / "settings.md").read_text().partition("## `INDEXERS`")[2]
    for one in attrs.fields(config):
        assert f"| `{one.name}` | `{json.dumps(getattr(config(), one.name))}` |" in section


@pytest.mark.parametrize(
    ("setting", "options"), [("LEDGER_OPTIONS", LedgerOptions), ("BROKER_OPTIONS", BrokerOptions)]
)
def test_every_option_of_the_connections_is_there(setting, options):
    section = (REFERENCE / "settings.md").read_text().partition(f"## `{setting}`")[2]
    for one in attrs.fields(options):
        assert f"| `{one.name}` | `{one.default}` |" in section


def test_every_option_of_a_provider_is_there():
    section = (REFERENCE / "settings.md").read_text().partition("## People")[2]
    for one in attrs.fields(OpenIdOptions):
        default = "required" if one.default is attrs.NOTHING else f"`{one.default!r}`"
        assert f"| `{one.name}` | {default} |" in section


def test_every_extra_is_there():
    project = tomllib.loads((REFERENCE.parents[1] / "pyproject.toml").read_text())["project"]
    text = (REFERENCE / "installation.md").read_text()
    documented = re.findall(r"^\| `([a-z]+)` \|", text, re.MULTILINE)
    assert sorted(documented) == sorted(project["optional-dependencies"])
