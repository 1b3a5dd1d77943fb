"""One subscription: as it is, a test event, its end."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen
from litestar import Request, get, post
from litestar.response import Redirect, Template

from asyncevents_core.domain.access import Actor, AuditEntry, Resource
from asyncevents_core.domain.subscription import (
    OlderSecret,
    Subscription,
    SubscriptionStatus,
    filter_text,
)
from asyncevents_core.domain.trace import LogFilter, LogRow
from asyncevents_core.engine.managing.delivery_tests import send_recorded_test
from asyncevents_core.engine.managing.subscriptions import reached_names, set_status, visible
from asyncevents_core.ports.ledger import LedgerView
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import GivenActor, GivenBackend, RowId, row_id
from asyncevents_core.web.backend import RequestBackend
from asyncevents_core.web.pages.confirming import Confirmation
from asyncevents_core.web.pages.form import form_of
from asyncevents_core.web.pages.frame import GivenFrame, done, shown

PATH: Final = "/subscriptions"
_ONE: Final = f"{PATH}/{{subscription_id:int}}"
_LATEST: Final = 10
_CHANGES: Final = 20
_TEST_DATA: Final = '{"test": true}'


@frozen(kw_only=True)
class SubscriptionPage:
    """A subscription with its options, secrets masked, its latest attempts and changes.

    `events` are those that its pattern reaches now; None where it names a single one.
    """

    subscription: Subscription
    options: Mapping[str, object]
    latest: Sequence[LogRow]
    changes: Sequence[AuditEntry]
    events: Sequence[str] | None
    test_data: str = _TEST_DATA

    @property
    def older(self) -> Sequence[OlderSecret]:
        """The older secrets that sign, too."""
        now = time.time_ns() // 1000
        return [one for one in self.subscription.older_secrets if one.is_active(now)]

    @property
    def filter_text(self) -> str:
        """The filter as people write it."""
        return filter_text(self.subscription.filter)


@get(_ONE, opt=needs(Resource.GET))
async def read(
    subscription_id: RowId, backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template:
    """Show a subscription; its latest attempts, and changes, to those who may see these."""
    number = row_id(subscription_id)
    wanted = LogFilter(subscription_id=number, tenant=actor.tenant)
    sees_log, sees_changes = actor.may(Resource.LOGS_LIST), actor.may(Resource.MANAGE)

    def query(view: LedgerView) -> tuple[Subscription, Sequence[LogRow], Sequence[AuditEntry]]:
        found = visible(view.subscriptions.get(number), number, actor)
        rows = view.log.page(wanted, limit=_LATEST, before=None) if sees_log else ()
        if not sees_changes:
            return found, rows, ()
        return (
            found,
            rows,
            view.access.changes_of(number, limit=_CHANGES, tenant=actor.tenant),
        )

    one, latest, changes = await backend.read(query)
    view = SubscriptionPage(
        subscription=one,
        options=backend.runtime.shown_options(one),
        latest=latest,
        changes=changes,
        events=_reached(backend, one),
    )
    return shown(frame, "subscription.html", view)


@post(f"{_ONE}/test", opt=needs(Resource.SAVE))
async def send_test(
    subscription_id: RowId,
    request: Request[Any, Any, Any],
    backend: GivenBackend,
    actor: GivenActor,
    frame: GivenFrame,
) -> Redirect:
    """Send a test event, and show its trace, which follows the outcome."""
    number = row_id(subscription_id)
    text = (await form_of(request)).text("data") or "{}"
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        return done(frame, f"{PATH}/{number}", f"The data is no JSON: {error}", kind="failed")
    delivery = await backend.run(
        send_recorded_test,
        backend.ledger,
        number,
        data,
        rules=backend.runtime.publish_rules,
        by=actor,
        definitions=backend.runtime.catalog,
    )
    if not actor.may(Resource.LOGS_TRACE):
        return done(frame, f"{PATH}/{number}", f"A test event is on its way: delivery {delivery}.")
    return done(frame, f"/traces/{delivery}", "A test event is on its way.")


@get(f"{_ONE}/delete", opt=needs(Resource.CREATE))
async def ask_to_delete(
    subscription_id: RowId, backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Template:
    """Ask whether to delete a subscription, and say what that means."""
    one = await _visible(backend, subscription_id, actor)
    asking = Confirmation(
        title=f"Delete subscription {one.id}?",
        sentences=[
            f"{one.event_name} is not delivered to {one.target} any more. What is still open "
            "is cancelled and never sent. The log keeps what was delivered. This cannot be "
            "undone.",
        ],
        action=frame.url(f"{PATH}/{one.id}/delete"),
        button="Delete",
        back=frame.url(f"{PATH}/{one.id}"),
        danger=True,
    )
    return shown(frame, "confirm.html", asking)


@post(f"{_ONE}/delete", opt=needs(Resource.CREATE))
async def delete(
    subscription_id: RowId, backend: GivenBackend, actor: GivenActor, frame: GivenFrame
) -> Redirect:
    """Delete a subscription."""
    number = row_id(subscription_id)
    await backend.run(
        set_status,
        backend.ledger,
        [number],
        SubscriptionStatus.DELETED,
        by=actor,
        definitions=backend.runtime.catalog,
        observers=backend.runtime.observers,
    )
    return done(frame, PATH, f"Subscription {number} is deleted; what was open is cancelled.")


HANDLERS: Final = [read, send_test, ask_to_delete, delete]


def _reached(backend: RequestBackend, one: Subscription) -> Sequence[str] | None:
    alone = one.pattern.name is not None
    return None if alone else reached_names(backend.runtime.catalog, one)


async def _visible(backend: RequestBackend, subscription_id: int, actor: Actor) -> Subscription:
    """Return a subscription that whoever asks may see. Raises `NotFound`."""
    number = row_id(subscription_id)
    found = await backend.read(lambda view: view.subscriptions.get(number))
    return visible(found, number, actor)
