"""Write into the audit log who did what, in the transaction that does it."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from asyncevents_core.domain.access import Actor, AuditEntry
from asyncevents_core.ports.ledger import LedgerTransaction


def audit(
    tx: LedgerTransaction,
    by: Actor,
    action: str,
    *,
    entry_id: UUID,
    subject: object = "",
    tenant: str | None = None,
    details: Mapping[str, object] | None = None,
) -> None:
    """Write one entry: see `AuditEntry`.

    `entry_id` is made before the transaction, so that a rerun of it writes the entry once.
    """
    tx.access.write_audit(
        [
            AuditEntry(
                id=entry_id,
                who=by.who,
                action=action,
                subject=str(subject),
                tenant=tenant,
                details={} if details is None else details,
            )
        ]
    )
