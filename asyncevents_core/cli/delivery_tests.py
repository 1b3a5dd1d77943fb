"""Sending test events, for `check --sink` and `subscriptions test`; options of a sink as texts."""

from __future__ import annotations

import sys
from collections.abc import Coroutine, Sequence
from typing import Any, Final, NoReturn

import click

from asyncevents_core.cli.output import console, json_lines, seconds
from asyncevents_core.domain.event import EVENT_NAME
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.engine.managing.delivery_tests import TEST_EVENT, DryDelivery, DryRules
from asyncevents_core.engine.shared.running import run_in_time
from asyncevents_core.runtime import Runtime
from asyncevents_core.structuring import read_texts


def _event_name(_: click.Context, __: click.Parameter, name: str) -> str:
    if EVENT_NAME.fullmatch(name) is None:
        raise click.BadParameter(f"{name!r}: an event's name is 1 to 255 of A-Z a-z 0-9 . _ -")
    return name


EVENT_OPTION = click.option(
    "--event",
    "event_name",
    default=TEST_EVENT,
    show_default=True,
    metavar="NAME",
    callback=_event_name,
    help="The name of the test event.",
)

_MEANINGS: Final = {
    OutcomeKind.RETRYABLE: "a worker would try again later",
    OutcomeKind.PERMANENT: "a worker would not try again: a dead letter",
    OutcomeKind.GONE: "a worker would not try again, and disable the subscription",
}


def dry_rules(runtime: Runtime) -> DryRules:
    """Return how test events are sent with the settings of a runtime."""
    settings = runtime.settings
    return DryRules(
        check=runtime.check_subscription,
        sinks=runtime.sinks,
        clock=runtime.clock,
        source=settings.source,
        deadline=settings.sink_deadline,
    )


def run_dry_delivery(dry: Coroutine[Any, Any, DryDelivery], *, as_json: bool) -> NoReturn:
    """Send a test event, print its outcome, and exit: 0 if it was delivered, else 1."""
    found = run_in_time(dry)
    if as_json:
        json_lines([_plain(found)])
    else:
        _show(found)
    sys.exit(0 if found.outcome.kind is OutcomeKind.DELIVERED else 1)


def read_options(runtime: Runtime, sink: str, texts: Sequence[str]) -> dict[str, object]:
    """Read NAME=VALUE as the options of a sink want it. Raises `click.BadParameter`."""
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--option")
        pairs[name] = value
    try:
        return read_texts(runtime.sinks.kind(sink).options_class, pairs)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--option") from error


def _show(dry: DryDelivery) -> None:
    outcome = dry.outcome
    good = outcome.kind is OutcomeKind.DELIVERED
    console().print(
        "[green]delivered[/]" if good else "[red]not delivered[/]", f"in {seconds(dry.duration)}"
    )
    rows = {
        "sink": dry.subscription.sink,
        "target": dry.subscription.target,
        "event": f"{dry.event.name} {dry.event.id}",
        "outcome": outcome.kind.value,
        "detail": outcome.detail,
        "http status": outcome.http_status,
        "response": outcome.response,
        "retry after": None if outcome.retry_after is None else f"{outcome.retry_after:g} s",
        "next": _MEANINGS.get(outcome.kind),
    }
    for name, value in rows.items():
        if value not in {None, ""}:
            console().print(f"{name:>12}  {value}", markup=False)


def _plain(dry: DryDelivery) -> dict[str, Any]:
    outcome = dry.outcome
    return {
        "sink": dry.subscription.sink,
        "target": dry.subscription.target,
        "event_name": dry.event.name,
        "event_id": str(dry.event.id),
        "uuid": str(dry.delivery.id),
        "outcome": outcome.kind.value,
        "success": outcome.kind is OutcomeKind.DELIVERED,
        "detail": outcome.detail,
        "http_status": outcome.http_status,
        "response": outcome.response,
        "retry_after": outcome.retry_after,
        "duration": dry.duration,
    }
