"""What a tool is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from asyncevents_core.web.api.json_schema import schema_of
from asyncevents_core.web.api.problems import FieldError, invalid
from asyncevents_core.web.mcp.door import Door

Arguments = TypeVar("Arguments")


def uuid_of(field: str, text: str) -> UUID:
    """Return the UUID that a text is. Raises a `Problem`."""
    try:
        return UUID(text.strip())
    except ValueError:
        raise invalid(FieldError(field=field, message="it is no UUID")) from None


class Tool(ABC, Generic[Arguments]):
    """Something that an agent can call. Stateless.

    `arguments` is an attrs class: its fields, their validators and what their metadata say to
    people become the schema. `resources` are all needed.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    about: ClassVar[str]
    resources: ClassVar[Sequence[str]]
    reads_only: ClassVar[bool] = True
    arguments: type[Arguments]

    @abstractmethod
    async def answer(self, arguments: Arguments, door: Door) -> object:
        """Return what a JSON encoder takes, an object. Raises what the use cases raise."""

    def described(self) -> dict[str, Any]:
        """Return the tool as a list of tools has it."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.about,
            "inputSchema": schema_of(self.arguments),
            "annotations": {
                "readOnlyHint": self.reads_only,
                "destructiveHint": not self.reads_only,
                "idempotentHint": self.reads_only,
                "openWorldHint": not self.reads_only,
            },
        }
