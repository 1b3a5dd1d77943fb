"""Where schemas come from: texts that name them, annotations of what services return."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from asyncevents_core.domain.marked import Marks
from asyncevents_core.domain.plain import DuplicateMember, unique_members
from asyncevents_core.domain.schemas.of_types import is_described, schema_of_type
from asyncevents_core.showing import shown

_FILE: Final = ".json"


def schema_from(given: object) -> Mapping[str, Any] | None:
    """Return the schema that EVENTS or `@event` give: itself, a type, or the name of one of them.

    A name is ``package.module:Name``, or the path of a .json file, from the current folder on.
    Raises ValueError.
    """
    if isinstance(given, str):
        given = _read(given) if given.endswith(_FILE) else _imported(given)
    if given is None or isinstance(given, Mapping):
        return given
    return schema_of_type(given)


def _read(path: str) -> object:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    try:
        read = json.loads(text, object_pairs_hook=unique_members)
    except (ValueError, RecursionError, DuplicateMember) as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(read, dict):
        raise ValueError(f"{path}: a schema is an object, not {shown(read)}")
    return read


def _imported(path: str) -> object:
    module, colon, name = path.partition(":")
    if not (module and colon and name):
        raise ValueError(f"{path!r} is neither package.module:Name nor the path of a {_FILE} file")
    try:
        found: object = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise ValueError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    return found


@frozen(kw_only=True)
class Inferred:
    """A schema, None where there is none; `doubt` says why it could not be made."""

    schema: Mapping[str, Any] | None = None
    doubt: str | None = None


def schema_of_service(function: Callable[..., object], marks: Marks) -> Inferred:
    """Return the schema of what a marked function returns. Raises ValueError for a wrong one.

    Where nothing is given and the annotation is of no use, that is no mistake.
    """
    if marks.schema is False:
        return Inferred()
    if marks.schema is not None:
        return Inferred(schema=schema_from(marks.schema))
    try:
        returned = _returned(function)
        if not is_described(returned):
            return Inferred()
        return Inferred(schema=schema_of_type(returned))
    except ValueError as error:
        return Inferred(doubt=str(error))


def _returned(function: Callable[..., object]) -> object:
    """Return the annotation of what a function returns. Raises ValueError."""
    unwrapped = inspect.unwrap(function)
    if "return" not in getattr(unwrapped, "__annotations__", {}):
        return None
    try:
        return typing.get_type_hints(unwrapped, include_extras=True).get("return")
    except Exception as error:
        raise ValueError(f"its annotations cannot be read: {error!r}") from error
