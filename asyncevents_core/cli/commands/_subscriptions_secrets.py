"""`subscriptions rotate-secret` and `subscriptions end-older-secrets`."""

from __future__ import annotations

import click

from asyncevents_core.cli.actor import local_actor
from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.options import JSON_OPTION
from asyncevents_core.cli.output import console, fields_of, json_lines, local, tell_secret
from asyncevents_core.cli.parameters import overlap as read_overlap
from asyncevents_core.cli.parameters import row_id
from asyncevents_core.domain.secret import SecretKind, receiver_secret
from asyncevents_core.domain.subscription import Subscription
from asyncevents_core.engine.managing.rotation import end_older_secrets as end
from asyncevents_core.engine.managing.rotation import rotate_secret as rotate
from asyncevents_core.forms import SubscriptionForm


@click.command("rotate-secret")
@click.argument("subscription_id", metavar="ID", type=row_id)
@click.option(
    "--overlap",
    type=read_overlap,
    default="24h",
    show_default=True,
    metavar="TIME",
    help="How long the secrets there are go on to sign, too: 90s, 15m, 24h, 7d; 0 ends them at "
    "once; `forever` leaves that to end-older-secrets.",
)
@click.option("--secret", help="The new verification token; made where none is given.")
@click.option(
    "--kind",
    type=click.Choice([one.value for one in SecretKind]),
    help="Make one of this kind; by default of the kind there is.",
)
@JSON_OPTION
@pass_cli
def rotate_secret(
    context: CliContext,
    subscription_id: int,
    overlap: float | None,
    secret: str | None,
    kind: str | None,
    as_json: bool,
) -> None:
    """Sign with a new secret, and for a time with the old one.

    ID is the subscription's number in `asyncevents subscriptions list`. Meanwhile each request
    has a signature by each secret, so that the receiver can learn the new one at leisure.

    \b
    Examples:
      asyncevents subscriptions rotate-secret 7 --overlap 7d
      asyncevents subscriptions rotate-secret 7 --kind ed25519 --overlap forever
    """
    if secret is not None and kind is not None:
        raise click.UsageError("--secret or --kind, not both: a secret says what it is")
    runtime = context.runtime
    changed = rotate(
        context.ledger,
        runtime.catalog,
        subscription_id,
        overlap=overlap,
        secret=secret,
        kind=None if kind is None else SecretKind(kind),
        check=runtime.check_subscription,
        by=local_actor(context.settings),
        observers=runtime.observers,
    )
    shown = receiver_secret(changed.secret or "")
    if as_json:
        form = SubscriptionForm.of(changed, runtime.shown_options(changed))
        json_lines([{**fields_of(form), "receiver_secret": shown}])
        return
    click.echo(f"subscription {changed.id} has a new secret; {_older(changed)}")
    tell_secret(shown)


@click.command("end-older-secrets")
@click.argument("subscription_id", metavar="ID", type=row_id)
@pass_cli
def end_older_secrets(context: CliContext, subscription_id: int) -> None:
    """Sign with the newest secret only.

    ID is the subscription's number in `asyncevents subscriptions list`.
    """
    runtime = context.runtime
    end(
        context.ledger,
        runtime.catalog,
        subscription_id,
        check=runtime.check_subscription,
        by=local_actor(context.settings),
        observers=runtime.observers,
    )
    console().print(f"subscription {subscription_id} signs with its newest secret only")


def _older(changed: Subscription) -> str:
    if not changed.older_secrets:
        return "the old one signs no more"
    ends = [one.until for one in changed.older_secrets]
    if None in ends:
        return "older ones sign, too, until `asyncevents subscriptions end-older-secrets`"
    return f"older ones sign, too, until {local(max(one for one in ends if one is not None))}"
