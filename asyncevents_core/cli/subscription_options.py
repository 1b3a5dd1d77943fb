"""The options that `subscribe` and `subscriptions change` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from asyncevents_core.cli.parameters import Number, delays
from asyncevents_core.domain.limits import LARGEST_COUNT

Command = TypeVar("Command", bound=Callable[..., Any])

_SHARED: Final = (
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
        help="Deliveries a second at most, per worker process.",
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
    """Add secret, tenant, max_deaths, schedule, jitter, rate_limit and options: None if not given.

    `options` is a tuple of ``NAME=VALUE``; `read_options` reads them.
    """
    for option in reversed(_SHARED):
        command = option(command)
    return command
