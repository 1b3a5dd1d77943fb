"""`worker`: the process that delivers."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import Final

import click
from attrs import evolve

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.collecting import collecting_rarely
from asyncevents_core.cli.options import log_options
from asyncevents_core.domain.worker import Role
from asyncevents_core.logging_setup import Format, configure_logging
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.loading import settings_module_name
from asyncevents_core.worker.allocating import give_back
from asyncevents_core.worker.assembly import WorkerOptions
from asyncevents_core.worker.exits import EXIT_STUCK, time_to_end
from asyncevents_core.worker.lifeline import Lifeline
from asyncevents_core.worker.process import Worker, patiently, preflight
from asyncevents_core.worker.starting import Born, Fork, Program, Start
from asyncevents_core.worker.supervisor import Supervisor
from asyncevents_core.worker.template import Template

logger = logging.getLogger("asyncevents.supervisor")

# The names of mageos-async-events' consumers.
_ALIASES: Final = {
    "event.trigger.consumer": Role.TRIGGER,
    "event.retry.consumer": Role.RETRY,
}


@click.command()
@click.option(
    "--consumers",
    default="trigger,retry,index",
    show_default=True,
    help="What to consume, with commas between.",
)
@click.option(
    "--processes",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Worker processes; one that dies is started again.",
)
@click.option("--drain", is_flag=True, help="Exit when nothing is due within ten seconds.")
@click.option("--lifeline", type=int, hidden=True, help="Of the supervisor, for its children.")
@log_options
@pass_cli
def worker(
    context: CliContext,
    consumers: str,
    processes: int,
    drain: bool,
    lifeline: int | None,
    log_format: Format,
    log_level: str,
) -> None:
    """Deliver events until SIGTERM or Ctrl-C.

    Either ends it gracefully and within SHUTDOWN_GRACE: what is under way is finished, everything
    else stays in the ledger. The consumer `trigger` takes new events, `retry` takes deliveries
    that are due again, `index` feeds the search index, one process at a time: with --processes
    it gets one of its own, beside them, at a lower priority. Exits with 3 where threads hang in
    services or sinks.

    \b
    Examples:
      asyncevents worker
      asyncevents worker --processes 4 --log-format json
      asyncevents worker --consumers retry
    """
    roles = _roles(consumers)
    configure_logging(log_format, log_level)
    options = WorkerOptions(
        roles=roles,
        drain=drain,
        settings_module=settings_module_name(context.settings_module),
        log_format=log_format,
        log_level=log_level,
    )
    if processes > 1:
        try:
            code = _supervise(context, options, processes)
        except Born as born:
            # A child, forked: what the supervisor has done is not its own.
            roles, lifeline = born.roles, born.lifeline
            options = evolve(options, roles=roles)
        else:
            sys.exit(code)
    if set(roles) != set(Role):
        context.runtime.role = f"worker {'+'.join(roles)}"
    if roles == (Role.INDEX,):
        give_back()
    made = Worker(context.runtime, options)
    if lifeline is not None:
        Lifeline(lifeline, made, within=time_to_end(context.settings.shutdown_grace)).start()
    with collecting_rarely():
        # Most of what a worker imports is imported here. It looks again for itself, which is quick.
        preflight(context.runtime, options)
    code = made.run()
    if code == EXIT_STUCK:
        # The interpreter would wait for the threads that hang.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _supervise(context: CliContext, options: WorkerOptions, processes: int) -> int:
    """Run so many worker processes; return the exit code. Raises `Born` in those that are forked.

    Here nothing of the application is imported, unless none is.
    """

    def prepare() -> Runtime:
        preflight(context.runtime, options)
        patiently(context.ledger.check)
        context.events.close()
        return context.runtime

    template = Template(ours=context.is_program)
    found = template.look(prepare)
    shares = _shares(options.roles, processes, indexing=found.indexing)
    starts: list[Start]
    if (against := template.warm_up(found)) is None:
        starts = [Fork(share) for share in shares]
    else:
        logger.info("worker processes share no memory", extra={"because": against})
        starts = [Program(_command(context, options, share)) for share in shares]
    return Supervisor(starts, within=found.within).run()


def _command(context: CliContext, options: WorkerOptions, roles: Sequence[Role]) -> list[str]:
    command = [sys.executable, "-m", "asyncevents_core"]
    if context.settings_module is not None:
        command += ["--settings", context.settings_module]
    command += ["worker", "--log-format", options.log_format, "--log-level", options.log_level]
    command += ["--drain"] if options.drain else []
    return [*command, "--consumers", ",".join(roles)]


def _shares(roles: tuple[Role, ...], processes: int, *, indexing: bool) -> list[tuple[Role, ...]]:
    """Return what each process consumes: `index` gets one of its own, beside the others."""
    others: tuple[Role, ...] = tuple(role for role in roles if role is not Role.INDEX)
    if not others:
        return [roles]
    shares = [others] * processes
    return [*shares, (Role.INDEX,)] if indexing and Role.INDEX in roles else shares


def _roles(consumers: str) -> tuple[Role, ...]:
    roles: list[Role] = []
    for name in filter(None, (part.strip() for part in consumers.split(","))):
        try:
            role = _ALIASES.get(name) or Role(name)
        except ValueError as error:
            known = ", ".join([*Role, *_ALIASES])
            raise click.BadParameter(
                f"{name!r} is none of {known}", param_hint="--consumers"
            ) from error
        if role not in roles:
            roles.append(role)
    if not roles:
        raise click.BadParameter("name at least one", param_hint="--consumers")
    return tuple(roles)
