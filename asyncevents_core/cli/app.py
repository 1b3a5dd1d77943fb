"""The group `asyncevents`: commands of core by name, then those that plugins contribute."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Final

import click

from asyncevents_core.cli import commands
from asyncevents_core.cli.collecting import collecting_rarely
from asyncevents_core.errors import AsyncEventsError, suggestion
from asyncevents_core.logging_setup import configure_logging, printable_lines

if TYPE_CHECKING:
    from asyncevents_core.application import AsyncEvents
    from asyncevents_core.plugin_registry import PluginSet
    from asyncevents_core.ports.ledger import Ledger
    from asyncevents_core.runtime import Runtime
    from asyncevents_core.settings.schema import Settings

_FIRST: Final = (
    "init",
    "check",
    "db",
    "plugins",
    "new-plugin",
    "events",
    "published",
    "publish",
    "subscribe",
    "subscriptions",
    "worker",
    "status",
    "logs",
    "trace",
    "replay",
    "dead-letters",
)
"""The commands in the order in which one needs them; others follow by name."""


def own_commands() -> list[str]:
    """Return the names of core's commands: each has a module in `commands`, called as it is.

    None of them is imported here: that happens when one is used or listed.
    """
    modules = (one.name for one in iter_modules(commands.__path__))
    names = [one.replace("_", "-") for one in modules if not one.startswith("_")]
    return [*_FIRST, *sorted(set(names) - set(_FIRST))]


class CliContext:
    """What commands share; each part is made when a command asks for it."""

    def __init__(self, settings_module: str | None, *, is_program: bool = False) -> None:
        self.settings_module = settings_module
        self.is_program = is_program
        """Whether this process is the command line's: it was not called by another program."""

    @cached_property
    def settings(self) -> Settings:
        """The settings. Raises `SettingsError`."""
        from asyncevents_core.settings.loading import load_settings

        return load_settings(self.settings_module)

    @property
    def has_settings(self) -> bool:
        """Whether a settings module is named, by ``--settings`` or the environment."""
        from asyncevents_core.settings.environment import MODULE_VARIABLE

        return bool(self.settings_module or os.environ.get(MODULE_VARIABLE))

    @cached_property
    def settings_or_defaults(self) -> Settings:
        """The settings; where no module is named, the defaults. Raises `SettingsError`."""
        from asyncevents_core.settings.loading import load_settings

        return self.settings if self.has_settings else load_settings({})

    @cached_property
    def events(self) -> AsyncEvents:
        """The application object on these settings; closed when the command ends.

        Plugins have prepared the process. Raises `SettingsError`, `PluginError`.
        """
        from asyncevents_core.application import AsyncEvents

        events = AsyncEvents(self.settings)
        command = click.get_current_context()
        command.find_root().call_on_close(events.close)
        # Without "asyncevents", which the name of its connections begins with.
        program = command.find_root().command_path
        events.runtime.role = command.command_path.removeprefix(program).strip()
        events.runtime.prepare_process()
        return events

    @property
    def runtime(self) -> Runtime:
        """All parts that the settings name."""
        return self.events.runtime

    @property
    def ledger(self) -> Ledger:
        """The ledger."""
        return self.runtime.ledger


_PROGRAM: Final = "asyncevents"
_LOADED: Final = f"{__name__}.plugins"
"""Where the context has the plugins."""

pass_cli = click.make_pass_decorator(CliContext)


class CommandGroup(click.Group):
    """Finds core's commands by name and asks plugins for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names: core's in the order in which one needs them, then the plugins'."""
        own = own_commands()
        return [*own, *_plugins(ctx).commands.names()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; plugins are loaded only for names that are not core's."""
        if cmd_name in own_commands():
            name = cmd_name.replace("-", "_")
            module = import_module(f"{commands.__name__}.{name}")
            command: click.Command = getattr(module, name)
            return command
        plugins = _plugins(ctx)
        if cmd_name in plugins.commands.names():
            return plugins.commands.get(cmd_name)
        for problem in plugins.problems:
            click.echo(f"warning: {problem}", err=True)
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant, or say which one may be."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = suggestion(args[0], self.list_commands(ctx))
            raise click.UsageError(f"no such command {args[0]!r}{close}", ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what it raises on purpose becomes one message and exit code 1."""
        try:
            return super().invoke(ctx)
        except AsyncEventsError as error:
            if ctx.params.get("debug"):
                raise
            # It may quote what a client or a recipient has sent.
            raise click.ClickException(printable_lines(str(error))) from error


def _plugins(ctx: click.Context) -> PluginSet:
    """Return the plugins, loaded once for a run: a list of commands asks for each of them."""
    found: PluginSet | None = ctx.meta.get(_LOADED)
    if found is None:
        from asyncevents_core.adapters import builtins
        from asyncevents_core.plugin_registry import load_plugins

        found = ctx.meta[_LOADED] = load_plugins(
            [builtins], commands=True, own_commands=own_commands(), blocked=_blocked(ctx)
        )
    return found


def _blocked(ctx: click.Context) -> Sequence[str]:
    """Return PLUGINS_BLOCKED; nothing where the settings cannot be read, which commands say."""
    from asyncevents_core.errors import SettingsError

    context = CliContext(ctx.find_root().params.get("settings_module"))
    try:
        return context.settings.plugins_blocked if context.has_settings else ()
    except SettingsError:
        return ()


def _version() -> str:
    try:
        return version("asyncevents-core")
    except PackageNotFoundError:
        return "(not installed)"


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="asyncevents")
@click.option(
    "--settings",
    "settings_module",
    metavar="MODULE",
    help="Settings module; by default ASYNCEVENTS_SETTINGS_MODULE.",
)
@click.option("--debug", is_flag=True, help="Show tracebacks, and log more.")
@click.pass_context
def cli(ctx: click.Context, settings_module: str | None, debug: bool) -> None:
    """Deliver application events: at least once, signed, retried, traced, replayable.

    \b
    First steps:
      asyncevents init --dev
      export ASYNCEVENTS_SETTINGS_MODULE=asyncevents_settings
      asyncevents db upgrade
      asyncevents worker
    """
    configure_logging("text", "debug" if debug else "warning")
    ctx.obj = CliContext(settings_module, is_program=ctx.obj == _PROGRAM)


def main(arguments: Sequence[str] | None = None, *, within: str | None = None) -> None:
    """Run the command line; the console script `asyncevents`. Ends the process.

    `arguments` None: those of the process. `within` is the program that the command is part of, as
    one types it: ``manage.py asyncevents``.
    """
    # A pipe that is closed early (`asyncevents logs | head`) is no error of ours.
    try:
        with collecting_rarely():
            cli(arguments, prog_name=within or _PROGRAM, obj=within or _PROGRAM)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
