"""Replays: of one delivery, and of all that a filter matches."""

from __future__ import annotations

from typing import Final

from attrs import evolve
from litestar import delete, get, post
from litestar.params import JSONBody

from asyncevents_core.domain.access import Actor, Resource
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.domain.replay_job import ReplayJob
from asyncevents_core.engine.replaying.by_query import FoundCount, count_found, found_filter
from asyncevents_core.engine.replaying.jobs import cancel_job, count_job, start_found, start_job
from asyncevents_core.engine.replaying.replay import replay_visible
from asyncevents_core.errors import AccessDenied, NotFound
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.keyset import page
from asyncevents_core.web.api.parameters import (
    BeforeUuid,
    GivenActor,
    GivenBackend,
    GivenIdempotency,
    Limit,
    Uuid,
)
from asyncevents_core.web.api.problems import documented
from asyncevents_core.web.api.schemas.pages import Accepted
from asyncevents_core.web.api.schemas.replay import (
    ReplayBody,
    ReplayCount,
    ReplayItem,
    ReplayPage,
    replay_item,
)
from asyncevents_core.web.api.strict_body import StrictBody

TAG: Final = ["replays"]


@post(
    "/traces/{identifier:uuid}/replay",
    opt=needs(Resource.LOGS_REPLAY),
    status_code=202,
    responses=documented(400, 404, 409, 422),
    tags=TAG,
    summary="Replay a delivery",
)
async def replay(
    identifier: Uuid,
    backend: GivenBackend,
    actor: GivenActor,
    idempotency: GivenIdempotency,
) -> Accepted:
    """Send a delivery's stored bytes again, as a new delivery; or open a failed event again."""
    made = await backend.run(
        replay_visible, backend.ledger, identifier, by=actor, idempotency=idempotency
    )
    return Accepted(uuid=made)


@post(
    "/replays/count",
    opt=needs(Resource.LOGS_REPLAY),
    status_code=200,
    dto=StrictBody[ReplayBody],
    return_dto=None,
    responses=documented(400, 409),
    tags=TAG,
    summary="Count what a replay would be of",
)
async def count(
    data: JSONBody[ReplayBody], backend: GivenBackend, actor: GivenActor
) -> ReplayCount:
    """Count the deliveries that a replay would look at, before it is begun."""
    wanted = _own(data.wanted, actor)
    query = data.search
    if query is None:
        count = await backend.read(lambda view: view.dead_letters.count(wanted))
        return ReplayCount(count=count, exact=True)

    def work() -> FoundCount:
        found = found_filter(backend.ledger, query, tenant=wanted.tenant)
        return count_found(backend.ledger, backend.search, found)

    found = await backend.run(work)
    return ReplayCount(count=found.deliveries, exact=found.exact)


@post(
    "/replays",
    opt=needs(Resource.LOGS_REPLAY),
    status_code=202,
    dto=StrictBody[ReplayBody],
    return_dto=None,
    responses=documented(400, 409, 422),
    tags=TAG,
    summary="Replay everything that a filter matches or a search finds",
)
async def start(
    data: JSONBody[ReplayBody],
    backend: GivenBackend,
    actor: GivenActor,
    idempotency: GivenIdempotency,
) -> ReplayItem:
    """Replay all that a filter matches, in the background; a crash does not end it."""
    own = _own(data.wanted, actor)

    def work() -> ReplayJob:
        ledger, rate, query = backend.ledger, data.rate, data.search
        if query is None:
            wanted, total = count_job(ledger, own)
            return start_job(
                ledger, wanted, total=total, rate=rate, by=actor, idempotency=idempotency
            )
        return start_found(
            ledger,
            backend.search,
            query,
            rate=rate,
            by=actor,
            tenant=own.tenant,
            idempotency=idempotency,
        )

    job = await backend.run(work)
    backend.wake_jobs()
    return replay_item(job)


@get(
    "/replays",
    opt=needs(Resource.LOGS_REPLAY),
    responses=documented(400),
    tags=TAG,
    summary="List replays",
)
async def list_(
    backend: GivenBackend,
    actor: GivenActor,
    limit: Limit = 50,
    before: BeforeUuid = None,
) -> ReplayPage:
    """List the replays of many deliveries, newest first."""
    rows = await backend.read(
        lambda view: view.replays.jobs(limit=limit + 1, before=before, tenant=actor.tenant)
    )
    shown, after = page(rows, limit, lambda one: one.id)
    return ReplayPage(items=[replay_item(one) for one in shown], next=after)


@get(
    "/replays/{job_id:uuid}",
    opt=needs(Resource.LOGS_REPLAY),
    responses=documented(404),
    tags=TAG,
    summary="Read how far a replay is",
)
async def read(job_id: Uuid, backend: GivenBackend, actor: GivenActor) -> ReplayItem:
    """Read how far a replay is."""
    job = await backend.read(lambda view: view.replays.job(job_id))
    if job is None or not actor.sees(job.wanted.tenant):
        raise NotFound(f"no replay {job_id}")
    return replay_item(job)


@delete(
    "/replays/{job_id:uuid}",
    opt=needs(Resource.LOGS_REPLAY),
    status_code=200,
    responses=documented(404),
    tags=TAG,
    summary="Cancel a replay",
)
async def cancel(job_id: Uuid, backend: GivenBackend, actor: GivenActor) -> ReplayItem:
    """Cancel a replay after the step under way; what was sent stays sent."""
    return replay_item(await backend.run(cancel_job, backend.ledger, job_id, by=actor))


HANDLERS: Final = [replay, count, start, list_, read, cancel]


def _own(wanted: DeadFilter, actor: Actor) -> DeadFilter:
    """Return the filter within the actor's tenant. Raises `AccessDenied`."""
    if actor.tenant is None:
        return wanted
    if wanted.tenant not in (None, actor.tenant):
        raise AccessDenied(f"you are bound to tenant {actor.tenant!r}")
    return evolve(wanted, tenant=actor.tenant)
