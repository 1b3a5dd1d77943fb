"""MCP Events: what can be subscribed to, and subscriptions whose events go to a callback.

Such a subscription is one like any other: workers deliver it, and it is in the list with the
others. It is its client's to renew and to end; what nobody renews ends by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from attrs import evolve, frozen

from asyncevents_core.domain.access import Resource
from asyncevents_core.domain.callback import (
    EXPIRES_AT,
    KEY,
    PRINCIPAL,
    SINK,
    callback_key,
    is_over,
)
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.instant import iso, to_datetime
from asyncevents_core.domain.subscription import (
    NewSubscription,
    Subscription,
    SubscriptionFilter,
    SubscriptionStatus,
)
from asyncevents_core.engine.managing import subscriptions as managing
from asyncevents_core.errors import AccessDenied, AsyncEventsError, NotFound
from asyncevents_core.ports.ledger import LedgerView
from asyncevents_core.web.api.problems import problem_of
from asyncevents_core.web.mcp import names
from asyncevents_core.web.mcp.door import Door
from asyncevents_core.web.mcp.proof import Callback, prove
from asyncevents_core.web.mcp.rpc import RpcError
from asyncevents_core.web.mcp.subscribing import (
    FILTER,
    INPUT_SCHEMA,
    Wanted,
    secret_of,
    ttl_of,
)

MOST: Final = 100
"""Subscriptions of one client with one callback."""
_GRACE: Final = 86_400.0
"""Seconds for which the secret before signs besides."""
_MILLIS: Final = 1_000
_DELETED: Final = SubscriptionStatus.DELETED


def has_events(door: Door) -> bool:
    """Tell whether the sink is installed through which callbacks are sent to."""
    return SINK in door.backend.runtime.sinks.names()


def list_events(door: Door) -> dict[str, Any]:
    """Return the events that somebody may subscribe to."""
    _require(door, Resource.VIEW, to="list events")
    shown = [one for one in door.backend.runtime.catalog if door.actor.may_all(one.resources)]
    return {"events": [_described(one) for one in shown]}


async def subscribe(params: Mapping[str, Any], door: Door) -> dict[str, Any]:
    """Make a subscription, or renew it. Raises `RpcError`."""
    _require(door, Resource.CREATE, to="subscribe")
    wanted, secret, ttl = Wanted.read(params), secret_of(params), ttl_of(params)
    _check_event(wanted.name, door)
    order = _Order(wanted=wanted, secret=secret, ttl=ttl)
    return await door.backend.run(lambda: _told(order, door))


async def unsubscribe(params: Mapping[str, Any], door: Door) -> dict[str, Any]:
    """End a subscription. Raises `RpcError` where there is none."""
    _require(door, Resource.CREATE, to="unsubscribe")
    wanted = Wanted.read(params)
    if not await door.backend.run(lambda: _end(wanted, door)):
        raise RpcError(names.NOT_FOUND, "Not found", {"kind": "subscription"})
    return {}


@frozen(kw_only=True)
class _Order:
    """What is to be subscribed, for so many milliseconds."""

    wanted: Wanted
    secret: str
    ttl: int


def _told(order: _Order, door: Door) -> dict[str, Any]:
    """Do what is asked for; what the use cases refuse is an error of the protocol."""
    try:
        return _do(order, door)
    except AccessDenied as error:
        raise RpcError(names.FORBIDDEN, str(error)) from error
    except AsyncEventsError as error:
        problem = problem_of(error, {})
        if problem is None or problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        raise RpcError(names.INVALID_PARAMS, problem.detail) from error


def _do(order: _Order, door: Door) -> dict[str, Any]:
    wanted, runtime = order.wanted, door.backend.runtime
    key = callback_key(door.actor.who, wanted.url, wanted.name, wanted.arguments)
    mine, now = runtime.ledger.read(lambda view: (_mine(view, wanted.url, door), view.now()))
    found = _of_key(mine, key)
    if found is None and len(mine) >= MOST:
        raise RpcError(names.EXHAUSTED, "Too many", {"limit": "subscriptions", "max": MOST})
    until = now + order.ttl * _MILLIS
    options = {KEY: key, PRINCIPAL: door.actor.who, EXPIRES_AT: until}
    fresh = NewSubscription(
        event_name=wanted.name,
        sink=SINK,
        target=wanted.url,
        secret=order.secret,
        tenant=door.actor.tenant,
        options=options,
        filter=wanted.arguments.get(FILTER),
    )
    # Before anything is sent: what would be refused anyway sends no challenge either.
    checked = runtime.check_subscription(fresh)
    door.actor.require_sink(SINK, wanted.url, checked.privileges)
    if not any(_is_live(one, now) for one in mine):
        callback = Callback(key=key, url=wanted.url, secret=order.secret)
        prove(runtime.sinks.get(SINK), callback)
    if found is None:
        found = _made(fresh, key, door)
    if found.options != options or found.secret != order.secret or not _is_live(found, now):
        _renew(found, options, order.secret, now, door)
    return {
        "id": key,
        "refreshBefore": iso(_whole_seconds(until)),
        "cursor": None,
        "truncated": False,
    }


def _made(fresh: NewSubscription, key: str, door: Door) -> Subscription:
    """Insert it, and return the one that stays: where two asked at once, the first."""
    runtime = door.backend.runtime
    managing.subscribe(
        runtime.ledger,
        runtime.catalog,
        fresh,
        check=runtime.check_subscription,
        by=door.actor,
        observers=runtime.observers,
    )
    mine = runtime.ledger.read(lambda view: _mine(view, fresh.target, door))
    same = [one for one in mine if one.options.get(KEY) == key]
    if not same:
        raise NotFound("it was ended while it was made: subscribe again")
    for other in same[1:]:
        _delete(other, door)
    return same[0]


def _renew(
    found: Subscription, options: Mapping[str, object], secret: str, now: int, door: Door
) -> None:
    def edit(old: NewSubscription) -> NewSubscription:
        new = evolve(old, options=options, status=SubscriptionStatus.ENABLED)
        if old.secret == secret:
            return new
        return evolve(new, older_secrets=()).rotated(secret, now=now, overlap=_GRACE)

    runtime = door.backend.runtime
    managing.change(
        runtime.ledger,
        runtime.catalog,
        found.id,
        edit,
        check=runtime.check_subscription,
        by=door.actor,
        observers=runtime.observers,
    )


def _end(wanted: Wanted, door: Door) -> bool:
    key = callback_key(door.actor.who, wanted.url, wanted.name, wanted.arguments)
    mine = door.backend.ledger.read(lambda view: _mine(view, wanted.url, door))
    ended = [_delete(one, door) for one in mine if one.options.get(KEY) == key]
    return any(ended)


def _delete(one: Subscription, door: Door) -> bool:
    """Delete one; return whether nobody else did so before."""
    try:
        managing.set_status(
            door.backend.ledger,
            [one.id],
            _DELETED,
            by=door.actor,
            observers=door.backend.runtime.observers,
        )
    except NotFound:
        return False
    return True


def _mine(view: LedgerView, url: str, door: Door) -> list[Subscription]:
    """Return the subscriptions of who asks with a callback, oldest first."""
    wanted = SubscriptionFilter(sink=SINK, target=url, tenant=door.actor.tenant)
    found = view.subscriptions.matching(wanted, after=0, limit=MOST * 10)
    # The filter takes targets that this one is a part of, too.
    return [
        one for one in found if one.target == url and one.options.get(PRINCIPAL) == door.actor.who
    ]


def _of_key(mine: Sequence[Subscription], key: str) -> Subscription | None:
    return next((one for one in mine if one.options.get(KEY) == key), None)


def _is_live(one: Subscription, now: int) -> bool:
    """Tell whether it delivers: then its callback was asked, and has not said that it is gone."""
    return one.status is SubscriptionStatus.ENABLED and not is_over(one.options, now)


def _check_event(name: str, door: Door) -> None:
    """Raise `RpcError` unless there is such an event for who asks."""
    found = next((one for one in door.backend.runtime.catalog if one.name == name), None)
    if found is None:
        raise RpcError(names.NOT_FOUND, "Not found", {"kind": "event"})
    try:
        door.actor.require(found.resources, to=f"subscribe to {name}")
    except AccessDenied as error:
        raise RpcError(names.FORBIDDEN, str(error)) from error


def _require(door: Door, resource: Resource, *, to: str) -> None:
    try:
        door.actor.require([resource], to=to)
    except AccessDenied as error:
        raise RpcError(names.FORBIDDEN, str(error)) from error


def _described(one: EventDefinition) -> dict[str, Any]:
    about = one.about or one.title or one.name
    return {
        "name": one.name,
        "description": f"{about} Deprecated: {one.deprecated}" if one.deprecated else about,
        "delivery": [names.WEBHOOK],
        "inputSchema": INPUT_SCHEMA,
        "payloadSchema": _payload_schema(one.schema),
    }


def _payload_schema(schema: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the schema of what is sent: an object, around what is none."""
    if schema is None:
        return {"type": "object"}
    if schema.get("type", "object") == "object":
        return schema
    hoisted = {key: value for key, value in schema.items() if key == "$defs"}
    inner = {key: value for key, value in schema.items() if key not in {"$defs", "$schema"}}
    return {
        "type": "object",
        "properties": {"value": inner},
        "required": ["value"],
        **hoisted,
    }


def _whole_seconds(instant: int) -> datetime:
    return to_datetime(instant).replace(microsecond=0)
