"""What is done with subscriptions: many are switched at once, one gets a test event."""

from __future__ import annotations

from typing import Final

from litestar import post
from litestar.params import JSONBody

from asyncevents_core.domain.access import Resource
from asyncevents_core.domain.event_pattern import read_pattern
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.engine.managing.delivery_tests import send_recorded_test
from asyncevents_core.engine.managing.filter_trials import try_filter
from asyncevents_core.engine.managing.subscriptions import set_status
from asyncevents_core.forms import FilterTrialForm
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import (
    GivenActor,
    GivenBackend,
    GivenIdempotency,
    RowId,
    row_id,
)
from asyncevents_core.web.api.problems import documented
from asyncevents_core.web.api.schemas.bodies import StatusChange, TestEvent
from asyncevents_core.web.api.schemas.filter_trial import TrialRequest
from asyncevents_core.web.api.schemas.pages import Accepted, Changed
from asyncevents_core.web.api.strict_body import StrictBody

TAG: Final = ["subscriptions"]


@post(
    "/async_events/status",
    opt=needs(Resource.SAVE),
    status_code=200,
    dto=StrictBody[StatusChange],
    return_dto=None,
    responses=documented(400, 404),
    tags=TAG,
    summary="Enable or disable many subscriptions",
)
async def change_status(
    data: JSONBody[StatusChange], backend: GivenBackend, actor: GivenActor
) -> Changed:
    """Enable or disable subscriptions, all or none of them."""
    ids = sorted(set(data.subscription_ids))
    definitions = backend.runtime.catalog
    await backend.run(
        set_status,
        backend.ledger,
        ids,
        SubscriptionStatus(data.status),
        by=actor,
        definitions=definitions,
        observers=backend.runtime.observers,
    )
    return Changed(subscription_ids=ids)


@post(
    "/async_event/{subscription_id:int}/test",
    opt=needs(Resource.SAVE),
    status_code=202,
    dto=StrictBody[TestEvent],
    return_dto=None,
    responses=documented(400, 404, 409, 422),
    tags=TAG,
    summary="Send a test event",
)
async def send_test(
    subscription_id: RowId,
    data: JSONBody[TestEvent],
    backend: GivenBackend,
    actor: GivenActor,
    idempotency: GivenIdempotency,
) -> Accepted:
    """Send data to one subscription as its event; a worker delivers it within a second or so."""
    made = await backend.run(
        send_recorded_test,
        backend.ledger,
        row_id(subscription_id),
        dict(data.data),
        rules=backend.runtime.publish_rules,
        by=actor,
        definitions=backend.runtime.catalog,
        idempotency=idempotency,
    )
    return Accepted(uuid=made)


@post(
    "/async_events/try_filter",
    opt=needs(Resource.CREATE),
    status_code=200,
    dto=StrictBody[TrialRequest],
    return_dto=None,
    responses=documented(400),
    tags=TAG,
    summary="Try a filter on events that were published",
)
async def try_on_latest(
    data: JSONBody[TrialRequest], backend: GivenBackend, actor: GivenActor
) -> FilterTrialForm:
    """Tell which of the latest 1,000 events a filter lets pass. Nothing is changed or sent."""
    actor.require([Resource.LOGS_LIST], to="try a filter")
    trial = await backend.run(
        try_filter,
        backend.ledger,
        backend.runtime.filters,
        read_pattern(data.event_name),
        data.filter,
        tenant=data.tenant if actor.tenant is None else actor.tenant,
    )
    return FilterTrialForm.of(trial)


HANDLERS: Final = [change_status, send_test, try_on_latest]
