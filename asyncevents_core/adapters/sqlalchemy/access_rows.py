"""Row operations on tokens, the audit log, idempotency keys and overrides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select, update

from asyncevents_core.adapters.sqlalchemy import access_values
from asyncevents_core.adapters.sqlalchemy.inserting import Upsert
from asyncevents_core.adapters.sqlalchemy.schema import audit, once, override, token
from asyncevents_core.adapters.sqlalchemy.statements import Statements
from asyncevents_core.domain.access import AuditEntry
from asyncevents_core.domain.idempotency import KEPT_FOR, EarlierResult, IdempotentRequest
from asyncevents_core.domain.token import ApiToken

_REPLACE: Final = Upsert(key=("name",), changes=("value", "changed_by", "changed_at"))


class AccessRows(Statements):
    """Access. See `LedgerTransaction`."""

    def insert_token(self, new: ApiToken) -> None:
        self._insert(token, [access_values.token_values(new, self.now())])

    def revoke_token(self, token_id: UUID) -> bool:
        revoked = self._connection.execute(
            update(token)
            .where(token.c.id == token_id)
            .where(token.c.revoked_at.is_(None))
            .values(revoked_at=self.now())
        )
        return revoked.rowcount == 1

    def touch_token(self, token_id: UUID) -> None:
        self._connection.execute(
            update(token).where(token.c.id == token_id).values(used_at=self.now())
        )

    def write_audit(self, entries: Sequence[AuditEntry]) -> None:
        self._insert(audit, [access_values.audit_values(one, self.now()) for one in entries])

    def begin_request(self, request: IdempotentRequest) -> EarlierResult | None:
        self._connection.execute(
            delete(once).where(once.c.created_at < self.now() - KEPT_FOR * 1_000_000)
        )
        # Whoever inserts the same key meanwhile waits here until this transaction has ended.
        self._insert(
            once,
            [
                {
                    "id": request.key,
                    "digest": request.digest,
                    "result": None,
                    "created_at": self.now(),
                }
            ],
        )
        row = self._connection.execute(select(once).where(once.c.id == request.key)).one()
        return None if row.result is None else EarlierResult(digest=row.digest, result=row.result)

    def finish_request(self, request: IdempotentRequest, result: str) -> None:
        self._connection.execute(update(once).where(once.c.id == request.key).values(result=result))

    def set_override(self, name: str, value: int | bool | None, *, by: str) -> None:
        if value is None:
            self._connection.execute(delete(override).where(override.c.name == name))
            return
        values = {
            "name": name,
            "value": json.dumps(value),
            "changed_by": by,
            "changed_at": self.now(),
        }
        self._insert(override, [values], _REPLACE)
