"""`configuration`: settings that operators change while workers run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import click

from asyncevents_core.cli.actor import local_actor
from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.options import JSON_OPTION
from asyncevents_core.cli.output import fields_of, json_lines, local, table
from asyncevents_core.domain.instant import to_datetime
from asyncevents_core.engine.managing.configuration import set_run_time_values
from asyncevents_core.settings.run_time import LEDGER, ConfiguredValue, configured
from asyncevents_core.settings.schema import Settings

_WORDS: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


@click.group()
def configuration() -> None:
    """Show and change settings at run time, without a restart.

    MAXIMUM_DEATHS, INDEXING_ENABLED, LOG_CLEANUP_ENABLED and LOG_LIFETIME_DAYS. A value that is set
    here is kept in the ledger and goes before the settings, for all workers, within seconds.
    """


@configuration.command("list")
@JSON_OPTION
@pass_cli
def list_(context: CliContext, as_json: bool) -> None:
    """List the values that hold, and where each comes from."""
    _show(context, as_json)


@configuration.command("set")
@click.argument("values", metavar="NAME=VALUE…", nargs=-1, required=True)
@JSON_OPTION
@pass_cli
def set_(context: CliContext, values: tuple[str, ...], as_json: bool) -> None:
    """Set values in the ledger: all of them, or none.

    Each is given as NAME=VALUE.

    \b
    Examples:
      asyncevents configuration set MAXIMUM_DEATHS=3
      asyncevents configuration set LOG_CLEANUP_ENABLED=true LOG_LIFETIME_DAYS=14
    """
    _change(context, _pairs(values, context.settings))
    _show(context, as_json)


@configuration.command()
@click.argument("names", metavar="NAME…", nargs=-1, required=True)
@JSON_OPTION
@pass_cli
def unset(context: CliContext, names: tuple[str, ...], as_json: bool) -> None:
    """Let each NAME go back to what the settings say."""
    _change(context, dict.fromkeys(map(_name, names)))
    _show(context, as_json)


def _change(context: CliContext, values: dict[str, Any]) -> None:
    set_run_time_values(context.ledger, values, by=local_actor(context.settings))


def _pairs(texts: Sequence[str], settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"{text!r} has no value: write {_name(name)}=VALUE")
        if _name(name) in found:
            raise click.UsageError(f"{_name(name)} is there twice")
        switch = isinstance(getattr(settings, _name(name).lower(), None), bool)
        found[_name(name)] = _switch(value.strip()) if switch else _number(value.strip())
    return found


def _name(text: str) -> str:
    """Return the name of a setting, which may be written as an option is."""
    return text.strip().upper().replace("-", "_")


def _switch(text: str) -> bool | str:
    """Return whether something is on; what is no word for that is refused later."""
    return _WORDS.get(text.lower(), text)


def _number(text: str) -> int | str:
    """Return a whole number; what is none is refused later."""
    # Python reads no number of thousands of digits.
    looks_whole = text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 20
    return int(text) if looks_whole else text


def _show(context: CliContext, as_json: bool) -> None:
    found = configured(context.settings, context.ledger)
    if as_json:
        json_lines(_plain(one) for one in found)
        return
    columns = ["name", "value", "from", "without it", "changed by", "changed at"]
    table("Configuration", columns, _rows(found))


def _plain(one: ConfiguredValue) -> dict[str, Any]:
    at = one.changed_at
    return {**fields_of(one), "changed_at": None if at is None else to_datetime(at)}


def _rows(found: Sequence[ConfiguredValue]) -> Iterator[list[object]]:
    for one in found:
        in_ledger = one.origin == LEDGER
        instead = f"{one.setting} ({one.setting_origin})" if in_ledger else None
        yield [one.name, one.value, one.origin, instead, one.changed_by, local(one.changed_at)]
