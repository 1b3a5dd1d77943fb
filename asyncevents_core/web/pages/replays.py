"""Replays of many deliveries: asked for, followed while they run, cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen
from litestar import Request, get, post
from litestar.response import Redirect, Template

from asyncevents_core.domain.access import Actor, Resource
from asyncevents_core.domain.counts import counted
from asyncevents_core.domain.replay_job import DEFAULT_RATE, ReplayJob
from asyncevents_core.engine.replaying.by_query import FoundCount, count_found, found_filter
from asyncevents_core.engine.replaying.jobs import (
    cancel_job,
    count_job,
    start_found,
    start_job,
)
from asyncevents_core.engine.searching.search import Reading
from asyncevents_core.errors import NotFound
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import BeforeUuid, GivenActor, GivenBackend, Uuid
from asyncevents_core.web.backend import RequestBackend
from asyncevents_core.web.pages.confirming import Confirmation
from asyncevents_core.web.pages.dead_letters import FIELDS, dead_filter
from asyncevents_core.web.pages.form import form_of
from asyncevents_core.web.pages.frame import Frame, GivenFrame, done, shown
from asyncevents_core.web.pages.listing import PER_PAGE, asked_by, asked_of

PATH: Final = "/replays"
_ONE: Final = f"{PATH}/{{job_id:uuid}}"
_FOUND: Final = f"{PATH}/found"
_DEAD: Final = f"{PATH}/dead"

_AGAIN: Final = (
    "Each is sent again once, with the payload that it had, as a new delivery: recipients get it "
    "with the same event id. What is under way, and what belongs to a subscription that is "
    "disabled or deleted, is left out."
)


@frozen(kw_only=True)
class Replays:
    """A page of replays, newest first."""

    jobs: Sequence[ReplayJob]
    older: str | None


@frozen(kw_only=True)
class Job:
    """One replay: how far it is."""

    job: ReplayJob

    @property
    def part(self) -> float:
        """How much of it is done, from 0 to 1."""
        if self.job.is_over:
            return 1.0
        return min(1.0, self.job.seen / self.job.total) if self.job.total else 0.0


@get(PATH, opt=needs(Resource.LOGS_REPLAY))
async def list_(
    backend: GivenBackend, actor: GivenActor, frame: GivenFrame, before: BeforeUuid = None
) -> Template:
    """List replays."""
    jobs = await backend.read(
        lambda view: view.replays.jobs(limit=PER_PAGE + 1, before=before, tenant=actor.tenant)
    )
    older = None
    if len(jobs) > PER_PAGE:
        older = frame.url(PATH, {"before": jobs[PER_PAGE - 1].id})
    return shown(frame, "replays.html", Replays(jobs=jobs[:PER_PAGE], older=older))


@get(_ONE, opt=needs(Resource.LOGS_REPLAY))
async def read(
    job_id: Uuid, backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template:
    """Show how far a replay is; the page refreshes itself until it is over."""
    job = await backend.read(lambda view: view.replays.job(job_id))
    if job is None or not actor.sees(job.wanted.tenant):
        raise NotFound(f"there is no replay {job_id}")
    return shown(frame, "replay.html", Job(job=job))


@post(f"{_ONE}/cancel", opt=needs(Resource.LOGS_REPLAY))
async def cancel(
    job_id: Uuid, backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Redirect:
    """Cancel a replay; what was sent stays sent."""
    await backend.run(cancel_job, backend.ledger, job_id, by=actor)
    return done(frame, f"{PATH}/{job_id}", "The replay is cancelled. What was sent stays sent.")


@get(_FOUND, opt=needs(Resource.LOGS_REPLAY))
async def ask_for_found(
    request: Request[Any, Any, Any], backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template:
    """Ask whether to send again what a query finds: how it is read, and how many that are."""
    query = asked_of(request, _FOUND).get("query")
    reading, count = await backend.run(_look, backend, query, actor)
    number = counted(count.deliveries, "delivery", plural="deliveries", exact=count.exact)
    asking = Confirmation(
        title=f"Replay {number}?",
        sentences=[
            "They are found by this query, which is read as:",
            *reading.lines,
            *(f"Doubtful: {one}" for one in reading.doubts),
            _AGAIN,
        ],
        action=frame.url(_FOUND),
        button="Replay",
        back=frame.url("/logs", {"search": query}),
        danger=True,
        fields=[("query", query)],
    )
    return shown(frame, "confirm.html", asking)


@post(_FOUND, opt=needs(Resource.LOGS_REPLAY))
async def replay_found(
    request: Request[Any, Any, Any], backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Redirect:
    """Send again what a query finds."""
    query = (await form_of(request)).text("query")
    job = await backend.run(_start_found, backend, query, actor)
    return _begun(backend, frame, job)


@get(_DEAD, opt=needs(Resource.LOGS_REPLAY))
async def ask_for_dead(
    request: Request[Any, Any, Any], backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template:
    """Ask whether to send again the dead letters that a filter matches: how many that are."""
    asked = asked_of(request, _DEAD)
    wanted = dead_filter(asked, actor)
    count = await backend.read(lambda view: view.dead_letters.count(wanted))
    fields = {name: asked.get(name) for name in FIELDS if asked.get(name)}
    asking = Confirmation(
        title=f"Replay {counted(count, 'dead letter')}?",
        sentences=[f"They are {wanted}.", _AGAIN],
        action=frame.url(_DEAD),
        button="Replay",
        back=frame.url("/dead-letters", fields),
        danger=True,
        fields=list(fields.items()),
    )
    return shown(frame, "confirm.html", asking)


@post(_DEAD, opt=needs(Resource.LOGS_REPLAY))
async def replay_dead(
    request: Request[Any, Any, Any], backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Redirect:
    """Send again the dead letters that a filter matches."""
    wanted = dead_filter(asked_by(await form_of(request), _DEAD, FIELDS), actor)

    def start() -> ReplayJob:
        bounded, total = count_job(backend.ledger, wanted)
        return start_job(backend.ledger, bounded, total=total, rate=DEFAULT_RATE, by=actor)

    return _begun(backend, frame, await backend.run(start))


HANDLERS: Final = [
    list_,
    read,
    cancel,
    ask_for_found,
    replay_found,
    ask_for_dead,
    replay_dead,
]


def _begun(backend: RequestBackend, frame: Frame, job: ReplayJob) -> Redirect:
    """Let a job run, and lead to the page that follows it."""
    backend.wake_jobs()
    return done(frame, f"{PATH}/{job.id}", "The replay has begun.")


def _look(backend: RequestBackend, query: str, actor: Actor) -> tuple[Reading, FoundCount]:
    """Return how a query is read, and how many deliveries it finds."""
    search = backend.search
    wanted = found_filter(backend.ledger, query, tenant=actor.tenant)
    return search.reading(query), count_found(backend.ledger, search, wanted)


def _start_found(backend: RequestBackend, query: str, actor: Actor) -> ReplayJob:
    return start_found(
        backend.ledger, backend.search, query, rate=DEFAULT_RATE, by=actor, tenant=actor.tenant
    )
