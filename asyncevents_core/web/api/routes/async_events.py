"""Subscriptions: the original's four routes, and beyond."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from attrs import evolve
from litestar import Request, delete, get, patch, post, put
from litestar.params import JSONBody, QueryParameter

from asyncevents_core.domain.access import Actor, Resource
from asyncevents_core.domain.secret import receiver_secret
from asyncevents_core.domain.subscription import (
    NewSubscription,
    Subscription,
    SubscriptionStatus,
    SubscriptionSummary,
)
from asyncevents_core.engine.managing.subscriptions import change as change_subscription
from asyncevents_core.engine.managing.subscriptions import set_status, subscribe, visible
from asyncevents_core.forms import SubscriptionForm
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.criteria import selecting
from asyncevents_core.web.api.criteria.parsing import parse
from asyncevents_core.web.api.criteria.selecting import Column, read_flag, read_number, read_time
from asyncevents_core.web.api.parameters import (
    GivenActor,
    GivenBackend,
    GivenIdempotency,
    RowId,
    row_id,
)
from asyncevents_core.web.api.partial import GivenWanted, part_of
from asyncevents_core.web.api.problems import ASYNC_EVENT, RENAMED, SUBSCRIPTION, documented
from asyncevents_core.web.api.schemas.async_event import AsyncEvent, answer
from asyncevents_core.web.api.schemas.async_event_input import OUR_WORDS, AsyncEventBody
from asyncevents_core.web.api.schemas.pages import AsyncEventList
from asyncevents_core.web.api.schemas.stores import magento_time, store_id_of
from asyncevents_core.web.api.schemas.subscription_input import SubscriptionBody
from asyncevents_core.web.api.strict_body import StrictBody
from asyncevents_core.web.backend import RequestBackend

TAG: Final = ["subscriptions"]
_ONE: Final = "/async_event/{subscription_id:int}"
_IN_ITS_WORDS: Final = {
    RENAMED: {f"{SUBSCRIPTION}.{ours}": f"{ASYNC_EVENT}.{name}" for name, ours in OUR_WORDS.items()}
}
"""Options of the original's routes: errors name the fields that its clients know."""

Summary = Column[SubscriptionSummary]

_SECOND: Final = 1_000_000


def _to_the_second(instant: int | None) -> int | None:
    """Return a time as it is shown, so that what was answered can be searched for."""
    return None if instant is None else instant // _SECOND * _SECOND


COLUMNS: Final[dict[str, Summary]] = {
    "subscription_id": Column(get=lambda one: one.id, read=read_number),
    "event_name": Column(get=lambda one: one.event_name, read=str),
    "recipient_url": Column(get=lambda one: one.target, read=str),
    "status": Column(get=lambda one: int(one.status is SubscriptionStatus.ENABLED), read=read_flag),
    "subscribed_at": Column(
        get=lambda one: _to_the_second(one.subscribed_at), read=read_time, show=magento_time
    ),
    "modified": Column(
        get=lambda one: _to_the_second(one.modified_at), read=read_time, show=magento_time
    ),
    "store_id": Column(get=lambda one: store_id_of(one.tenant), read=read_number),
    "tenant": Column(get=lambda one: one.tenant, read=str),
    "metadata": Column(get=lambda one: one.sink, read=str),
}


@post(
    "/async_event",
    opt=needs(Resource.CREATE) | _IN_ITS_WORDS,
    status_code=200,
    dto=StrictBody[AsyncEventBody],
    return_dto=None,
    responses=documented(400, 404, 409, 422),
    tags=TAG,
    summary="Make a subscription",
)
async def create(
    data: JSONBody[AsyncEventBody],
    backend: GivenBackend,
    actor: GivenActor,
    idempotency: GivenIdempotency,
    wanted: GivenWanted,
    show_secret: Annotated[
        bool,
        QueryParameter(description="Answer with the receiver's form of the secret."),
    ] = False,
) -> AsyncEvent:
    """Make a subscription; its status is true and its metadata `http` unless sent otherwise.

    As in the original a body that has a `subscription_id` changes that one: see PUT.
    """
    if data.subscription_id is not None:
        return part_of(await _merged(backend, data.subscription_id, data, actor), wanted)
    new = data.new(actor.tenant)
    runtime = backend.runtime
    made = await backend.run(
        lambda: subscribe(
            runtime.ledger,
            runtime.catalog,
            new,
            check=runtime.check_subscription,
            by=actor,
            idempotency=idempotency,
            observers=runtime.observers,
        )
    )
    shown = answer(made)
    if show_secret and made.secret is not None:
        shown = evolve(shown, receiver_secret=receiver_secret(made.secret))
    return part_of(shown, wanted)


@get(
    "/async_events",
    opt=needs(Resource.VIEW),
    responses=documented(400),
    tags=TAG,
    summary="List subscriptions",
)
async def list_(
    request: Request[Any, Any, Any],
    backend: GivenBackend,
    actor: GivenActor,
    wanted: GivenWanted,
) -> AsyncEventList:
    """List subscriptions by Magento's search criteria.

    `searchCriteria[filter_groups][0][filters][0][field]=event_name`, `…[value]=…`,
    `…[condition_type]=like`; groups are joined by AND, the filters of a group by OR.
    `searchCriteria[sortOrders][0][field]`, `…[direction]`, `searchCriteria[pageSize]`,
    `searchCriteria[currentPage]`. Without any of them all subscriptions are one page.
    """
    query = request.scope["query_string"].decode("latin-1")
    criteria = parse(parse_qsl(query, keep_blank_values=True, errors="replace"))

    def search() -> tuple[list[SubscriptionSummary], int]:
        rows = backend.ledger.read(lambda view: view.subscriptions.summaries())
        seen = [one for one in rows if actor.sees(one.tenant)]
        return selecting.select(criteria, COLUMNS, seen, backend.patience.check)

    found, count = await backend.run(search)
    shown = AsyncEventList(
        items=[answer(one) for one in found],
        search_criteria=criteria.plain(),
        total_count=count,
    )
    return part_of(shown, wanted)


@get(
    _ONE,
    opt=needs(Resource.GET),
    responses=documented(400, 404),
    tags=TAG,
    summary="Read a subscription",
)
async def read(
    subscription_id: RowId, backend: GivenBackend, actor: GivenActor, wanted: GivenWanted
) -> AsyncEvent:
    """Read a subscription."""
    return part_of(answer(await _read(backend, subscription_id, actor)), wanted)


@put(
    _ONE,
    opt=needs(Resource.CREATE) | _IN_ITS_WORDS,
    dto=StrictBody[AsyncEventBody],
    return_dto=None,
    responses=documented(400, 404),
    tags=TAG,
    summary="Change a subscription",
)
async def merge(
    subscription_id: RowId,
    data: JSONBody[AsyncEventBody],
    backend: GivenBackend,
    actor: GivenActor,
    wanted: GivenWanted,
) -> AsyncEvent:
    """Change what is sent and leave the rest; `status` must be sent."""
    data.refuse_other(subscription_id)
    return part_of(await _merged(backend, subscription_id, data, actor), wanted)


@patch(
    _ONE,
    opt=needs(Resource.CREATE),
    dto=StrictBody[SubscriptionBody],
    return_dto=None,
    responses=documented(400, 404),
    tags=TAG,
    summary="Change any part of a subscription",
)
async def change(
    subscription_id: RowId,
    data: JSONBody[SubscriptionBody],
    backend: GivenBackend,
    actor: GivenActor,
) -> SubscriptionForm:
    """Change what is sent and leave the rest; null clears what can be empty."""
    data.refuse_other(subscription_id)
    changed = await _change(backend, subscription_id, data.merged, actor)
    return SubscriptionForm.of(changed, backend.runtime.shown_options(changed))


@delete(
    _ONE,
    opt=needs(Resource.CREATE),
    responses=documented(404),
    tags=TAG,
    summary="Delete a subscription",
)
async def remove(subscription_id: RowId, backend: GivenBackend, actor: GivenActor) -> None:
    """Delete a subscription: open deliveries are cancelled, the log stays."""
    row_id(subscription_id)
    await backend.run(
        set_status,
        backend.ledger,
        [subscription_id],
        SubscriptionStatus.DELETED,
        by=actor,
        definitions=backend.runtime.catalog,
        observers=backend.runtime.observers,
    )


@get(
    f"{_ONE}/details",
    opt=needs(Resource.GET),
    responses=documented(404),
    tags=TAG,
    summary="Read everything about a subscription",
)
async def read_details(
    subscription_id: RowId, backend: GivenBackend, actor: GivenActor
) -> SubscriptionForm:
    """Read a subscription with its retries, its rate limit and its options."""
    found = await _read(backend, subscription_id, actor)
    return SubscriptionForm.of(found, backend.runtime.shown_options(found))


HANDLERS: Final = [create, list_, read, merge, change, remove, read_details]


async def _read(backend: RequestBackend, subscription_id: int, actor: Actor) -> Subscription:
    row_id(subscription_id)
    found = await backend.read(lambda view: view.subscriptions.get(subscription_id))
    return visible(found, subscription_id, actor)


async def _merged(
    backend: RequestBackend, subscription_id: int, data: AsyncEventBody, actor: Actor
) -> AsyncEvent:
    data.require("status")
    return answer(await _change(backend, subscription_id, data.merged, actor))


async def _change(
    backend: RequestBackend,
    subscription_id: int,
    edit: Callable[[NewSubscription], NewSubscription],
    actor: Actor,
) -> Subscription:
    runtime = backend.runtime
    number = row_id(subscription_id)
    return await backend.run(
        lambda: change_subscription(
            runtime.ledger,
            runtime.catalog,
            number,
            edit,
            check=runtime.check_subscription,
            by=actor,
            observers=runtime.observers,
        )
    )
