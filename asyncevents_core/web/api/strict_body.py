"""JSON bodies of requests: read strictly, every mistake named with its path."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Sequence
from typing import Any, ClassVar, Final, Protocol, Self, TypeVar

from litestar.dto import AbstractDTO
from litestar.dto.data_structures import DTOFieldDefinition
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from asyncevents_core.domain.limits import text_mistake
from asyncevents_core.domain.plain import DuplicateMember, unique_members
from asyncevents_core.structuring import structure
from asyncevents_core.web.api.problems import FieldError, Problem, invalid

T = TypeVar("T")

_HALF: Final = re.compile("[\ud800-\udfff]")


class Readable(Protocol):
    """A body that reads itself. `shape` is the class that describes it to clients."""

    shape: ClassVar[type]

    @classmethod
    def read(cls, value: object) -> Self:
        """Return the body that a JSON value is. Raises a `Problem` that names all mistakes."""
        ...


R = TypeVar("R", bound=Readable)


class StrictBody(AbstractDTO[R]):
    """Lets Litestar read a body with its own `read`, and describe it as the class it is."""

    def decode_bytes(self, value: bytes) -> R:
        """Read the bytes of a request's body. Raises a `Problem`."""
        read: R = self.model_type.read(_loaded(value))
        return read

    @classmethod
    def create_for_field_definition(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,
        backend_cls: Any = None,
    ) -> None:
        """Make nothing: no transfer model stands between a body and its class."""

    @classmethod
    def create_openapi_schema(
        cls, field_definition: FieldDefinition, handler_id: str, schema_creator: Any
    ) -> Reference | Schema:
        """Describe the shape of the body."""
        shape = FieldDefinition.from_annotation(cls.model_type.shape)
        described: Reference | Schema = schema_creator.for_field_definition(shape)
        return described

    @classmethod
    def generate_field_definitions(
        cls, model_type: type[Any]
    ) -> Generator[DTOFieldDefinition, None, None]:
        """Yield nothing: see `create_for_field_definition`."""
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:
        """Return False: see `create_for_field_definition`."""
        return False


def read_object(cls: type[T], value: object, path: str) -> T:
    """Read a JSON object as an attrs class. Raises a `Problem` that names all mistakes."""
    if not isinstance(value, dict):
        raise invalid(FieldError(field=path, message="it is not an object"))
    problems: list[str] = []
    found = structure(cls, value, path, problems)
    if found is None:
        raise invalid(*(_field_error(one) for one in problems))
    return found


def check_text(field: str, text: str | None, longest: int) -> None:
    """Raise a `Problem` where a text is empty, too long, or has what cannot be printed."""
    if text is not None and (mistake := text_mistake(text, longest)):
        raise invalid(FieldError(field=field, message=f"it {mistake}"))


def _loaded(body: bytes) -> object:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _wrong("it is not UTF-8: send JSON, not compressed") from None
    try:
        plain = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_object)
        # Half of a pair comes as an escape only, which the text itself does not show.
        half = "\\u" in text and _HALF.search(json.dumps(plain, ensure_ascii=False))
    except RecursionError:
        raise _wrong("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise _wrong(f"it is not JSON: {error}") from None
    except ValueError:
        raise _wrong("it has a number of too many digits") from None
    if half:
        raise _wrong(f"it has half of a surrogate pair, {ascii(half[0])[1:-1]}: no character")
    return plain


def _object(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    try:
        return unique_members(pairs)
    except DuplicateMember as error:
        raise _wrong(str(error)) from None


def _wrong(message: str) -> Problem:
    return invalid(FieldError(field="body", message=message))


def _no_constant(name: str) -> object:
    raise _wrong(f"it is not JSON: {name} is not a number")


def _field_error(text: str) -> FieldError:
    field, _, message = text.partition(": ")
    return FieldError(field=field, message=message or text)
