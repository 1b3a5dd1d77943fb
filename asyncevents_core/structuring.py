"""Turn plain values into attrs classes, strictly; every mistake is named with its path."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Literal, TypeVar, get_args

import attrs
from cattrs import Converter
from cattrs.errors import (
    BaseValidationError,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
)
from cattrs.gen import mapping_structure_factory

from asyncevents_core.errors import suggestion
from asyncevents_core.showing import SECRET, shown

T = TypeVar("T")


class EnvironmentText(str):
    """A text of an environment variable, of which only its field knows what it means."""

    __slots__ = ()


class Unquoted(ValueError):
    """A mistake whose text has nothing of the value in it, so that it may be shown of a secret."""


def structure(cls: type[T], values: object, path: str, problems: list[str]) -> T | None:
    """Return an instance of an attrs class; None where there are mistakes.

    Mistakes are added to `problems`, each with its path. `path` is what the values are called;
    empty at the top, where names are UPPERCASE.
    """
    if not isinstance(values, Mapping):
        problems.append(f"{path}: expected a mapping, got {type(values).__name__}")
        return None
    found = len(problems)
    converter = _strict_converter()
    good: dict[str, object] = {}
    kind: Any = cls
    fields = {one.name: one for one in attrs.fields(attrs.resolve_types(kind))}
    top = path == ""
    for name, value in values.items():
        where = name.upper() if top else f"{path}.{name}"
        if name not in fields:
            problems.append(f"{where}: no such option{suggestion(str(name), fields)}")
            continue
        try:
            if isinstance(value, EnvironmentText):
                value = read_text(fields[name].type, value)
            # One field at a time, so that a mistake in one does not hide the others.
            structured = converter.structure(value, fields[name].type)
        except (BaseValidationError, ValueError, TypeError) as error:
            if fields[name].metadata.get(SECRET) and not isinstance(error, Unquoted):
                # The error quotes the value.
                problems.append(f"{where}: is not what is wanted here; a secret, so not shown")
            else:
                problems.extend(_explain(error, where))
            continue
        try:
            attribute = fields[name]
            if attribute.validator is not None:
                attribute.validator(None, attribute, structured)
            good[name] = structured
        except (ValueError, TypeError) as error:
            problems.extend(_explain(error, where))
    missing = [
        name for name, one in fields.items() if one.default is attrs.NOTHING and name not in values
    ]
    problems.extend(f"{path}.{name}: is required" for name in missing)
    if len(problems) > found:
        return None
    try:
        return cls(**good)
    except ValueError as error:
        # What a class says of its fields together.
        problems.append(f"{path}: {error}" if path else str(error))
        return None


@functools.cache
def _strict_converter() -> Converter:
    """Return the converter. It keeps nothing of values; to make one takes half a millisecond."""
    converter = Converter(forbid_extra_keys=True)
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, _exactly)
    converter.register_structure_hook_func(lambda wanted: wanted is object, lambda value, _: value)
    converter.register_structure_hook_func(
        lambda wanted: getattr(wanted, "__origin__", None) is Literal, _one_of
    )
    converter.register_structure_hook_func(
        lambda wanted: getattr(wanted, "__origin__", None) is Callable, _function
    )
    converter.register_structure_hook_func(
        lambda wanted: getattr(wanted, "__origin__", None) in {tuple, Sequence},
        _tuple_hook(converter),
    )
    converter.register_structure_hook_factory(
        lambda wanted: getattr(wanted, "__origin__", None) is Mapping,
        # Not the converter's own method: it would from then on be asked instead of this hook.
        lambda wanted: _mapping_hook(mapping_structure_factory(wanted, converter, dict)),
    )
    return converter


def _mapping_hook(inner: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def structure(value: Any, wanted: Any) -> Any:
        if isinstance(value, EnvironmentText):
            value = _json(value)
        if not isinstance(value, Mapping):
            raise TypeError(f"expected a mapping, got {type(value).__name__}")
        return inner(value, wanted)

    return structure


def _tuple_hook(converter: Converter) -> Callable[[Any, Any], Any]:
    def structure(value: Any, wanted: Any) -> tuple[Any, ...]:
        if isinstance(value, EnvironmentText):
            value = _listed(value)
        if isinstance(value, str) or not isinstance(value, list | tuple):
            raise TypeError(f"expected a list, got {type(value).__name__}")
        return tuple(converter.structure(one, wanted.__args__[0]) for one in value)

    return structure


def _exactly(value: Any, kind: type) -> Any:
    if isinstance(value, EnvironmentText):
        value = read_text(kind, value)
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise ValueError("it is too large") from None
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}: {shown(value)}")
    return value


def _function(value: Any, _: Any) -> Any:
    """Return a function, or the one that a text names: module:function.

    The text may be a secret that somebody has put here, so it is never shown.
    """
    if callable(value):
        return value
    module, colon, name = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not (module and colon and name):
        raise Unquoted(
            "is no function, and no name of one (module:function). What stays the same belongs "
            "into the URL"
        )
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise Unquoted(
            "there is no function of that name (module:function) that can be imported: "
            f"{type(error).__name__}"
        ) from error
    if not callable(found):
        raise Unquoted("what it names (module:function) is no function")
    return found


def _one_of(value: Any, kind: Any) -> Any:
    known = get_args(kind)
    if not any(value == one and type(value) is type(one) for one in known):
        raise ValueError(f"expected one of {', '.join(map(repr, known))}, got {shown(value)}")
    return value


def _explain(error: Exception, path: str) -> list[str]:
    """Turn cattrs' nested errors into lines with paths."""
    if isinstance(error, ClassValidationError):
        noted, others = error.group_exceptions()
        lines = [line for one, note in noted for line in _explain(one, f"{path}.{note.name}")]
        return lines + [line for one in others for line in _explain(one, path)]
    if isinstance(error, IterableValidationError):
        noted_, others = error.group_exceptions()
        lines = [line for one, note in noted_ for line in _explain(one, f"{path}[{note.index!r}]")]
        return lines + [line for one in others for line in _explain(one, path)]
    if isinstance(error, ForbiddenExtraKeysError):
        known = [one.name for one in attrs.fields(error.cl)]
        return [
            f"{path}.{name}: no such option{suggestion(name, known)}"
            for name in sorted(error.extra_fields)
        ]
    text = str(error.args[0]) if error.args else repr(error)
    return [f"{path}{text}" if text.startswith("[") else f"{path}: {text}"]


def read_text(kind: Any, text: str) -> object:
    """Read a text (of an environment variable, a command line) as what a field wants.

    `kind` is the field's type, resolved or as written. Raises `ValueError`. A text that no rule
    covers is returned as it is.
    """
    wanted = kind if isinstance(kind, str) else _written(kind)
    wanted, optional = wanted.removesuffix(" | None"), wanted.endswith(" | None")
    if optional and text in {"", "none", "None"}:
        return None
    if wanted == "bool":
        return _truth(text)
    if wanted in {"int", "float"}:
        try:
            return int(text) if wanted == "int" else float(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a number") from None
    if wanted.startswith(("tuple", "Sequence")):
        return _listed(text)
    if wanted.startswith("Mapping"):
        return _json(text)
    return str(text)


def _listed(text: str) -> object:
    """Read a list: as JSON, or with commas; each part is read as what the list holds."""
    if text.lstrip().startswith("["):
        return _json(text)
    return [EnvironmentText(part) for part in text.split(",") if part]


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None


def _written(kind: Any) -> str:
    text = str(kind)
    return text if "|" in text else getattr(kind, "__name__", text)


def _truth(text: str) -> bool:
    lowered = text.lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off"}:
        return False
    raise ValueError(f"{text!r} is neither true nor false")


def read_texts(cls: type, texts: Mapping[str, str]) -> dict[str, object]:
    """Read texts as the fields of an attrs class want them; unknown names stay texts.

    Raises `ValueError` for the first that cannot be read.
    """
    kinds: dict[str, Any] = {one.name: one.type for one in attrs.fields(attrs.resolve_types(cls))}
    read: dict[str, object] = {}
    for name, text in texts.items():
        try:
            read[name] = read_text(kinds.get(name, str), text)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return read
