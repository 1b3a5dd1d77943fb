"""How commands that run until they are stopped log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def log_options(command: Command) -> Command:
    """Add log_format and log_level, as `configure_logging` takes them."""
    level = click.option(
        "--log-level",
        default="info",
        show_default=True,
        type=click.Choice(["debug", "info", "warning", "error"]),
        help="Log this and what is graver.",
    )
    form = click.option(
        "--log-format",
        default="text",
        show_default=True,
        type=click.Choice(["text", "json"]),
        help="Lines for people, or one JSON object per line; to stderr.",
    )
    return form(level(command))
