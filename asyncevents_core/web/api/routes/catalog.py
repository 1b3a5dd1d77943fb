"""What there is: event definitions, sinks, published events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from litestar import get

from asyncevents_core.domain.access import Actor, Resource
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.event_documents import asyncapi, json_schema, openapi
from asyncevents_core.errors import NotFound
from asyncevents_core.forms import PublishedForm
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.json_schema import schema_of
from asyncevents_core.web.api.keyset import page
from asyncevents_core.web.api.parameters import (
    BeforeUuid,
    GivenActor,
    GivenBackend,
    Limit,
    Name,
    Uuid,
    checked_name,
)
from asyncevents_core.web.api.problems import documented
from asyncevents_core.web.api.schemas.as_it_is import as_it_is
from asyncevents_core.web.api.schemas.catalog import (
    EventDefinitionList,
    PublishedPage,
    SinkItem,
    SinkList,
)
from asyncevents_core.web.backend import RequestBackend

TAG: Final = ["catalog"]


@get(
    "/event_definitions",
    opt=needs(Resource.VIEW),
    responses=documented(),
    tags=TAG,
    summary="List what can be subscribed to",
)
async def event_definitions(backend: GivenBackend, actor: GivenActor) -> EventDefinitionList:
    """List the event definitions, with the resources that a subscriber needs.

    Schema and examples are there for those who have the resources.
    """
    return EventDefinitionList.of(backend.runtime.catalog, actor)


@get(
    "/event_definitions/asyncapi.json",
    opt=needs(Resource.VIEW),
    responses=documented(),
    tags=TAG,
    summary="Describe the events in AsyncAPI",
)
async def events_asyncapi(backend: GivenBackend, actor: GivenActor) -> dict[str, Any]:
    """Describe the events whose resources one has in an AsyncAPI 3.0 document."""
    return asyncapi(_shown(backend, actor), backend.runtime.about_events)


@get(
    "/event_definitions/openapi.json",
    opt=needs(Resource.VIEW),
    responses=documented(),
    tags=TAG,
    summary="Describe the events as webhooks in OpenAPI",
)
async def events_openapi(backend: GivenBackend, actor: GivenActor) -> dict[str, Any]:
    """Describe the events whose resources one has as the webhooks of an OpenAPI 3.1 document."""
    return openapi(_shown(backend, actor), backend.runtime.about_events)


@get(
    "/event_definitions/json-schema.json",
    opt=needs(Resource.VIEW),
    responses=documented(),
    tags=TAG,
    summary="Describe the data of events in JSON Schema",
)
async def events_json_schema(backend: GivenBackend, actor: GivenActor) -> dict[str, Any]:
    """Describe the data of the events whose resources one has in one JSON Schema."""
    return json_schema(_shown(backend, actor), backend.runtime.about_events)


def _shown(backend: RequestBackend, actor: Actor) -> Iterator[EventDefinition]:
    """Return the events whose resources an actor has."""
    return (one for one in backend.runtime.catalog if actor.may_all(one.resources))


@get(
    "/sinks",
    opt=needs(Resource.VIEW),
    responses=documented(),
    tags=TAG,
    summary="List the sinks that are installed",
)
async def sinks(backend: GivenBackend) -> SinkList:
    """List the sinks with the JSON Schema of a subscription's options and of their own."""
    return SinkList(
        items=[
            SinkItem(
                name=one.name,
                title=one.value.title,
                icon=one.value.icon,
                distribution=one.source.distribution,
                signs=one.value.signs,
                options=schema_of(one.value.options_class),
                configuration=schema_of(one.value.config_class),
            )
            for one in backend.runtime.sinks
        ]
    )


@get(
    "/events",
    opt=needs(Resource.LOGS_LIST),
    responses=documented(400),
    tags=TAG,
    summary="List what was published",
)
async def published(
    backend: GivenBackend,
    actor: GivenActor,
    event_name: Name = None,
    limit: Limit = 50,
    before: BeforeUuid = None,
) -> PublishedPage:
    """List what was published, newest first; of a bound token's tenant only."""
    name = checked_name("event_name", event_name)
    rows = await backend.read(
        lambda view: view.events.page(
            name=name, limit=limit + 1, before=before, tenant=actor.tenant
        )
    )
    shown, after = page(rows, limit, lambda one: one.id)
    items = [PublishedForm.of(one, as_it_is) for one in shown]
    return PublishedPage(items=items, next=after)


@get(
    "/events/{event_id:uuid}",
    opt=needs(Resource.LOGS_TRACE),
    responses=documented(404),
    tags=TAG,
    summary="Read what was published",
)
async def read_published(event_id: Uuid, backend: GivenBackend, actor: GivenActor) -> PublishedForm:
    """Read one published event; `/traces/…` of the same id shows its deliveries."""
    found = await backend.read(lambda view: view.events.get(event_id))
    if found is None or not actor.sees(found.tenant):
        raise NotFound(f"no event {event_id}")
    return PublishedForm.of(found, as_it_is)


HANDLERS: Final = [
    event_definitions,
    events_asyncapi,
    events_openapi,
    events_json_schema,
    sinks,
    published,
    read_published,
]
