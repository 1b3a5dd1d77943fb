"""The log: in pages, as CSV, and what happened to one delivery or event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery
from litestar.response import Stream

from asyncevents_core.domain.access import Resource
from asyncevents_core.domain.delivery import DeadReason
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.trace import Trace
from asyncevents_core.engine.searching.pages import page_of_log
from asyncevents_core.errors import NotFound
from asyncevents_core.forms import DeadLetterForm, LogRowForm, TraceForm
from asyncevents_core.ports.ledger import LedgerView
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.export import csv_of, exported
from asyncevents_core.web.api.keyset import page
from asyncevents_core.web.api.log_filters import Search
from asyncevents_core.web.api.parameters import (
    AfterUuid,
    BeforeUuid,
    Flag,
    GivenActor,
    GivenBackend,
    GivenLogFilter,
    Id,
    Limit,
    Name,
    Time,
    Uuid,
    checked_name,
    instant,
)
from asyncevents_core.web.api.problems import documented
from asyncevents_core.web.api.schemas.as_it_is import as_it_is
from asyncevents_core.web.api.schemas.log import DeadLetterPage, LogPage, TracePage, found_page

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
        lambda view: page_of_log(view, log_filter, limit=limit + 1, before=before)
    )
    shown, after = page(rows, limit, lambda one: one.log_id)
    return LogPage(items=[LogRowForm.of(one) for one in shown], next=after, found=None)


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
    backend: GivenBackend,
    actor: GivenActor,
    log_filter: GivenLogFilter,
    search: Search = None,
    payload: Flag = False,
) -> Stream:
    """Export attempts as CSV, newest first, without a limit; streamed.

    With `payload`, for which you need `logs.trace` too, a last column has the CloudEvent that was
    sent, as JSON text.
    """
    if payload:
        actor.require([Resource.LOGS_TRACE], to="export payloads")
    return Stream(
        csv_of(await exported(backend, search, log_filter, payload=payload), payload=payload),
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="log.csv"'},
    )


@get(
    "/traces/{identifier:uuid}",
    opt=needs(Resource.LOGS_TRACE),
    responses=documented(400, 404),
    tags=TAG,
    summary="Trace a delivery, or the deliveries of an event",
)
async def trace(
    identifier: Uuid,
    backend: GivenBackend,
    actor: GivenActor,
    limit: Limit = 50,
    after: AfterUuid = None,
) -> TracePage:
    """Return a delivery with its attempts and its payload, or deliveries of an event.

    Of an event `limit` at most, oldest first; page on with `after` = `next` of the last page.
    """

    def query(view: LedgerView) -> Sequence[Trace]:
        one = view.traces.of_delivery(identifier, tenant=actor.tenant)
        if one is not None:
            return [one]
        return view.traces.of_event(identifier, limit=limit + 1, after=after, tenant=actor.tenant)

    found = await backend.read(query)
    if not found and after is None:
        raise NotFound(f"no delivery and no event with deliveries {identifier}")
    shown, following = page(found, limit, lambda one: one.delivery.id)
    return TracePage(items=[TraceForm.of(one, as_it_is) for one in shown], next=following)


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
        lambda view: view.dead_letters.page(wanted, limit=limit + 1, before=before)
    )
    shown, after = page(rows, limit, lambda one: one.id)
    return DeadLetterPage(items=[DeadLetterForm.of(one) for one in shown], next=after)


HANDLERS: Final = [list_, export, trace, dead_letters]
