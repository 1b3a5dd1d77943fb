"""The log: in pages, as CSV, and what happened to one delivery or event."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery
from litestar.response import Stream

from asyncevents_core.domain.access import Actor, Resource
from asyncevents_core.domain.delivery import DeadReason
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.trace import Trace
from asyncevents_core.engine.log_pages import page_of_log
from asyncevents_core.errors import NotFound
from asyncevents_core.ports.queries import LedgerQueries
from asyncevents_core.web.access import needs
from asyncevents_core.web.export import csv_of, pages
from asyncevents_core.web.injected import GivenActor, GivenBackend, GivenLogFilter
from asyncevents_core.web.keyset import page
from asyncevents_core.web.log_filters import Search
from asyncevents_core.web.parameters import (
    BeforeUuid,
    Flag,
    Id,
    Limit,
    Name,
    Time,
    Uuid,
    checked_name,
    instant,
)
from asyncevents_core.web.problems import documented
from asyncevents_core.web.schemas.log import (
    DeadLetterPage,
    LogPage,
    TraceItem,
    dead_letter_item,
    found_page,
    log_item,
    trace_item,
)

TAG: Final = ["logs"]


@get(
    "/logs",
    opt=needs(Resource.LOGS_LIST),
    responses=documented(400, 409),
    tags=TAG,
    summary="List or search attempts",
)
async def list_(
    backend: GivenBackend,
    log_filter: GivenLogFilter,
    search: Search = None,
    limit: Limit = 50,
    before: Id = None,
) -> LogPage:
    """List attempts, newest first; page on with `before` = `next` of the last page.

    With `search` those that it finds; `found` then counts them all, and tells how far the index
    is behind.
    """
    if search is not None:
        found = await backend.run(
            lambda: backend.search.page(search, log_filter, limit=limit, before=before)
        )
        return found_page(found)
    rows = await backend.read(
        lambda queries: page_of_log(queries, log_filter, limit=limit + 1, before=before)
    )
    shown, after = page(rows, limit, lambda one: one.log_id)
    return LogPage(items=[log_item(one) for one in shown], next=after, found=None)


@get(
    "/logs/export",
    opt=needs(Resource.LOGS_LIST),
    responses={
        **documented(400, 409),
        200: ResponseSpec(
            str, generate_examples=False, description="All that is meant.", media_type="text/csv"
        ),
    },
    tags=TAG,
    summary="Export attempts as CSV",
)
async def export(
    backend: GivenBackend, log_filter: GivenLogFilter, search: Search = None
) -> Stream:
    """Export attempts as CSV, newest first, without a limit; streamed."""
    return Stream(
        csv_of(await pages(backend, search, log_filter)),
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="log.csv"'},
    )


@get(
    "/traces/{identifier:uuid}",
    opt=needs(Resource.LOGS_TRACE),
    responses=documented(404),
    tags=TAG,
    summary="Trace a delivery, or all deliveries of an event",
)
async def trace(identifier: Uuid, backend: GivenBackend, actor: GivenActor) -> list[TraceItem]:
    """Return a delivery with its attempts and its payload, or all deliveries of an event."""
    found = await backend.read(lambda queries: traces_of(queries, identifier, actor))
    if not found:
        raise NotFound(f"no delivery and no event with deliveries {identifier}")
    return [trace_item(one) for one in found]


@get(
    "/dead_letters",
    opt=needs(Resource.LOGS_LIST),
    responses=documented(400),
    tags=TAG,
    summary="List dead letters",
)
async def dead_letters(
    backend: GivenBackend,
    actor: GivenActor,
    event_name: Name = None,
    subscription_id: Id = None,
    reason: FromQuery[DeadReason | None] = None,
    since: Time = None,
    until: Time = None,
    replayed: Flag = False,
    limit: Limit = 50,
    before: BeforeUuid = None,
) -> DeadLetterPage:
    """List what could not be delivered, and events whose service failed; newest first.

    Those that were replayed already are left out unless `replayed`.
    """
    wanted = DeadFilter(
        event_name=checked_name("event_name", event_name),
        subscription_id=subscription_id,
        reason=reason,
        since=instant("since", since),
        until=instant("until", until),
        replayed=replayed,
        tenant=actor.tenant,
    )
    rows = await backend.read(
        lambda queries: queries.dead_letters(wanted, limit=limit + 1, before=before)
    )
    shown, after = page(rows, limit, lambda one: one.id)
    return DeadLetterPage(items=[dead_letter_item(one) for one in shown], next=after)


HANDLERS: Final = [list_, export, trace, dead_letters]


def traces_of(queries: LedgerQueries, identifier: UUID, actor: Actor) -> list[Trace]:
    """Return the traces of a delivery, or of an event's deliveries, that an actor may see."""
    one = queries.trace(identifier)
    if one is not None:
        found = [one]
    else:
        deliveries = queries.deliveries_of_event(identifier)
        traces = [queries.trace(delivery.id) for delivery in deliveries]
        found = [trace for trace in traces if trace is not None]
    return [trace for trace in found if _sees(queries, trace, actor)]


def _sees(queries: LedgerQueries, trace: Trace, actor: Actor) -> bool:
    if actor.tenant is None:
        return True
    subscription = queries.subscription(trace.delivery.subscription_id)
    return subscription is not None and actor.sees(subscription.tenant)
