"""`check`: would it work? Validates everything, connects to everything, or tries one sink."""

from __future__ import annotations

import sys

import click
from attrs import asdict

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.delivery_tests import (
    EVENT_OPTION,
    dry_rules,
    read_options,
    run_dry_delivery,
)
from asyncevents_core.cli.findings import findings_of
from asyncevents_core.cli.options import JSON_OPTION
from asyncevents_core.cli.output import console, json_lines
from asyncevents_core.domain.subscription import NewSubscription
from asyncevents_core.engine.managing.delivery_tests import deliver_dry_to_target
from asyncevents_core.runtime import Runtime


@click.command()
@click.option("--sink", help="Try this sink: send one test event to --target.")
@click.option("--target", help="Where to; it need not be subscribed.")
@click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="Option of the sink; repeatable.",
)
@click.option("--secret", help="Verification token, for sinks that sign.")
@EVENT_OPTION
@JSON_OPTION
@pass_cli
def check(
    context: CliContext,
    sink: str | None,
    target: str | None,
    options: tuple[str, ...],
    secret: str | None,
    event_name: str,
    as_json: bool,
) -> None:
    """Validate the settings, and try everything out.

    Makes a trial publish and claim that are rolled back, and sends a message that is taken back.
    Each question has ten seconds. Warns of what is unsafe. Exits with 1 if anything is wrong;
    warnings alone exit with 0.

    With --sink and --target it makes one real delivery of a test event instead, as a worker would,
    and prints its outcome; it exits with 1 unless it was delivered. Nothing is recorded.

    \b
    Examples:
      asyncevents check
      asyncevents check --sink http --target https://example.com/orders --secret supersecret
    """
    if (sink is None) != (target is None):
        raise click.UsageError("--sink and --target belong together")
    if sink is not None and target is not None:
        runtime = Runtime(context.settings_or_defaults)
        wanted = NewSubscription(
            event_name=event_name,
            sink=sink,
            target=target,
            secret=secret,
            options=read_options(runtime, sink, options),
        )
        run_dry_delivery(deliver_dry_to_target(wanted, dry_rules(runtime)), as_json=as_json)
    if options or secret is not None:
        raise click.UsageError("--option and --secret go with --sink and --target")
    _check_all(context, as_json)


def _check_all(context: CliContext, as_json: bool) -> None:
    findings = list(findings_of(context))
    if as_json:
        json_lines(asdict(one) for one in findings)
    else:
        marks = {
            "ok": "[green]ok     [/]",
            "warning": "[yellow]warning[/]",
            "error": "[red]error  [/]",
        }
        for one in findings:
            console().print(f"{marks[one.state]}  [bold]{one.what}[/]  ", end="")
            console().print(one.detail, markup=False)
    sys.exit(1 if any(one.state == "error" for one in findings) else 0)
