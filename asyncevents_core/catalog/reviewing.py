"""What is to be said of definitions that can be used: for `asyncevents check`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

from attrs import frozen

from asyncevents_core.adapters.json_schemas import compile_schema
from asyncevents_core.catalog.event_catalog import EventCatalog
from asyncevents_core.domain.counts import counted
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.schemas.mistakes import told
from asyncevents_core.errors import MissingExtra


@frozen(kw_only=True)
class Remark:
    """One thing to say."""

    state: Literal["ok", "warning", "error"]
    text: str


def review(catalog: EventCatalog, *, mode: str, today: date) -> Iterator[Remark]:
    """Look at all definitions; `mode` is what EVENT_SCHEMAS means here."""
    for text in (*catalog.duplicates.values(), *catalog.unusable.values()):
        yield Remark(state="error", text=text)
    described = [one for one in catalog if one.schema is not None and not one.is_operational]
    try:
        for one in described:
            for mistake in mistakes_of(one):
                yield Remark(state="error", text=f"{one.name}: {mistake}")
    except MissingExtra as error:
        yield Remark(state="warning", text=f"schemas and examples are not checked: {error}")
    for name, doubt in catalog.undescribed.items():
        text = f"{name}: what its service returns cannot be described: {doubt}. Give a schema"
        yield Remark(state="warning", text=text)
    for one in catalog:
        if one.sunset is not None and date.fromisoformat(one.sunset) <= today:
            text = f"{one.name} is deprecated, and may be gone since {one.sunset}"
            yield Remark(state="warning", text=text)
    if described:
        text = f"{counted(len(described), 'event')} with a schema; EVENT_SCHEMAS: {mode}"
        yield Remark(state="ok", text=text)


def mistakes_of(definition: EventDefinition) -> Iterator[str]:
    """Say what is wrong with the schema of an event, and with its examples.

    Raises `MissingExtra` where it has a schema, and nothing is installed to check by it.
    """
    if definition.schema is None:
        return
    try:
        check = compile_schema(definition.schema)
    except ValueError as error:
        yield f"its schema: {error}"
        return
    for number, example in enumerate(definition.examples, 1):
        if mistakes := check(example):
            yield f"example {number} does not match its schema: {told(mistakes)}"
