"""`subscribe` and `subscriptions`."""

from __future__ import annotations

from typing import Any

import click

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.changing import change
from asyncevents_core.cli.local import local_actor
from asyncevents_core.cli.parameters import row_id
from asyncevents_core.cli.render import (
    JSON_OPTION,
    console,
    iso,
    json_lines,
    local,
    table,
    tell_secret,
)
from asyncevents_core.cli.subscription_options import subscription_options
from asyncevents_core.cli.trying import EVENT_OPTION, read_options, run_trial, trial_rules
from asyncevents_core.domain.secret import receiver_secret
from asyncevents_core.domain.subscription import (
    NewSubscription,
    RetryPolicy,
    Subscription,
    SubscriptionStatus,
)
from asyncevents_core.engine.subscriptions import no_subscription, set_status
from asyncevents_core.engine.trial import try_subscription


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
    options: tuple[str, ...],
    disabled: bool,
    as_json: bool,
) -> None:
    """Deliver EVENT to TARGET from now on.

    EVENT is a name that `asyncevents events` lists. TARGET is what the sink takes: a URL for http.
    The receiver's form of the secret is printed once, here.

    \b
    Example:
      asyncevents subscribe sales.order.created https://example.com/orders --sink http
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
            options=read_options(context.runtime, sink, options),
            status=SubscriptionStatus.DISABLED if disabled else SubscriptionStatus.ENABLED,
        ),
        by=local_actor(context.settings),
    )
    shown = None if made.secret is None else receiver_secret(made.secret)
    if as_json:
        json_lines([{**_plain(context, made), "secret": shown}])
        return
    console().print(f"subscription {made.id}: {made.event_name} to {made.target}", markup=False)
    if shown is not None:
        tell_secret(shown)


@click.group()
def subscriptions() -> None:
    """List, test, change, switch and delete subscriptions."""


@subscriptions.command("list")
@JSON_OPTION
@pass_cli
def list_(context: CliContext, as_json: bool) -> None:
    """List the subscriptions that are not deleted."""
    found = context.events.subscriptions()
    if as_json:
        json_lines(_plain(context, one) for one in found)
        return
    table(
        "Subscriptions",
        ["id", "status", "event", "sink", "target", "tenant"],
        [[one.id, _status(one), one.event_name, one.sink, one.target, one.tenant] for one in found],
    )


@subscriptions.command()
@click.argument("subscription_id", metavar="ID", type=row_id)
@JSON_OPTION
@pass_cli
def show(context: CliContext, subscription_id: int, as_json: bool) -> None:
    """Show one subscription, without its secret.

    ID is its number in `asyncevents subscriptions list`.
    """
    found = context.ledger.read(lambda queries: queries.subscription(subscription_id))
    if found is None:
        raise no_subscription(subscription_id)
    if as_json:
        json_lines([_plain(context, found)])
        return
    shown = {**_plain(context, found), "created_at": local(found.created_at)}
    for name, value in shown.items():
        label = name.replace("_", " ")
        console().print(f"{label:>15}  {'-' if value is None else value}", markup=False)


@subscriptions.command()
@click.argument("subscription_id", metavar="ID", type=row_id)
@EVENT_OPTION
@JSON_OPTION
@pass_cli
def test(context: CliContext, subscription_id: int, event_name: str, as_json: bool) -> None:
    """Send a test event now, and print what it came to.

    ID is the subscription's number in `asyncevents subscriptions list`. It gets one real attempt
    with its target, options and secret, from this process, even if it is disabled. That is not
    recorded and not retried. Exits with 1 unless it was delivered.
    """
    rules = trial_rules(context.runtime)
    trial = try_subscription(
        context.ledger,
        subscription_id,
        rules,
        by=local_actor(context.settings),
        event_name=event_name,
    )
    run_trial(trial, as_json=as_json)


@subscriptions.command()
@click.argument("subscription_id", metavar="ID", type=row_id)
@pass_cli
def enable(context: CliContext, subscription_id: int) -> None:
    """Resume delivery; held deliveries are released in batches.

    ID is the subscription's number in `asyncevents subscriptions list`.
    """
    _set_status(context, subscription_id, SubscriptionStatus.ENABLED)
    click.echo(f"subscription {subscription_id} is enabled")


@subscriptions.command()
@click.argument("subscription_id", metavar="ID", type=row_id)
@pass_cli
def disable(context: CliContext, subscription_id: int) -> None:
    """Hold open deliveries and make no new ones.

    ID is the subscription's number in `asyncevents subscriptions list`.
    """
    _set_status(context, subscription_id, SubscriptionStatus.DISABLED)
    click.echo(f"subscription {subscription_id} is disabled; its open deliveries are held")


@subscriptions.command()
@click.argument("subscription_id", metavar="ID", type=row_id)
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_cli
def delete(context: CliContext, subscription_id: int, yes: bool) -> None:
    """Delete a subscription for good; its log stays.

    ID is its number in `asyncevents subscriptions list`. Its open deliveries are cancelled.
    """
    if not yes:
        click.confirm(f"Delete subscription {subscription_id} for good?", abort=True)
    _set_status(context, subscription_id, SubscriptionStatus.DELETED)
    click.echo(f"subscription {subscription_id} is deleted; its log stays")


subscriptions.add_command(change)


def _set_status(context: CliContext, subscription_id: int, status: SubscriptionStatus) -> None:
    set_status(
        context.ledger,
        [subscription_id],
        status,
        by=local_actor(context.settings),
        definitions=context.runtime.catalog,
    )


def _status(one: Subscription) -> str:
    return one.status if one.unreadable is None else f"{one.status}, unreadable"


def _plain(context: CliContext, one: Subscription) -> dict[str, Any]:
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
