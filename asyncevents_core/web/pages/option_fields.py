"""The fields of a form for a sink's options, made from their attrs class."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, Literal, get_args, get_origin

import attrs
from attrs import frozen

from asyncevents_core.ports.sink import EXAMPLE, GROUP, HELP, LINES, SECRET, TITLE, ordered_fields
from asyncevents_core.showing import DOTS
from asyncevents_core.structuring import read_texts
from asyncevents_core.web.pages.form import Form

PREFIX: Final = "options."


@frozen(kw_only=True)
class OptionField:
    """One option: how it is asked for.

    `kind` is "line", "number", "choice", "secret", or of several lines: "lines", "list" or
    "object". What is secret is never shown: `kept` says that it has a value, which stays where
    nothing is typed in. `example` is shown where there is neither a value nor a default. `group`
    is the heading that it stands under, empty for none.
    """

    name: str
    label: str
    kind: str
    value: str
    choices: Sequence[tuple[str, str]] = ()
    default: str = ""
    example: str = ""
    hint: str = ""
    required: bool = False
    kept: bool = False
    group: str = ""


@frozen(kw_only=True)
class OptionGroup:
    """Fields under a heading; `is_open`: one of them has a value, or needs one."""

    title: str
    fields: Sequence[OptionField]

    @property
    def is_open(self) -> bool:
        """Whether there is anything to see in it."""
        return any(one.value or one.kept or one.required for one in self.fields)


def grouped(fields: Sequence[OptionField]) -> Sequence[OptionGroup]:
    """Return the groups of fields, by their first one; those without a heading are none."""
    titles = dict.fromkeys(one.group for one in fields if one.group)
    return [
        OptionGroup(title=title, fields=[one for one in fields if one.group == title])
        for title in titles
    ]


def option_fields(cls: type, values: Mapping[str, object]) -> Sequence[OptionField]:
    """Return the fields for a class of options; `values` are those there are, secrets masked."""
    return [_field(one, values) for one in ordered_fields(cls)]


def read_options(cls: type, form: Form, kept: Mapping[str, object]) -> dict[str, object]:
    """Return the options that a form has; what was left empty is left out.

    Secrets that were left empty stay as they are where `kept` has them, masked. Raises
    `ValueError` for the first one that cannot be read.
    """
    names = [one.name for one in attrs.fields(cls)]
    texts = {name: form.text(f"{PREFIX}{name}") for name in names}
    secret = {one.name for one in attrs.fields(cls) if one.metadata.get(SECRET)}
    stay = {name: DOTS for name in secret if not texts[name] and name in kept}
    return {**read_texts(cls, {name: text for name, text in texts.items() if text}), **stay}


def _field(one: attrs.Attribute[Any], values: Mapping[str, object]) -> OptionField:
    secret = bool(one.metadata.get(SECRET))
    required = one.default is attrs.NOTHING
    kind, choices = _kind(one.type)
    if one.metadata.get(LINES):
        kind = "lines"
    elif secret:
        kind = "secret"
    if kind == "choice" and not required:
        choices = [("", "default"), *choices]
    plain = one.default if isinstance(one.default, str | int | float) else None
    return OptionField(
        name=one.name,
        label=str(one.metadata.get(TITLE) or one.name.replace("_", " ").capitalize()),
        kind=kind,
        value="" if secret else _text(values.get(one.name)),
        choices=choices,
        default="" if secret or plain is None else _text(plain),
        example="" if EXAMPLE not in one.metadata else _text(one.metadata[EXAMPLE]),
        hint=str(one.metadata.get(HELP, "")),
        required=required and one.name not in values,
        kept=secret and one.name in values,
        group=str(one.metadata.get(GROUP, "")),
    )


def _kind(hint: Any) -> tuple[str, list[tuple[str, str]]]:
    """Return how a type is asked for, and what can be chosen."""
    options = [one for one in get_args(hint) if one is not type(None)]
    origin = get_origin(hint)
    if origin is Literal:
        return "choice", [(str(one), str(one)) for one in options]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "choice", [(str(one.value), str(one.value)) for one in hint]
    if hint is bool:
        return "choice", [("true", "yes"), ("false", "no")]
    if hint in {int, float}:
        return "number", []
    if hint is str:
        return "line", []
    if origin is not None and type(None) in get_args(hint) and len(options) == 1:
        return _kind(options[0])
    lists = {tuple, list, set, frozenset}
    return ("list" if origin in lists else "object"), []


def _text(value: object) -> str:
    """Write a value as `read_texts` reads it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
