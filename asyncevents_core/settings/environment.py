"""Settings from environment variables: ``ASYNCEVENTS_LEDGER_URL``, nested with ``__``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from asyncevents_core.errors import suggestion
from asyncevents_core.structuring import EnvironmentText, read_text

MODULE_VARIABLE: Final = "ASYNCEVENTS_SETTINGS_MODULE"


_PREFIX: Final = "ASYNCEVENTS_"


MISSPELT: Final = 0.8
"""The part of its letters that a name shares with a setting's, in order, to be taken for it.

LEDGERURL shares 95 %, MAX_DEATHS 83 %. BROKER_PORT, as Kubernetes calls it in every pod if a
Service has the name asyncevents-broker, shares 76 % with BROKER_URL, and is not meant for us.
"""


def take_variables(
    environ: Mapping[str, str],
    fields: Mapping[str, attrs.Attribute[Any]],
    *,
    merged: dict[str, object],
    origins: dict[str, str],
    problems: list[str],
) -> tuple[str, ...]:
    """Put values from the environment into `merged`; return the variables that are none of ours.

    `fields` are the settings by their UPPERCASE names. `origins` gets where each value comes from,
    `problems` what is wrong.
    """
    unknown: list[str] = []
    for variable, text in sorted(environ.items()):
        if not variable.startswith(_PREFIX) or variable == MODULE_VARIABLE:
            continue
        name, *nested = variable.removeprefix(_PREFIX).split("__")
        if name not in fields:
            close = suggestion(name.upper(), fields, cutoff=MISSPELT)
            if close:
                problems.append(f"environment variable {variable}: no setting {name}{close}")
            else:
                unknown.append(variable)
            continue
        try:
            if nested:
                _put(merged, name, [part.lower() for part in nested], text)
            else:
                merged[name] = read_text(fields[name].type, text)
        except ValueError as error:
            problems.append(f"environment variable {variable}: {error}")
            continue
        origins[name] = f"environment variable {variable}"
    return tuple(unknown)


def _put(merged: dict[str, object], name: str, nested: list[str], text: str) -> None:
    outer = merged.get(name, {})
    if not isinstance(outer, Mapping):
        raise ValueError(f"{name} is not a mapping")
    root = inner = dict(outer)
    for part in nested[:-1]:
        key = _key(inner, part)
        below = inner.get(key, {})
        inner[key] = inner = dict(below) if isinstance(below, Mapping) else {}
    # What it means, the option of the plugin decides.
    inner[_key(inner, nested[-1])] = EnvironmentText(text)
    merged[name] = root


def _key(mapping: Mapping[str, object], part: str) -> str:
    return next((key for key in mapping if key.lower() == part), part)
