"""`plugins` and `events`: what is installed and what is defined."""

from __future__ import annotations

import sys

import click

from asyncevents_core.adapters import builtins
from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.render import JSON_OPTION, errors, json_lines, table
from asyncevents_core.plugins import load_plugins


@click.command()
@JSON_OPTION
def plugins(as_json: bool) -> None:
    """List what plugins register; exits with 1 if one of them has a problem."""
    found = load_plugins([builtins], commands=True)
    rows = [
        {
            "kind": kind,
            "name": entry.name,
            "title": title,
            "distribution": entry.source.distribution,
            "version": entry.source.version,
        }
        for kind, entries in (
            ("sink", found.sinks),
            ("service resolver", found.service_resolvers),
            ("retry manager", found.retry_managers),
            ("indexer", found.indexers),
            ("event", found.events),
            ("command", found.commands),
        )
        for entry in entries
        for title in [getattr(entry.value, "title", None) or ""]
    ]
    if as_json:
        json_lines(rows)
    else:
        table("Plugins", list(rows[0]) if rows else [], [list(row.values()) for row in rows])
    for problem in found.problems:
        errors().print(f"problem: {problem}", markup=False)
    sys.exit(1 if found.problems else 0)


@click.command()
@JSON_OPTION
@pass_cli
def events(context: CliContext, as_json: bool) -> None:
    """List the event definitions: what can be published and subscribed to."""
    catalog = context.runtime.catalog
    if as_json:
        json_lines(
            {
                "name": one.name,
                "title": one.title,
                "service": one.service,
                "resources": list(one.resources),
                "origin": one.origin,
            }
            for one in catalog
        )
        return
    table(
        "Events",
        ["name", "title", "service", "resources", "defined in"],
        [
            [one.name, one.title, one.service, ", ".join(one.resources), one.origin]
            for one in catalog
        ],
    )
