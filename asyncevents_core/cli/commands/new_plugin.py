"""`new-plugin`: begins a distribution whose tests pass at once."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from asyncevents_core.adapters import builtins
from asyncevents_core.cli.scaffold import KINDS, LONGEST_NAME, NAME, PREFIX, NewDistribution
from asyncevents_core.errors import UnknownName
from asyncevents_core.plugin_registry import (
    CORE,
    PluginSet,
    Registered,
    core_version,
    load_plugins,
)

_CHOICES: Final = [name for name in KINDS if " " not in name]
_OURS: Final = frozenset(
    {
        CORE,
        "asyncevents-amqp",
        "asyncevents-aws",
        "asyncevents-azure",
        "asyncevents-gcp",
        "asyncevents-http",
    }
)


@click.command("new-plugin")
@click.argument("kind", type=click.Choice(_CHOICES))
@click.argument("name")
@click.option("--blocking", is_flag=True, help="A sink whose client blocks: it runs on threads.")
@click.option("--batching", is_flag=True, help="A sink whose API takes many events in one call.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    help=f"Where to write it; by default a new folder {PREFIX}NAME.",
)
@click.option("--force", is_flag=True, help="Overwrite what is there already.")
def new_plugin(
    kind: str, name: str, blocking: bool, batching: bool, directory: Path | None, force: bool
) -> None:
    """Begin a plugin: a distribution with tests that pass.

    KIND is one of those below. NAME is what it will be called in settings and subscriptions, such
    as `telegraph`: the folder and the distribution are then asyncevents-telegraph, the package
    asyncevents_telegraph.

    \b
    Kinds:
      sink           a way to deliver. On an asynchronous client; else --blocking;
                     --batching where one call takes many events
      resolver       how "service" in EVENTS is found: SERVICE_RESOLVER = NAME
      retry-manager  who wakes a delivery up for its retry: RETRY_MANAGER = NAME
      indexer        where attempts become searchable: INDEXER = NAME
      retry-policy   when a failed delivery is tried again: RETRY_POLICY = NAME
      events         events that a distribution brings along, and their services
      command        a command: asyncevents NAME
      observer       what hears of deliveries: metrics, alerts

    What is written works, with a little server or store of its own in the place of yours, and
    passes the conformance suite that core ships, where there is one. Replace it step by step; the
    tests tell you what is missing.

    \b
    Examples:
      asyncevents new-plugin sink telegraph
      asyncevents new-plugin sink telegraph --batching --directory src/telegraph
      asyncevents new-plugin resolver registry
    """
    wanted = NewDistribution(
        kind=KINDS[_full_kind(kind, blocking, batching)], name=_checked(name), core=core_version()
    )
    _refuse_taken(kind, wanted)
    folder = directory or Path(wanted.distribution)
    if folder.exists() and not force and (not folder.is_dir() or any(folder.iterdir())):
        raise click.ClickException(f"{folder} is there already; --force overwrites what is in it")
    try:
        written = wanted.write(folder)
    except OSError as error:
        raise click.ClickException(f"{error.filename or folder}: {error.strerror}") from error
    _tell(kind, wanted, folder, written)


def _full_kind(kind: str, blocking: bool, batching: bool) -> str:
    if (blocking or batching) and kind != "sink":
        raise click.UsageError(f"--blocking and --batching are for sinks, not for {_a(kind)}")
    if blocking and batching:
        raise click.UsageError("--batching sinks block already: leave --blocking out")
    return kind + (" --batching" if batching else " --blocking" if blocking else "")


def _checked(name: str) -> str:
    name = name.removeprefix(PREFIX)
    if NAME.fullmatch(name) is None or len(name) > LONGEST_NAME:
        raise click.BadParameter(
            f"{name!r}: a name is up to {LONGEST_NAME} lower-case letters and digits, begins with "
            "a letter, and may have single hyphens between them, such as my-queue",
            param_hint="NAME",
        )
    return name


def _refuse_taken(kind: str, wanted: NewDistribution) -> None:
    """Refuse a name that another distribution has: two of them would be an error for both."""
    if wanted.distribution in _OURS:
        raise click.BadParameter(
            f"{wanted.distribution} is a distribution of the project's own", param_hint="NAME"
        )
    for entry in _registered(kind, load_plugins([builtins], commands=kind == "command")):
        if entry.name == wanted.name and entry.source.distribution != wanted.distribution:
            raise click.BadParameter(
                f"there is {_a(kind)} {entry.name!r} already, in {entry.source.distribution}",
                param_hint="NAME",
            )


def _registered(kind: str, plugins: PluginSet) -> list[Registered[object]]:
    if kind == "sink":
        return [*plugins.sinks]
    if kind == "resolver":
        return [*plugins.service_resolvers]
    if kind == "retry-manager":
        return [*plugins.retry_managers]
    if kind == "indexer":
        return [*plugins.indexers]
    if kind == "retry-policy":
        return [*plugins.retry_policies]
    if kind == "command":
        return [*plugins.commands]
    if kind in {"events", "observer"}:
        # These are not called by the name of the distribution.
        return []
    raise UnknownName(f"unknown kind {kind!r}")


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _tell(kind: str, wanted: NewDistribution, folder: Path, written: list[Path]) -> None:
    click.echo(f"wrote {wanted.distribution}, {len(written)} files:")
    for path in written:
        click.echo(f"  {path}")
    click.echo("next:")
    click.echo(f"  cd {folder}")
    click.echo("  python -m pip install -e '.[test]'")
    click.echo("  python -m pytest")
    click.echo("  asyncevents plugins")
    if kind == "sink":
        click.echo(f"  asyncevents check --sink {wanted.name} --target localhost:9000/orders")
    click.echo(
        f"then put what is yours in the place of {wanted.package}/{wanted.kind.replace}; "
        "README.md says what is where"
    )
