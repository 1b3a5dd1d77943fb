"""The JSON forms of traces, attempts and subscriptions that several commands print."""

from __future__ import annotations

import json
from typing import Any

from asyncevents_core.cli.app import CliContext
from asyncevents_core.cli.output import iso
from asyncevents_core.domain.delivery import Attempt
from asyncevents_core.domain.subscription import Subscription
from asyncevents_core.domain.trace import Trace


def trace_fields(one: Trace) -> dict[str, Any]:
    """Return a trace as JSON has it."""
    return {
        "uuid": one.delivery.id,
        "summary": one.summary,
        "state": one.delivery.state.value,
        "reason": one.delivery.reason,
        "event_id": one.event.id,
        "event_name": one.event.name,
        "tenant": one.event.tenant,
        "subscription_id": one.delivery.subscription_id,
        "sink": one.sink,
        "target": one.target,
        "replay_of": one.delivery.replay_of,
        "requested_by": None if one.request is None else one.request.requested_by,
        "requested_at": None if one.request is None else iso(one.request.requested_at),
        "replays": [str(replay) for replay in one.replays],
        "due_at": iso(one.delivery.due_at),
        "attempts": [attempt_fields(attempt) for attempt in one.attempts],
        "payload": None if one.event.body is None else json.loads(one.event.body),
    }


def attempt_fields(one: Attempt) -> dict[str, Any]:
    """Return an attempt as JSON has it."""
    return {
        "outcome": one.outcome.value,
        "detail": one.detail,
        "status": one.status,
        "response": one.response,
        "target": one.target,
        "started_at": iso(one.started_at),
        "duration": one.duration,
    }


def subscription_fields(context: CliContext, one: Subscription) -> dict[str, Any]:
    """Return a subscription as JSON has it, without its secret."""
    return {
        "id": one.id,
        "status": one.status.value,
        "event_name": one.event_name,
        "sink": one.sink,
        "target": one.target,
        "tenant": one.tenant,
        "maximum_deaths": one.retry.maximum_deaths,
        "schedule": one.retry.schedule,
        "jitter": one.retry.jitter,
        "rate_limit": one.rate_limit,
        "options": context.runtime.shown_options(one),
        "signed": one.signed,
        "unreadable": one.unreadable,
        "created_at": iso(one.created_at),
    }
