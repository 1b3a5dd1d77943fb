"""`events`: what can be published, described for those who read it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import click
from attrs import asdict

from asyncevents_core.catalog.reviewing import mistakes_of
from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.options import JSON_OPTION
from asyncevents_core.cli.output import console, json_lines, short, table
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.event_documents import (
    About,
    asyncapi,
    json_schema,
    openapi,
    read_document,
)
from asyncevents_core.domain.schemas.changes import Change, Described, changes
from asyncevents_core.domain.schemas.properties import property_rows
from asyncevents_core.errors import MissingExtra
from asyncevents_core.forms import EventDefinitionForm

_FORMATS: Final[Mapping[str, Callable[[Iterable[EventDefinition], About], dict[str, Any]]]] = (
    MappingProxyType({"asyncapi": asyncapi, "openapi": openapi, "json-schema": json_schema})
)


@click.group(invoke_without_command=True)
@JSON_OPTION
@click.pass_context
def events(context: click.Context, as_json: bool) -> None:
    """List and describe what can be published.

    Without a subcommand it lists the event definitions.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_, as_json=as_json)
    elif as_json:
        raise click.UsageError(f"write `asyncevents events {context.invoked_subcommand} --json`")


@events.command("list")
@JSON_OPTION
@pass_cli
def list_(context: CliContext, as_json: bool) -> None:
    """List the event definitions."""
    catalog = context.runtime.catalog
    if as_json:
        json_lines(map(EventDefinitionForm.of, catalog))
        return
    table(
        "Events",
        ["name", "title", "version", "schema", "service", "resources", "deprecated", "defined in"],
        [
            [
                one.name,
                one.title,
                one.version,
                "" if one.schema is None else "yes",
                one.service,
                ", ".join(one.resources),
                "" if one.deprecated is None else "yes",
                one.origin,
            ]
            # Those of the framework come last.
            for one in sorted(catalog, key=lambda one: one.is_operational)
        ],
    )


@events.command()
@click.argument("name")
@JSON_OPTION
@pass_cli
def show(context: CliContext, name: str, as_json: bool) -> None:
    """Show what is in an event.

    NAME is what `asyncevents events list` shows. Exits with 1 if its schema is wrong, or an
    example does not match it.
    """
    definition = context.runtime.catalog.get(name)
    try:
        wrong, unchecked = list(mistakes_of(definition)), None
    except MissingExtra as error:
        wrong, unchecked = [], str(error)
    if as_json:
        json_lines([EventDefinitionForm.of(definition)])
    else:
        _show(definition)
    for one in wrong:
        click.echo(f"error: {one}", err=True)
    if unchecked is not None:
        click.echo(f"not checked: {unchecked}", err=True)
    sys.exit(1 if wrong else 0)


@events.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(list(_FORMATS)),
    default="asyncapi",
    show_default=True,
    help="What kind of document.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it there, instead of printing it.",
)
@pass_cli
def export(context: CliContext, form: str, output: Path | None) -> None:
    """Write a document about all events.

    It is for subscribers and their tools. asyncapi: AsyncAPI 3.0. openapi: OpenAPI 3.1, with a
    webhook for each event. json-schema: the schemas of the data alone. `asyncevents events diff`
    compares what any of them says.
    """
    document = _document(context, form)
    text = _pretty(document) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from error
    click.echo(f"{len(context.runtime.catalog)} events are described in {output}")


@events.command()
@click.argument("old", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("new", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@JSON_OPTION
@pass_cli
def diff(context: CliContext, old: Path, new: Path | None, as_json: bool) -> None:
    """Find changes that break subscribers.

    OLD and NEW are documents of `asyncevents events export`, of any format; without NEW, OLD is
    compared with the events as they are defined now. A change breaks those who read events if the
    data may be something that it could not be before: a property is gone or need not be there, a
    type or an enum has more to it, a limit is wider.

    Exits with 1 if a change breaks subscribers, with 2 if a document cannot be read, else with 0.
    """
    before = _read(old, "OLD")
    after = _now(context) if new is None else _read(new, "NEW")
    found = changes(before, after)
    if as_json:
        json_lines(asdict(one) for one in found)
    else:
        _tell(found)
    sys.exit(1 if any(one.breaking for one in found) else 0)


def _document(context: CliContext, form: str) -> dict[str, Any]:
    return _FORMATS[form](context.runtime.catalog, context.runtime.about_events)


def _now(context: CliContext) -> Mapping[str, Described]:
    return read_document(_document(context, "json-schema"))


def _read(path: Path, name: str) -> Mapping[str, Described]:
    try:
        return read_document(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint=name) from error
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"{path}: {error}", param_hint=name) from error


def _show(definition: EventDefinition) -> None:
    form = EventDefinitionForm.of(definition)
    rows = {
        "name": form.name,
        "title": form.title,
        "description": definition.about or None,
        "version": form.version,
        "service": form.service,
        "resources": ", ".join(form.resources) or None,
        "deprecated": form.deprecated,
        "sunset": form.sunset,
        "defined in": form.origin,
    }
    for label, value in rows.items():
        if value is not None:
            console().print(f"{label:>11}  {value}", markup=False)
    if definition.schema is not None:
        table(
            "Data",
            ["property", "type", "required", "description"],
            [
                [one.path, one.kind, "yes" if one.required else "", short(one.description)]
                for one in property_rows(definition.schema)
            ],
        )
    for number, example in enumerate(definition.examples, 1):
        console().print(f"example {number}", style="bold")
        click.echo(_pretty(example))


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _tell(found: Iterable[Change]) -> None:
    nothing = True
    for one in found:
        nothing = False
        mark = "[red]breaking[/]" if one.breaking else "[green]fine    [/]"
        console().print(f"{mark}  ", end="")
        console().print(str(one), markup=False)
    if nothing:
        click.echo("nothing has changed")
