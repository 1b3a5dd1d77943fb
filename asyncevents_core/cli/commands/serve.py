"""`serve`: the REST API as a process of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable

import click

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.options import log_options
from asyncevents_core.cli.parameters import network
from asyncevents_core.errors import MissingExtra
from asyncevents_core.logging_setup import Format, configure_logging


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0: a free one, which the log names.",
)
@click.option(
    "--trusted-proxy",
    "proxies",
    multiple=True,
    type=network,
    metavar="ADDRESS",
    help="Address, or network, of reverse proxies whose X-Forwarded-… headers count; repeatable.",
)
@click.option(
    "--pages/--no-pages",
    default=True,
    show_default=True,
    help="Serve the admin pages, too, unless WEB_PAGES is False.",
)
@log_options
@pass_cli
def serve(
    context: CliContext,
    host: str,
    port: int,
    proxies: tuple[str, ...],
    pages: bool,
    log_format: Format,
    log_level: str,
) -> None:
    """Serve the REST API and the admin pages. Needs the extra `web`.

    Runs until SIGTERM or Ctrl-C. The pages are at /admin. The API describes itself at /rest/docs;
    `asyncevents token create` makes tokens for it.

    \b
    Example:
      asyncevents serve --port 8080
    """
    configure_logging(log_format, log_level)
    context.ledger.check()
    run = _load()
    try:
        run(context.runtime, host=host, port=port, pages=pages, proxies=proxies)
    except OSError as error:
        raise click.ClickException(f"host {host}, port {port}: {error.strerror}") from error


def _load() -> Callable[..., None]:
    """Import what the extra brings. Raises `MissingExtra`."""
    try:
        from asyncevents_core.web.server import run
    except ModuleNotFoundError as error:
        if error.name != "uvicorn":
            raise
        raise MissingExtra("`asyncevents serve`", extra="web") from error
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    return run
