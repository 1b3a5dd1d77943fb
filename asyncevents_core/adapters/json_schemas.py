"""Checks data by JSON Schemas: with jsonschema-rs, of the extra `schemas`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from asyncevents_core.domain.schemas.mistakes import SchemaMistake
from asyncevents_core.domain.schemas.walking import escaped
from asyncevents_core.errors import MissingExtra
from asyncevents_core.ports.schema_check import MOST_MISTAKES, SchemaCheck

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator, ValidationError

_MASK: Final = "the value"
"""What messages of the library say instead of a value."""
_BACKTRACKS: Final = 100_000
"""Steps after which a `pattern` is given up, milliseconds later; the data counts as wrong then."""


def compile_schema(schema: Mapping[str, Any]) -> SchemaCheck:
    """Return what checks data by a schema; `checked_schema` has seen that it stands alone.

    Raises `MissingExtra`, and ValueError where a keyword has a wrong value, with its place.
    """
    # Imported here: it takes a while, and is of use only where there are schemas to check by.
    try:
        from jsonschema_rs import Draft202012Validator, FancyRegexOptions, ReferencingError
        from jsonschema_rs import ValidationError as Invalid
    except ImportError as error:
        raise MissingExtra("checking data by JSON Schemas", extra="schemas") from error
    try:
        validator = Draft202012Validator(
            # By its $id references would be looked up elsewhere.
            {keyword: value for keyword, value in schema.items() if keyword != "$id"},
            mask=_MASK,
            offline=True,
            pattern_options=FancyRegexOptions(backtrack_limit=_BACKTRACKS),
        )
    except Invalid as error:
        place = _pointer(error.instance_path)
        raise ValueError(f"{place or '/'}: {error.message}") from error
    except ReferencingError as error:
        raise ValueError(str(error)) from error
    return _Check(validator)


class _Check:
    """A `SchemaCheck`."""

    def __init__(self, validator: Draft202012Validator) -> None:
        self._validator = validator

    def __call__(self, value: object, /) -> Sequence[SchemaMistake]:
        # Nearly all data is right, which is told in a fifth of the time.
        if self._validator.is_valid(value):
            return ()
        return [_mistake(one) for one in islice(self._validator.iter_errors(value), MOST_MISTAKES)]


def _mistake(error: ValidationError) -> SchemaMistake:
    return SchemaMistake(
        pointer=_pointer(error.instance_path),
        rule=_pointer(error.schema_path),
        wanted=error.message,
    )


def _pointer(path: Iterable[str | int]) -> str:
    return "".join(f"/{escaped(str(one))}" for one in path)
