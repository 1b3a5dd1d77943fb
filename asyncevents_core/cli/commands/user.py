"""`user`: who may sign in to the pages."""

from __future__ import annotations

import sys
from typing import Final

import click

from asyncevents_core.cli.actor import local_actor
from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.options import JSON_OPTION
from asyncevents_core.cli.output import age, console, fields_of, json_lines, table
from asyncevents_core.engine.managing.users import (
    LINK_LASTS,
    create_link,
    create_user,
    delete_user,
    set_disabled,
    set_password,
)
from asyncevents_core.forms import UserForm

_MINUTE: Final = 60
_PASSWORD_OPTION: Final = click.option(
    "--password-stdin",
    "from_stdin",
    is_flag=True,
    help="Read the password from the first line of stdin, instead of asking for it.",
)


@click.group()
def user() -> None:
    """Make and change the users who sign in to the pages."""


@user.command()
@click.argument("name")
@click.option(
    "--resource",
    "resources",
    multiple=True,
    required=True,
    help="Permission, e.g. manage or logs.list; repeatable.",
)
@click.option("--tenant", help="They see and make what belongs to this tenant only.")
@_PASSWORD_OPTION
@JSON_OPTION
@pass_cli
def create(
    context: CliContext,
    name: str,
    resources: tuple[str, ...],
    tenant: str | None,
    from_stdin: bool,
    as_json: bool,
) -> None:
    """Make a user. Asks for the password, twice.

    NAME is theirs alone, whatever its case. Resources are those of tokens: view, get, create, save,
    publish (or publish:EVENTS), logs (or logs.list, logs.trace, logs.replay), manage (all of these,
    and the configuration), those of the event definitions, and all.

    A password has 12 characters at least.

    \b
    Examples:
      asyncevents user create ann --resource manage
      asyncevents user create ben --resource view --tenant acme --password-stdin < file
    """
    hasher = context.runtime.password_hasher
    made = create_user(
        context.ledger,
        hasher,
        name=name,
        password=_password(from_stdin),
        resources=resources,
        tenant=tenant,
        known=context.runtime.catalog.resources,
        by=local_actor(context.settings),
    )
    if as_json:
        json_lines([fields_of(UserForm.of(made))])
        return
    out = console()
    out.print(f"user {made.name} can sign in now.", markup=False)
    out.print("Next: `asyncevents serve`, then http://127.0.0.1:8000/admin", markup=False)


@user.command("list")
@JSON_OPTION
@pass_cli
def list_(context: CliContext, as_json: bool) -> None:
    """List the users, disabled ones too."""
    found, now = context.ledger.read(lambda view: (view.users.all(), view.now()))
    if as_json:
        json_lines(UserForm.of(one) for one in found)
        return
    table(
        "Users",
        ["name", "state", "resources", "tenant", "last signed in"],
        [
            [
                one.name,
                "enabled" if one.disabled_at is None else "disabled",
                ", ".join(one.resources),
                one.tenant,
                age(one.signed_in_at, now=now) or "never",
            ]
            for one in found
        ],
        cut=["name", "tenant", "resources"],
    )


@user.command()
@click.argument("name")
@_PASSWORD_OPTION
@pass_cli
def password(context: CliContext, name: str, from_stdin: bool) -> None:
    """Give a user another password.

    NAME is signed out everywhere.
    """
    hasher = context.runtime.password_hasher
    set_password(
        context.ledger,
        hasher,
        name=name,
        password=_password(from_stdin),
        by=local_actor(context.settings),
    )
    click.echo(f"user {name} has another password, and is signed out")


@user.command()
@click.argument("name")
@pass_cli
def disable(context: CliContext, name: str) -> None:
    """Keep a user from signing in.

    NAME is signed out everywhere.
    """
    changed = set_disabled(context.ledger, name, True, by=local_actor(context.settings))
    click.echo(f"user {name} is disabled{'' if changed else ' already'}")


@user.command()
@click.argument("name")
@pass_cli
def enable(context: CliContext, name: str) -> None:
    """Let a user sign in again.

    NAME has the same password as before.
    """
    changed = set_disabled(context.ledger, name, False, by=local_actor(context.settings))
    click.echo(f"user {name} is enabled{'' if changed else ' already'}")


@user.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_cli
def delete(context: CliContext, name: str, yes: bool) -> None:
    """Delete a user for good.

    What NAME did stays in the audit log.
    """
    if not yes:
        click.confirm(f"Delete user {name}?", abort=True)
    delete_user(context.ledger, name, by=local_actor(context.settings))
    click.echo(f"user {name} is deleted")


@user.command()
@click.argument("name")
@click.option(
    "--url",
    default="http://127.0.0.1:8000",
    show_default=True,
    help="Where the pages are, without /admin.",
)
@pass_cli
def link(context: CliContext, name: str, url: str) -> None:
    """Print a link that signs a user in, once.

    NAME is the user, who needs no password then. The link is of use for 10 minutes. Whoever has it
    can use it: send it where only they read it.
    """
    code = create_link(context.ledger, name, by=local_actor(context.settings))
    minutes = f"{LINK_LASTS / _MINUTE:g} minutes"
    console().print(f"signs {name} in, once, within {minutes}:", markup=False)
    click.echo(f"{url.rstrip('/')}/admin/sign-in/link/{code}")


def _password(from_stdin: bool) -> str:
    """Return the password that is given; it is not shown."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    given: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return given
