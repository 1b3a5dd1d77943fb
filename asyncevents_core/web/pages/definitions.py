"""The event definitions: what can be published and subscribed to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen
from litestar import get
from litestar.response import Template

from asyncevents_core.domain.access import Resource
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import GivenBackend
from asyncevents_core.web.pages.frame import GivenFrame, shown

PATH: Final = "/event-definitions"


@frozen(kw_only=True)
class Definitions:
    """All definitions, by name."""

    rows: Sequence[EventDefinition]


@get(PATH, opt=needs(Resource.VIEW))
async def list_(backend: GivenBackend, frame: GivenFrame) -> Template:
    """List the event definitions."""
    return shown(frame, "definitions.html", Definitions(rows=list(backend.runtime.catalog)))


HANDLERS: Final = [list_]
