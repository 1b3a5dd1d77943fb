"""The audit log: who changed what, and when."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from attrs import field, frozen


@frozen(kw_only=True)
class AuditEntry:
    """One change. `action` is like "subscription.create", `subject` the id of what was changed.

    `details` is plain JSON without secrets. `tenant` is that of the subject; None: of nobody in
    particular. `at` is microseconds since the epoch, by the ledger's clock.
    """

    id: UUID
    who: str
    action: str
    subject: str
    tenant: str | None = None
    details: Mapping[str, object] = field(factory=dict)
    at: int = 0
