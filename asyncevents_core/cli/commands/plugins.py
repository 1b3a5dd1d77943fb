"""`plugins`: what is installed, and whether it works."""

from __future__ import annotations

import sys

import click

from asyncevents_core.adapters import builtins
from asyncevents_core.cli.app import CliContext, own_commands, pass_cli
from asyncevents_core.cli.options import JSON_OPTION
from asyncevents_core.cli.output import errors, json_lines, table
from asyncevents_core.errors import SettingsError
from asyncevents_core.health import parts
from asyncevents_core.plugin_registry import load_plugins
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.loading import load_settings


@click.command()
@JSON_OPTION
@pass_cli
def plugins(context: CliContext, as_json: bool) -> None:
    """List what plugins register and whether it works.

    Exits with 1 if something does not.

    A sink is well if its entry in SINKS fits and it opens: what it needs is installed. Nothing is
    connected; `asyncevents check` does that. Without a settings module the defaults are taken.
    """
    try:
        settings = context.settings_or_defaults
    except SettingsError as error:
        warning = f"warning: the defaults are taken, for the settings cannot be read: {error}"
        errors().print(warning, markup=False)
        settings = load_settings({}, environ={})
    found = load_plugins(
        [builtins],
        named=settings.plugins,
        blocked=settings.plugins_blocked,
        commands=True,
        own_commands=own_commands(),
    )
    listed = list(parts(Runtime(settings, plugins=found)))
    rows = [
        {
            "name": one.entry.name,
            "kind": one.kind,
            "distribution": one.entry.source.distribution,
            "version": one.entry.source.version,
            "health": str(one.health),
        }
        for one in listed
    ]
    if as_json:
        json_lines({**row, "title": one.title} for row, one in zip(rows, listed, strict=True))
    else:
        table("Plugins", list(rows[0]) if rows else [], [list(row.values()) for row in rows])
    for problem in found.problems:
        word = "problem" if problem.severity == "error" else "warning"
        errors().print(f"{word}: {problem}", markup=False)
    wrong = any(problem.severity == "error" for problem in found.problems)
    sick = any(one.health.state == "error" for one in listed)
    sys.exit(1 if wrong or sick else 0)
