"""`token`: who may use the REST API."""

from __future__ import annotations

from uuid import UUID

import click

from asyncevents_core.cli.actor import local_actor
from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.options import JSON_OPTION
from asyncevents_core.cli.output import console, fields_of, json_lines, local, table
from asyncevents_core.cli.parameters import DAYS, Number
from asyncevents_core.domain.token import ApiToken
from asyncevents_core.engine.managing.tokens import bounds, create_token, revoke_token
from asyncevents_core.forms import TokenForm
from asyncevents_core.ports.ledger import LedgerView


@click.group()
def token() -> None:
    """Create, list and revoke tokens of the REST API."""


@token.command()
@click.argument("name")
@click.option(
    "--resource",
    "resources",
    multiple=True,
    required=True,
    help="Permission, e.g. manage or 'publish:sales.*'; repeatable.",
)
@click.option("--tenant", help="It sees and makes what belongs to this tenant only.")
@click.option(
    "--sink",
    "sinks",
    multiple=True,
    help="It may subscribe to this sink only; repeatable.",
)
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="PATTERN",
    help="… and such targets only, e.g. 'https://*.acme.example/*'; repeatable.",
)
@click.option(
    "--privilege",
    "privileges",
    multiple=True,
    help="What of yours its subscriptions may use, e.g. profile:acme; repeatable.",
)
@click.option("--days", type=Number(0, DAYS, min_open=True), help="It expires after so many days.")
@JSON_OPTION
@pass_cli
def create(
    context: CliContext,
    name: str,
    resources: tuple[str, ...],
    tenant: str | None,
    sinks: tuple[str, ...],
    targets: tuple[str, ...],
    privileges: tuple[str, ...],
    days: float | None,
    as_json: bool,
) -> None:
    """Make a token and print it, once.

    NAME is what the audit log calls whoever uses it. The ledger keeps a hash of the token only.
    Resources are view, get, create, save, publish (or publish:EVENTS, names or patterns of events),
    logs (or logs.list, logs.trace, logs.replay), manage (all of these, and the configuration),
    those of the event definitions, and all.

    A token of a tenant may use what the setting TENANT_SINKS says: unless changed, any sink, with
    the subscription's own credentials only. --sink, --target and --privilege bound a token further.

    \b
    Examples:
      asyncevents token create shop --resource manage --days 90
      asyncevents token create till --resource 'publish:sales.*'
      asyncevents token create acme --resource create --tenant acme --sink http
    """
    made, text = create_token(
        context.ledger,
        name=name,
        resources=resources,
        tenant=tenant,
        days=days,
        sinks=bounds(sinks, targets, privileges, known=context.runtime.sinks.names()),
        known=context.runtime.catalog.resources,
        by=local_actor(context.settings),
    )
    if as_json:
        json_lines([{**fields_of(TokenForm.of(made, made.created_at)), "token": text}])
        return
    console().print(f"token {made.id} ({made.name}), shown only now:", markup=False)
    click.echo(text)


@token.command("list")
@JSON_OPTION
@pass_cli
def list_(context: CliContext, as_json: bool) -> None:
    """List the tokens, revoked and expired ones too."""

    def read(view: LedgerView) -> tuple[list[ApiToken], int]:
        return list(view.access.tokens()), view.now()

    found, now = context.ledger.read(read)
    if as_json:
        json_lines(TokenForm.of(one, now) for one in found)
        return
    table(
        "Tokens",
        ["id", "name", "state", "resources", "tenant", "sinks", "expires", "last used"],
        [
            [
                one.id,
                one.name,
                one.state(now),
                ", ".join(one.resources),
                one.tenant,
                None if one.sinks is None else ", ".join(one.sinks),
                local(one.expires_at),
                local(one.used_at),
            ]
            for one in found
        ],
    )


@token.command()
@click.argument("token_id", metavar="ID", type=click.UUID)
@pass_cli
def revoke(context: CliContext, token_id: UUID) -> None:
    """Revoke a token: it is refused from now on.

    ID is what `asyncevents token list` shows.
    """
    revoke_token(context.ledger, token_id, by=local_actor(context.settings))
    click.echo(f"token {token_id} is revoked")
