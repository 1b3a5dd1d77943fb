"""Programs that are not Python publish."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from litestar import Request, post
from litestar.params import JSONBody

from asyncevents_core.domain.access import Resource
from asyncevents_core.engine.publishing.foreign import EventRefused
from asyncevents_core.errors import (
    AccessDenied,
    EventConflict,
    PayloadTooLarge,
)
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import GivenActor, GivenBackend, GivenIdempotency
from asyncevents_core.web.api.problems import FieldError, Problem, documented, kind_of
from asyncevents_core.web.api.schemas.publishing import EventBody, PublishedIds, SentEvents
from asyncevents_core.web.api.strict_body import StrictBody

TAG: Final = ["publishing"]

_STATUSES: Final = (
    (AccessDenied, HTTPStatus.FORBIDDEN),
    (PayloadTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (EventConflict, HTTPStatus.CONFLICT),
)


@post(
    "/events",
    opt=needs(Resource.PUBLISH),
    status_code=202,
    dto=StrictBody[EventBody],
    return_dto=None,
    responses=documented(400, 409, 422),
    tags=TAG,
    summary="Publish events",
)
async def publish(
    data: JSONBody[EventBody],
    request: Request[Any, Any, Any],
    backend: GivenBackend,
    actor: GivenActor,
    idempotency: GivenIdempotency,
) -> PublishedIds:
    """Publish one event, or a list of them, all or none; CloudEvents are taken, too."""
    sent = data.sent(request.headers)

    def work() -> list[UUID]:
        publisher = backend.publisher.ready()
        return publisher.publish(sent.events, by=actor, idempotency=idempotency)

    try:
        made = await backend.run(work)
    except EventRefused as refused:
        raise _problem(sent, refused) from refused
    return PublishedIds(event_ids=made)


HANDLERS: Final = [publish]


def _problem(sent: SentEvents, refused: EventRefused) -> Problem:
    """Return the problem of an event that is refused, with the field as the sender calls it."""
    error = refused.error
    status = next(
        (code for kind, code in _STATUSES if isinstance(error, kind)), HTTPStatus.BAD_REQUEST
    )
    where = FieldError(field=sent.path(refused.index, refused.field), message=str(error))
    return Problem(status, f"{where.field}: {error}", kind=kind_of(error), fields=(where,))
