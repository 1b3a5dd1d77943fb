"""`events`: what can be published."""

from __future__ import annotations

import click

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.options import JSON_OPTION
from asyncevents_core.cli.output import json_lines, table
from asyncevents_core.forms import EventDefinitionForm


@click.command()
@JSON_OPTION
@pass_cli
def events(context: CliContext, as_json: bool) -> None:
    """List the event definitions: what can be published."""
    catalog = context.runtime.catalog
    if as_json:
        json_lines(map(EventDefinitionForm.of, catalog))
        return
    table(
        "Events",
        ["name", "title", "service", "resources", "defined in"],
        [
            [one.name, one.title, one.service, ", ".join(one.resources), one.origin]
            for one in catalog
        ],
    )
