"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click
from click.core import ParameterSource

from asyncevents_core.cli.parameters import Number, delays, event_filter, instant, row_id, seconds
from asyncevents_core.domain.delivery import DeadReason
from asyncevents_core.domain.limits import LARGEST_COUNT
from asyncevents_core.domain.replay import DeadFilter

Command = TypeVar("Command", bound=Callable[..., Any])

SHOWN: Final = 50
"""How many rows are listed unless one says otherwise."""


LIMIT_OPTION = click.option(
    "--limit",
    default=SHOWN,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Show so many at most.",
)


_DEAD_FILTER: Final = (
    click.option("--event", "event_name", metavar="NAME", help="Those of events of this name."),
    click.option("--subscription", type=row_id, metavar="ID", help="Those of one subscription."),
    click.option(
        "--reason",
        type=click.Choice([one.value for one in DeadReason]),
        help="Those given up for this reason.",
    ),
    click.option(
        "--since", type=instant, metavar="TIME", help="Those made since then, in local time."
    ),
    click.option(
        "--until", type=instant, metavar="TIME", help="Those made before then, in local time."
    ),
    click.option("--replayed", is_flag=True, help="Also those that were replayed already."),
)


def dead_filter_options(command: Command) -> Command:
    """Add the options that say which dead letters are meant; `dead_filter` reads them."""
    for option in reversed(_DEAD_FILTER):
        command = option(command)
    return command


def dead_filter(
    *,
    event_name: str | None,
    subscription: int | None,
    reason: str | None,
    since: int | None,
    until: int | None,
    replayed: bool,
) -> DeadFilter:
    """Return which dead letters the options of `dead_filter_options` mean."""
    return DeadFilter(
        event_name=event_name,
        subscription_id=subscription,
        reason=None if reason is None else DeadReason(reason),
        since=since,
        until=until,
        replayed=replayed,
    )


def log_options(command: Command) -> Command:
    """Add log_format and log_level, as `configure_logging` takes them."""
    level = click.option(
        "--log-level",
        default="info",
        show_default=True,
        type=click.Choice(["debug", "info", "warning", "error"]),
        callback=_level,
        help="Log this and what is graver; `asyncevents --debug …` means debug.",
    )
    form = click.option(
        "--log-format",
        default="text",
        show_default=True,
        type=click.Choice(["text", "json"]),
        help="Lines for people, or one JSON object per line; to stderr.",
    )
    return form(level(command))


def _level(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    """Return the level: what the command itself says comes before ``--debug``."""
    chosen = ctx.get_parameter_source(parameter.name or "") is not ParameterSource.DEFAULT
    debugging = ctx.find_root().params.get("debug", False)
    return "debug" if debugging and not chosen else value


_SUBSCRIPTION: Final = (
    click.option("--secret", help="Verification token; made where the sink signs and has none."),
    click.option("--tenant", help="Only events of this tenant, and those without one."),
    click.option(
        "--max-deaths",
        type=click.IntRange(0, LARGEST_COUNT),
        help="Retries after the first attempt, instead of MAXIMUM_DEATHS.",
    ),
    click.option(
        "--schedule",
        type=delays,
        metavar="S,S,…",
        help="Seconds before each retry, e.g. 1,30,300; the last one repeats.",
    ),
    click.option(
        "--jitter",
        type=Number(0, 1),
        help="Vary each delay by up to this fraction (0-1); by default not at all.",
    ),
    click.option(
        "--rate-limit",
        type=Number(min=0, min_open=True),
        help="Deliveries a second at most, by all workers together.",
    ),
    click.option(
        "--warn-failures",
        type=click.IntRange(0, LARGEST_COUNT),
        help="Warn after so many failures in a row, instead of as FAILING says; 0: never.",
    ),
    click.option(
        "--warn-after",
        type=seconds,
        metavar="TIME",
        help="Warn when they have gone on for so long: 90s, 15m, 24h, 7d; 0: never.",
    ),
    click.option(
        "--disable-failures",
        type=click.IntRange(0, LARGEST_COUNT),
        help="Disable it after so many failures in a row; 0: never.",
    ),
    click.option(
        "--disable-after",
        type=seconds,
        metavar="TIME",
        help="Disable it when they have gone on for so long; 0: never.",
    ),
    click.option(
        "--filter",
        "event_filter",
        type=event_filter,
        metavar="FILTER",
        help="Only events with this content, as in the search: 'data.total:[100 TO *]'; or "
        "filters of CloudEvents, in JSON.",
    ),
    click.option(
        "--option",
        "options",
        multiple=True,
        metavar="NAME=VALUE",
        help="Option of the sink, e.g. ordering_key=data.id; repeatable "
        "(`asyncevents plugins` lists sinks).",
    ),
)


def subscription_options(command: Command) -> Command:
    """Add secret, tenant, max_deaths, schedule, jitter, rate_limit, …, event_filter and options.

    What is not given is None.
    `options` is a tuple of ``NAME=VALUE``; `read_options` reads them.
    """
    for option in reversed(_SUBSCRIPTION):
        command = option(command)
    return command


JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
