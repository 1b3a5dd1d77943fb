"""`subscriptions change`."""

from __future__ import annotations

from typing import Any, Final

import click
from attrs import evolve

from asyncevents_core.cli.actor import local_actor
from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.delivery_tests import read_options
from asyncevents_core.cli.options import subscription_options
from asyncevents_core.cli.output import console, tell_secret
from asyncevents_core.cli.parameters import row_id
from asyncevents_core.domain.failing import FailurePolicy
from asyncevents_core.domain.secret import receiver_secret
from asyncevents_core.domain.subscription import NewSubscription

_UNSET: Final = ("tenant", "max-deaths", "schedule", "rate-limit", "filter", "failing", "options")


@click.command()
@click.argument("subscription_id", metavar="ID", type=row_id)
@click.option(
    "--event", "event_name", metavar="EVENT", help="Deliver this instead: names, patterns."
)
@click.option("--target", help="Deliver there instead.")
@click.option("--sink", help="Deliver by this sink instead.")
@click.option("--new-secret", is_flag=True, help="Make another secret, and print it once.")
@subscription_options
@click.option(
    "--unset", multiple=True, type=click.Choice(_UNSET), help="Reset to the default; repeatable."
)
@pass_cli
def change(
    context: CliContext,
    subscription_id: int,
    event_name: str | None,
    target: str | None,
    sink: str | None,
    secret: str | None,
    new_secret: bool,
    tenant: str | None,
    max_deaths: int | None,
    schedule: tuple[float, ...] | None,
    jitter: float | None,
    rate_limit: float | None,
    warn_failures: int | None,
    warn_after: float | None,
    disable_failures: int | None,
    disable_after: float | None,
    event_filter: object,
    options: tuple[str, ...],
    unset: tuple[str, ...],
) -> None:
    """Change a subscription; what is not named stays.

    ID is its number in `asyncevents subscriptions list`. What is open goes to the new target from
    the next attempt on.

    \b
    Examples:
      asyncevents subscriptions change 7 --target https://example.com/orders
      asyncevents subscriptions change 7 --new-secret --unset rate-limit
    """
    if secret is not None and new_secret:
        raise click.UsageError("--secret or --new-secret, not both")
    given = _given(
        event_name=event_name,
        target=target,
        sink=sink,
        secret=secret,
        tenant=tenant,
        rate_limit=rate_limit,
        filter=event_filter,
    )
    retry = _given(maximum_deaths=max_deaths, schedule=schedule, jitter=jitter)
    failure = _given(
        warn_failures=warn_failures,
        warn_after=warn_after,
        disable_failures=disable_failures,
        disable_after=disable_after,
    )
    if not (given or retry or failure or options or unset or new_secret):
        raise click.UsageError("nothing to change: name what is to be different")

    def edit(old: NewSubscription) -> NewSubscription:
        kept = evolve(_cleared(old, unset), **given)
        texts = read_options(context.runtime, kept.sink, options)
        return evolve(
            kept,
            retry=evolve(kept.retry, **retry),
            failure=evolve(kept.failure, **failure),
            secret=None if new_secret else kept.secret,
            options={**kept.options, **texts},
        )

    changed = context.events.change_subscription(
        subscription_id, edit, by=local_actor(context.settings)
    )
    console().print(
        f"subscription {changed.id}: {changed.event_name} to {changed.target}", markup=False
    )
    if changed.secret is not None and (secret is not None or new_secret):
        tell_secret(receiver_secret(changed.secret))


def _given(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _cleared(old: NewSubscription, unset: tuple[str, ...]) -> NewSubscription:
    retry = old.retry
    if "max-deaths" in unset:
        retry = evolve(retry, maximum_deaths=None)
    if "schedule" in unset:
        retry = evolve(retry, schedule=None)
    return evolve(
        old,
        retry=retry,
        tenant=None if "tenant" in unset else old.tenant,
        rate_limit=None if "rate-limit" in unset else old.rate_limit,
        filter=None if "filter" in unset else old.filter,
        failure=FailurePolicy() if "failing" in unset else old.failure,
        options={} if "options" in unset else old.options,
    )
