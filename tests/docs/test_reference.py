"""The reference is complete, and right about defaults and options."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path

import attrs
import click
import pytest

from asyncevents_core import Settings, hookspecs
from asyncevents_core.cli.app import cli

REFERENCE = Path(__file__).parents[2] / "docs/reference"
SETTINGS = dict(
    re.findall(
        r"^\| `([A-Z_]+)` \| `(.*?)` \|", (REFERENCE / "settings.md").read_text(), re.MULTILINE
    )
)
COMMANDS = (REFERENCE / "commands.md").read_text()


def default_of(name: str) -> str:
    field = attrs.fields_dict(Settings)[name.lower()]
    made = field.default.factory() if isinstance(field.default, attrs.Factory) else field.default
    return repr(made)


def test_every_setting_is_there():
    assert set(SETTINGS) == {one.name.upper() for one in attrs.fields(Settings)} - {"ORIGINS"}


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_defaults_are_right(name):
    assert SETTINGS[name] == default_of(name)


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
            if isinstance(parameter, click.Option):
                yield from (*parameter.opts, *parameter.secondary_opts)


def test_every_option_is_there_and_no_other():
    known = set(options()) | {"--settings", "--debug", "--help", "--version"}
    mentioned = set(re.findall(r"--[a-z][a-z-]*", COMMANDS))
    assert mentioned == known


def test_every_hook_is_there():
    hooks = [name for name, _ in inspect.getmembers(hookspecs, inspect.isfunction)]
    text = (REFERENCE / "hooks.md").read_text()
    specified = [name for name in hooks if name.startswith("asyncevents_")]
    assert len(specified) == 7
    assert not [name for name in specified if f"`{name}(" not in text]


def test_every_extra_is_there():
    project = tomllib.loads((REFERENCE.parents[1] / "pyproject.toml").read_text())["project"]
    text = (REFERENCE / "installation.md").read_text()
    documented = re.findall(r"^\| `([a-z]+)` \|", text, re.MULTILINE)
    assert sorted(documented) == sorted(project["optional-dependencies"])
