"""What applications have, as the plain values of JSON: which becomes which, and what cannot."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Union, cast, get_args, get_origin
from uuid import UUID

import attrs

from asyncevents_core.domain.limits import storable
from asyncevents_core.errors import InvalidPayload
from asyncevents_core.showing import shown

if TYPE_CHECKING:
    from cattrs import Converter

DEEPEST: Final = 100
"""Levels of objects and lists in each other. Recipients take at least that in most languages."""

_LEAVES: Final = frozenset({str, int, float, bool, type(None)})
_LONGEST_PATH: Final = 200
_LONGEST_KEY: Final = 50
_LONGEST_REASON: Final = 200


def make_converter() -> Converter:
    """Return the converter between JSON values and the types of applications.

    attrs classes and dataclasses are objects; datetimes, dates and times ISO 8601 texts;
    Decimals and UUIDs texts, so that nothing is lost; enums their values.
    """
    # Imported here: what plugins import stays cheap.
    from cattrs import Converter

    converter = Converter(forbid_extra_keys=False)
    converter.register_unstructure_hook(datetime, datetime.isoformat)
    converter.register_unstructure_hook(date, date.isoformat)
    converter.register_unstructure_hook(time, time.isoformat)
    converter.register_unstructure_hook(Decimal, str)
    converter.register_unstructure_hook(UUID, str)
    converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))
    converter.register_structure_hook(date, lambda value, _: date.fromisoformat(value))
    converter.register_structure_hook(time, lambda value, _: time.fromisoformat(value))
    converter.register_structure_hook(Decimal, lambda value, _: Decimal(str(value)))
    converter.register_structure_hook(UUID, lambda value, _: UUID(value))
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, _strictly)
    converter.register_structure_hook_func(lambda kind: kind is object, lambda value, _: value)
    converter.register_structure_hook_factory(
        _is_mixed, lambda kind: functools.partial(_one_of, converter)
    )
    return converter


def _is_mixed(kind: Any) -> bool:
    """Tell whether that is a union that cattrs cannot read: one not of classes with fields only."""
    if get_origin(kind) not in (Union, UnionType):
        return False
    members = [one for one in get_args(kind) if one is not NoneType]
    return len(members) > 1 and not all(
        attrs.has(one) or dataclasses.is_dataclass(one) for one in members
    )


def _one_of(converter: Converter, value: object, kind: Any) -> object:
    """Return the value as the first member of a union that it is, or can become."""
    members = get_args(kind)
    if type(value) in members:
        # A text that may be a text is none of what a text can become.
        return value
    errors = []
    for member in members:
        if member is NoneType:
            continue
        try:
            return converter.structure(value, member)
        except Exception as error:
            # Types raise what they like for a value that does not fit.
            errors.append(error)
    raise TypeError(f"expected {kind}, got {type(value).__name__} ({value!r})") from ExceptionGroup(
        "what each of them says", errors
    )


def _strictly(value: Any, kind: type) -> Any:
    """Take a value of just that type, but an int for a float."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__} ({value!r})")
    return value


@functools.cache
def _converter() -> Converter:
    return make_converter()


# `is_plain` has seen that nothing contains itself.
_ENCODER: Final = json.JSONEncoder(
    separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)


def _made_encoder() -> Callable[[object], str]:
    """Return `_ENCODER.encode`, which makes its encoder anew for each value, with one made once."""
    # Not in the documentation of json, and None where Python has it without its part in C.
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return _ENCODER.encode
    # As `JSONEncoder.iterencode` makes it: markers, default, encoder, indent, separators,
    # sort_keys, skipkeys, allow_nan.
    escaped = json.encoder.encode_basestring
    encode = make(None, _ENCODER.default, escaped, None, ":", ",", False, False, False)
    return lambda value: "".join(encode(value, 0))


_encoded: Final = _made_encoder()


def dump(value: object) -> bytes:
    """Return compact JSON text of a plain value, UTF-8.

    Raises ValueError for NaN, for half of a surrogate pair, and for too many digits.
    """
    return _encoded(value).encode()


def is_plain(value: object, level: int = 1) -> bool:
    """Tell whether there is nothing to convert and nothing to refuse, but what `dump` refuses.

    json.dumps takes keys that are no texts, too, and writes 1 and "1" as the same key: so this
    looks at each. Every event passes here, and nearly all go no further: it has to be quick.
    """
    if level > DEEPEST:
        return False
    if type(value) is dict:
        for key, item in value.items():
            if type(key) is not str:
                return False
            if type(item) not in _LEAVES and not is_plain(item, level + 1):
                return False
        return True
    if type(value) is list or type(value) is tuple:
        for item in value:
            if type(item) not in _LEAVES and not is_plain(item, level + 1):
                return False
        return True
    return type(value) in _LEAVES


def plain(value: object, path: str, above: tuple[int, ...] = ()) -> object:
    """Return the plain value that something becomes.

    `path` is where it stands, for people; `above` are the ids of the objects and lists in which
    it stands. Raises `InvalidPayload`, naming the path, for what JSON cannot hold.
    """
    if type(value) in _LEAVES:
        return _leaf(value, path)
    try:
        opened = _opened(value)
    except Exception as error:
        raise _refused(path, f"{_name(value)} cannot be converted: {_said(error)}") from error
    if not isinstance(opened, _Members | _Items):
        if opened is value:
            raise _refused(
                path,
                f"{_name(value)} is not JSON. Publish plain values, attrs classes, dataclasses, "
                "pydantic models, msgspec Structs, datetimes, Decimals, UUIDs or enums",
            )
        return plain(opened, path, above)
    if id(value) in above:
        raise _refused(path, "it contains itself")
    if len(above) >= DEEPEST:
        raise _refused(path, f"it is nested more than {DEEPEST} levels deep")
    inside = (*above, id(value))
    if isinstance(opened, _Members):
        return _object(opened, path, inside)
    return _list(opened, path, inside)


@attrs.frozen
class _Members:
    """What becomes an object."""

    pairs: Sequence[tuple[object, object]]


@attrs.frozen
class _Items:
    """What becomes a list. `ordered` is False for sets, whose order says nothing."""

    values: Sequence[object]
    ordered: bool


def _opened(value: object) -> object:
    """Return what something consists of, or what it stands for; itself if nobody knows."""
    if isinstance(value, Enum):
        return value.value
    # Subclasses become what they are underneath.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, Mapping):
        return _Members(list(value.items()))
    if isinstance(value, list | tuple | deque):
        return _Items(list(value), ordered=True)
    if isinstance(value, set | frozenset):
        return _Items(list(value), ordered=False)
    names = _fields(type(value))
    if names is not None:
        return _Members([(name, getattr(value, name)) for name in names])
    if hasattr(type(value), "model_json_schema"):
        # A model of pydantic, which is not imported for that.
        return cast("Any", value).model_dump(mode="json")
    if hasattr(type(value), "__struct_fields__"):
        # A Struct of msgspec, which is there where a Struct is.
        return cast("Any", sys.modules["msgspec"]).to_builtins(value)
    return _converter().unstructure(value)


def _fields(kind: type) -> list[str] | None:
    """Return the arguments of an attrs class or a dataclass, None for another class."""
    if attrs.has(kind):
        return [one.name for one in attrs.fields(kind) if one.init]
    if dataclasses.is_dataclass(kind):
        return [one.name for one in dataclasses.fields(kind) if one.init]
    return None


def _object(members: _Members, path: str, inside: tuple[int, ...]) -> dict[str, object]:
    made: dict[str, object] = {}
    for key, item in members.pairs:
        there = _member(path, key)
        name = plain(key, there, inside)
        if not isinstance(name, str):
            raise _refused(there, f"keys must be texts, not {_name(key)}")
        if name in made:
            raise _refused(there, f"two keys become {shown(name)}")
        made[name] = plain(item, there, inside)
    return made


def _list(items: _Items, path: str, inside: tuple[int, ...]) -> list[object]:
    if items.ordered:
        return [
            plain(item, f"{path}[{number}]", inside) for number, item in enumerate(items.values)
        ]
    # The order of a set follows hashes, which differ from process to process; an event that is
    # published again is to be the same.
    return sorted((plain(item, f"{path}[*]", inside) for item in items.values), key=dump)


def _leaf(value: object, path: str) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        raise _refused(path, f"{value} is not a JSON number")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise _refused(path, f"the text is not valid Unicode: {error}") from error
    if isinstance(value, int):
        try:
            str(value)
        except ValueError as error:
            raise _refused(path, "the number has too many digits") from error
    return value


def _member(path: str, key: object) -> str:
    if isinstance(key, str) and key.isprintable() and len(key) <= _LONGEST_KEY:
        return f"{path}.{key}"
    return f"{path}[{shown(key)}]"


def _refused(path: str, why: str) -> InvalidPayload:
    return InvalidPayload(f"{storable(path, _LONGEST_PATH)}: {why}")


def _name(value: object) -> str:
    return type(value).__qualname__


def _said(error: Exception) -> str:
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:
        text = type(error).__name__
    return storable(text, _LONGEST_REASON)


class DuplicateMember(ValueError):
    """An object of a JSON text has a name twice."""


def unique_members(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Return the object of these members, as the `object_pairs_hook` of json.loads.

    Raises `DuplicateMember` where json.loads would drop all but the last.
    """
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise DuplicateMember(f"an object has {name!a} twice")
        found[name] = value
    return found
