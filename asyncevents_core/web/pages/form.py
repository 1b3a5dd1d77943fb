"""A form that a page has sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import parse_qsl

from attrs import field, frozen
from litestar import Request

from asyncevents_core.web.api.problems import Problem

_KIND: Final = "application/x-www-form-urlencoded"
_KEPT: Final = "form"
_MOST_FIELDS: Final = 20_000


@frozen
class Form:
    """The fields of a form, by name."""

    fields: Mapping[str, list[str]] = field(factory=dict)

    def get(self, name: str) -> str:
        """Return a field's value as it was sent; "" where it was not."""
        found = self.fields.get(name)
        return found[-1] if found else ""

    def text(self, name: str) -> str:
        """Return a field's value without space around it."""
        return self.get(name).strip()

    def all(self, name: str) -> list[str]:
        """Return every value of a field that may be there several times."""
        return list(self.fields.get(name, ()))


async def form_of(request: Request[Any, Any, Any]) -> Form:
    """Return the request's form, read once. Raises a `Problem` (400, 415) for another body."""
    if (kept := request.scope["state"].get(_KEPT)) is not None:
        # Whoever looked for the session's token has read it before.
        return cast(Form, kept)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind != _KIND:
        raise Problem(415, f"forms are {_KIND}")
    try:
        pairs = parse_qsl(
            (await request.body()).decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
    except ValueError as error:
        raise Problem(400, f"this is no form: {error}") from error
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    form = request.scope["state"][_KEPT] = Form(found)
    return form
