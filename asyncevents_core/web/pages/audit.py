"""The audit log: who changed what, and when."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from attrs import frozen
from litestar import get
from litestar.response import Template

from asyncevents_core.domain.access import AuditEntry, Resource
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import BeforeUuid, GivenActor, GivenBackend
from asyncevents_core.web.pages.frame import GivenFrame, shown
from asyncevents_core.web.pages.listing import PER_PAGE

PATH: Final = "/audit"


@frozen(kw_only=True)
class Audit:
    """A page of changes, newest first."""

    rows: Sequence[AuditEntry]
    older: str | None

    @staticmethod
    def details(one: AuditEntry) -> str:
        """Return the details of a change as JSON."""
        return json.dumps(dict(one.details), ensure_ascii=False) if one.details else ""


@get(PATH, opt=needs(Resource.MANAGE))
async def list_(
    backend: GivenBackend, actor: GivenActor, frame: GivenFrame, before: BeforeUuid = None
) -> Template:
    """List changes; to somebody who is bound to a tenant those of that tenant."""
    rows = await backend.read(
        lambda view: view.access.audit(limit=PER_PAGE + 1, before=before, tenant=actor.tenant)
    )
    kept = rows[:PER_PAGE]
    older = frame.url(PATH, {"before": kept[-1].id}) if len(rows) > PER_PAGE else None
    return shown(frame, "audit.html", Audit(rows=kept, older=older))


HANDLERS: Final = [list_]
