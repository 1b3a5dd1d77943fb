"""The event definitions: what can be published and subscribed to, and what is in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen
from litestar import get
from litestar.params import FromPath
from litestar.response import Template

from asyncevents_core.domain.access import Resource
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.schemas.properties import PropertyRow, described, property_rows
from asyncevents_core.errors import NotFound, UnknownEvent
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import GivenActor, GivenBackend
from asyncevents_core.web.pages.frame import GivenFrame, shown

PATH: Final = "/event-definitions"


@frozen(kw_only=True)
class Definitions:
    """All definitions, by name: those of the application, and those of the framework."""

    rows: Sequence[EventDefinition]
    operational: Sequence[EventDefinition]


@frozen(kw_only=True)
class DefinitionPage:
    """One definition. `visible`: what is in it may be seen by whoever is signed in.

    `kind` says what the data is as a whole, `rows` what is in it; `schema` and `examples` are JSON
    text.
    """

    definition: EventDefinition
    visible: bool
    kind: str
    rows: Sequence[PropertyRow]
    schema: str
    examples: Sequence[str]


@get(PATH, opt=needs(Resource.VIEW))
async def list_(backend: GivenBackend, frame: GivenFrame) -> Template:
    """List the event definitions."""
    catalog = backend.runtime.catalog
    view = Definitions(
        rows=[one for one in catalog if not one.is_operational],
        operational=[one for one in catalog if one.is_operational],
    )
    return shown(frame, "definitions.html", view)


@get(f"{PATH}/{{event_name:str}}", opt=needs(Resource.VIEW))
async def show(
    event_name: FromPath[str], backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template:
    """Show what is in an event."""
    try:
        one = backend.runtime.catalog.get(event_name)
    except UnknownEvent as error:
        raise NotFound(f"no event is defined by the name {event_name!r}") from error
    visible = actor.may_all(one.resources)
    schema = one.schema if visible else None
    view = DefinitionPage(
        definition=one,
        visible=visible,
        kind="" if schema is None else described(schema, schema),
        rows=[] if schema is None else property_rows(schema),
        schema="" if schema is None else _json(schema),
        examples=[_json(example) for example in one.examples] if visible else [],
    )
    return shown(frame, "definition.html", view)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


HANDLERS: Final = [list_, show]
