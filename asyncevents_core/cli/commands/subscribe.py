"""`subscribe`: deliver an event to a target from now on."""

from __future__ import annotations

import click

from asyncevents_core.cli.actor import local_actor
from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.delivery_tests import read_options
from asyncevents_core.cli.options import JSON_OPTION, subscription_options
from asyncevents_core.cli.output import console, fields_of, json_lines, tell_secret
from asyncevents_core.domain.failing import FailurePolicy
from asyncevents_core.domain.secret import receiver_secret
from asyncevents_core.domain.subscription import (
    NewSubscription,
    RetryPolicy,
    SubscriptionStatus,
)
from asyncevents_core.forms import SubscriptionForm


@click.command()
@click.argument("event_name", metavar="EVENT")
@click.argument("target")
@click.option(
    "--sink",
    default="http",
    show_default=True,
    help="How to deliver (`asyncevents plugins` lists sinks).",
)
@subscription_options
@click.option("--disabled", is_flag=True, help="Do not deliver yet.")
@JSON_OPTION
@pass_cli
def subscribe(
    context: CliContext,
    event_name: str,
    target: str,
    sink: str,
    secret: str | None,
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
    disabled: bool,
    as_json: bool,
) -> None:
    """Deliver EVENT to TARGET from now on.

    EVENT is a name that `asyncevents events` lists; or names and patterns with commas: * stands for
    a part of a level, ** for any levels, ! makes an exception. TARGET is what the sink takes: a URL
    for http. The receiver's form of the secret is printed once, here.

    \b
    Examples:
      asyncevents subscribe sales.order.created https://example.com/orders --sink http
      asyncevents subscribe 'sales.order.*, !sales.order.deleted' https://example.com/orders
      asyncevents subscribe sales.order.created https://example.com/large \\
          --filter 'data.total:[1000 TO *] AND data.country:(AT OR DE)'
    """
    made = context.events.subscribe(
        NewSubscription(
            event_name=event_name,
            sink=sink,
            target=target,
            secret=secret,
            tenant=tenant,
            retry=RetryPolicy(maximum_deaths=max_deaths, schedule=schedule, jitter=jitter or 0.0),
            rate_limit=rate_limit,
            filter=event_filter,
            failure=FailurePolicy(
                warn_failures=warn_failures,
                warn_after=warn_after,
                disable_failures=disable_failures,
                disable_after=disable_after,
            ),
            options=read_options(context.runtime, sink, options),
            status=SubscriptionStatus.DISABLED if disabled else SubscriptionStatus.ENABLED,
        ),
        by=local_actor(context.settings),
    )
    shown = None if made.secret is None else receiver_secret(made.secret)
    if as_json:
        form = SubscriptionForm.of(made, context.runtime.shown_options(made))
        json_lines([{**fields_of(form), "receiver_secret": shown}])
        return
    console().print(f"subscription {made.id}: {made.event_name} to {made.target}", markup=False)
    if shown is not None:
        tell_secret(shown)
