"""JSON bodies of requests: read strictly, every mistake named with its path."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any, ClassVar, Protocol, Self, TypeVar

from litestar.dto import AbstractDTO
from litestar.dto.data_structures import DTOFieldDefinition
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from asyncevents_core.structuring import structure
from asyncevents_core.web.problems import FieldError, invalid

T = TypeVar("T")


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
        try:
            plain = json.loads(value, parse_constant=_no_constant)
        except RecursionError:
            raise invalid(FieldError(field="body", reason="it is nested too deeply")) from None
        except ValueError as error:
            raise invalid(FieldError(field="body", reason=f"it is no JSON: {error}")) from None
        read: R = self.model_type.read(plain)
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
        raise invalid(FieldError(field=path, reason="it is no object"))
    problems: list[str] = []
    found = structure(cls, value, path, problems)
    if problems:
        raise invalid(*(_field_error(one) for one in problems))
    return found


def check_text(field: str, text: str | None, longest: int) -> None:
    """Raise a `Problem` where a text is empty, too long, or has what cannot be printed."""
    if text is None:
        return
    if not 0 < len(text) <= longest:
        raise invalid(FieldError(field=field, reason=f"it has 1 to {longest} characters"))
    if not text.isprintable():
        raise invalid(FieldError(field=field, reason="it has characters that cannot be printed"))


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def _field_error(text: str) -> FieldError:
    field, _, reason = text.partition(": ")
    return FieldError(field=field, reason=reason or text)
