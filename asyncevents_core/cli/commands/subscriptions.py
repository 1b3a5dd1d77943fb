"""`subscriptions`: list, show, test, switch and delete them."""

from __future__ import annotations

import click
from attrs import evolve

from asyncevents_core.cli.actor import local_actor
from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.commands._subscriptions_change import change
from asyncevents_core.cli.commands._subscriptions_filter import try_filter
from asyncevents_core.cli.commands._subscriptions_secrets import (
    end_older_secrets,
    rotate_secret,
)
from asyncevents_core.cli.delivery_tests import EVENT_OPTION, dry_rules, run_dry_delivery
from asyncevents_core.cli.options import JSON_OPTION
from asyncevents_core.cli.output import console, fields_of, json_lines, local, table
from asyncevents_core.cli.parameters import row_id
from asyncevents_core.domain.subscription import (
    Subscription,
    SubscriptionStatus,
)
from asyncevents_core.engine.managing.delivery_tests import deliver_dry
from asyncevents_core.engine.managing.subscriptions import no_subscription, set_status
from asyncevents_core.forms import SubscriptionForm


@click.group()
def subscriptions() -> None:
    """List, test, change, switch and delete subscriptions."""


@subscriptions.command("list")
@click.option("--failing", is_flag=True, help="Those whose latest attempts failed, and with what.")
@JSON_OPTION
@pass_cli
def list_(context: CliContext, failing: bool, as_json: bool) -> None:
    """List the subscriptions that are not deleted."""
    found = context.events.subscriptions()
    if failing:
        found = [one for one in found if one.streak.failures]
    if as_json:
        json_lines(_form(context, one) for one in found)
        return
    if failing:
        table(
            "Recipients that fail",
            ["id", "target", "failures", "since", "error"],
            [
                [one.id, one.target, one.streak.failures, _since(one), one.streak.error]
                for one in found
            ],
        )
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
    found = context.ledger.read(lambda view: view.subscriptions.get(subscription_id))
    if found is None:
        raise no_subscription(subscription_id)
    if as_json:
        json_lines([_form(context, found)])
        return
    shown = {
        **fields_of(_form(context, found)),
        "subscribed_at": local(found.subscribed_at),
        "modified_at": local(found.modified_at) or None,
    }
    for name, value in shown.items():
        label = name.replace("_", " ")
        console().print(f"{label:>15}  {'-' if value is None else value}", markup=False)


@subscriptions.command()
@click.argument("subscription_id", metavar="ID", type=row_id)
@EVENT_OPTION
@JSON_OPTION
@pass_cli
def test(context: CliContext, subscription_id: int, event_name: str, as_json: bool) -> None:
    """Send a test event now, and print its outcome.

    ID is the subscription's number in `asyncevents subscriptions list`. It gets one real attempt
    with its target, options and secret, from this process, even if it is disabled. That is not
    recorded and not retried. With the --event of a definition that has examples, its data is the
    first of them. Exits with 1 unless it was delivered.
    """
    rules = evolve(dry_rules(context.runtime), definitions=context.runtime.catalog)
    dry = deliver_dry(
        context.ledger,
        subscription_id,
        rules,
        by=local_actor(context.settings),
        event_name=event_name,
    )
    run_dry_delivery(dry, as_json=as_json)


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
subscriptions.add_command(try_filter)
subscriptions.add_command(rotate_secret)
subscriptions.add_command(end_older_secrets)


def _set_status(context: CliContext, subscription_id: int, status: SubscriptionStatus) -> None:
    set_status(
        context.ledger,
        [subscription_id],
        status,
        by=local_actor(context.settings),
        definitions=context.runtime.catalog,
        observers=context.runtime.observers,
    )


def _form(context: CliContext, one: Subscription) -> SubscriptionForm:
    return SubscriptionForm.of(one, context.runtime.shown_options(one))


def _status(one: Subscription) -> str:
    said = [one.status.value]
    if one.unreadable is not None:
        said.append("unreadable")
    if one.streak.warned_at is not None:
        said.append("failing")
    return ", ".join(said)


def _since(one: Subscription) -> str:
    return "" if one.streak.since is None else local(one.streak.since)
