"""`subscriptions try-filter`."""

from __future__ import annotations

import click

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.options import JSON_OPTION
from asyncevents_core.cli.output import console, errors, json_lines, local, table
from asyncevents_core.cli.parameters import event_filter as read_filter
from asyncevents_core.cli.parameters import row_id
from asyncevents_core.domain.event_pattern import read_pattern
from asyncevents_core.domain.subscription import SubscriptionStatus
from asyncevents_core.engine.managing.filter_trials import FilterTrial, TrialVerdict
from asyncevents_core.engine.managing.filter_trials import try_filter as try_it
from asyncevents_core.engine.managing.subscriptions import no_subscription
from asyncevents_core.forms import FilterTrialForm

_SHOWN = 10


@click.command("try-filter")
@click.argument("subscription_id", metavar="[ID]", type=row_id, required=False)
@click.option("--event", "event_name", metavar="EVENT", help="Names and patterns; ID has some.")
@click.option(
    "--filter",
    "event_filter",
    type=read_filter,
    metavar="FILTER",
    help="The filter to try; by default that of the subscription.",
)
@click.option("--tenant", help="As a subscription of this tenant would receive them.")
@JSON_OPTION
@pass_cli
def try_filter(
    context: CliContext,
    subscription_id: int | None,
    event_name: str | None,
    event_filter: object,
    tenant: str | None,
    as_json: bool,
) -> None:
    """Show which of the latest 1,000 events a filter lets pass.

    ID is a subscription's number in `asyncevents subscriptions list`: its event, its filter and its
    tenant are taken where no others are given. Nothing is changed, and nothing is sent.

    \b
    Examples:
      asyncevents subscriptions try-filter 7
      asyncevents subscriptions try-filter 7 --filter 'data.total:[500 TO *]'
      asyncevents subscriptions try-filter --event 'sales.**' --filter '{"exact": {"tenant": "de"}}'
    """
    if subscription_id is not None:
        found = context.ledger.read(lambda view: view.subscriptions.get(subscription_id))
        if found is None or found.status is SubscriptionStatus.DELETED:
            raise no_subscription(subscription_id)
        event_name = event_name or found.event_name
        event_filter = found.filter if event_filter is None else event_filter
        tenant = tenant or found.tenant
    if event_name is None:
        raise click.UsageError("which events? Give the ID of a subscription, or --event")
    if event_filter is None:
        raise click.UsageError("which filter? Give --filter: the subscription has none")
    trial = try_it(
        context.ledger,
        context.runtime.filters,
        read_pattern(event_name),
        event_filter,
        tenant=tenant,
    )
    if as_json:
        json_lines([FilterTrialForm.of(trial)])
        return
    _show(trial)


def _show(trial: FilterTrial) -> None:
    for doubt in trial.doubts:
        errors().print(f"Doubtful: {doubt}", style="yellow", markup=False, highlight=False)
    if not trial.events:
        console().print("there are no such events yet")
        return
    passing, failed = (trial.count(one) for one in (TrialVerdict.PASSES, TrialVerdict.FAILED))
    console().print(f"{passing:,} of the latest {len(trial.events):,} events pass", markup=False)
    if failed:
        console().print(
            f"on {failed:,} the filter fails, so they do not pass: {trial.reason}",
            style="yellow",
            markup=False,
            highlight=False,
        )
    for verdict, title in (
        (TrialVerdict.PASSES, "The latest that pass"),
        (TrialVerdict.FILTERED, "The latest that do not"),
    ):
        rows = [one for one in trial.events if one.verdict is verdict][:_SHOWN]
        if rows:
            table(
                title,
                ["published", "event", "id"],
                [[local(one.published_at), one.event_name, one.event_id] for one in rows],
            )
