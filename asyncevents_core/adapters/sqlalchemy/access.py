"""Access: tokens, the audit log, idempotent requests, overrides."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, delete, select, update

from asyncevents_core.adapters.sqlalchemy.insertions import Upsert
from asyncevents_core.adapters.sqlalchemy.schema import audit, once, override, token
from asyncevents_core.adapters.sqlalchemy.statements import Noun, page
from asyncevents_core.domain.access import AuditEntry
from asyncevents_core.domain.allowance import SinkAllowance
from asyncevents_core.domain.idempotency import KEPT_FOR, EarlierResult, IdempotentRequest
from asyncevents_core.domain.token import ApiToken
from asyncevents_core.ports.ledger.access import AUDIT_READ, Access, AccessView, Override

_REPLACE: Final = Upsert(key=("name",), changes=("value", "changed_by", "changed_at"))


class SqlAccess(Noun, Access):
    """See `Access`."""

    def insert_token(self, new: ApiToken) -> None:
        self._sql.insert(token, [_token_values(new, self._sql.now())])

    def revoke_token(self, token_id: UUID) -> bool:
        revoked = self._sql.execute(
            update(token)
            .where(token.c.id == token_id)
            .where(token.c.revoked_at.is_(None))
            .values(revoked_at=self._sql.now())
        )
        return revoked.rowcount == 1

    def touch_token(self, token_id: UUID) -> None:
        self._sql.execute(
            update(token).where(token.c.id == token_id).values(used_at=self._sql.now())
        )

    def write_audit(self, entries: Sequence[AuditEntry]) -> None:
        self._sql.insert(audit, [_audit_values(one, self._sql.now()) for one in entries])

    def begin_request(self, request: IdempotentRequest) -> EarlierResult | None:
        self._sql.execute(
            delete(once).where(once.c.created_at < self._sql.now() - KEPT_FOR * 1_000_000)
        )
        # Whoever inserts the same key meanwhile waits here until this transaction has ended.
        self._sql.insert(
            once,
            [
                {
                    "id": request.key,
                    "digest": request.digest,
                    "result": None,
                    "created_at": self._sql.now(),
                }
            ],
        )
        row = self._sql.execute(select(once).where(once.c.id == request.key)).one()
        return None if row.result is None else EarlierResult(digest=row.digest, result=row.result)

    def finish_request(self, request: IdempotentRequest, result: str) -> None:
        self._sql.execute(update(once).where(once.c.id == request.key).values(result=result))

    def set_override(self, name: str, value: int | bool | None, *, by: str) -> None:
        if value is None:
            self._sql.execute(delete(override).where(override.c.name == name))
            return
        values = {
            "name": name,
            "value": json.dumps(value),
            "changed_by": by,
            "changed_at": self._sql.now(),
        }
        self._sql.insert(override, [values], _REPLACE)


class SqlAccessView(Noun, AccessView):
    """See `AccessView`."""

    def token(self, token_id: UUID) -> ApiToken | None:
        row = self._sql.execute(select(token).where(token.c.id == token_id)).one_or_none()
        return None if row is None else _to_token(row)

    def tokens(self) -> Sequence[ApiToken]:
        found = self._sql.execute(select(token).order_by(token.c.id))
        return [_to_token(row) for row in found]

    def audit(
        self, *, limit: int, before: UUID | None, tenant: str | None = None
    ) -> Sequence[AuditEntry]:
        found = self._sql.execute(page(audit, limit, before, tenant))
        return [_to_audit(row) for row in found]

    def changes_of(
        self, subscription_id: int, *, limit: int, since: int = 0, tenant: str | None = None
    ) -> Sequence[AuditEntry]:
        newest = page(audit, AUDIT_READ, None, tenant).subquery("newest")
        statement = (
            select(newest)
            .where(newest.c.subject == str(subscription_id))
            .where(newest.c.action.startswith("subscription."))
            .where(newest.c.at >= since)
            .order_by(newest.c.id.desc())
            .limit(limit)
        )
        return [_to_audit(row) for row in self._sql.execute(statement)]

    def overrides(self) -> Sequence[Override]:
        found = self._sql.execute(select(override).order_by(override.c.name))
        return [_to_override(row) for row in found]


def _token_values(new: ApiToken, now: int) -> dict[str, Any]:
    """Return the columns of a new token."""
    return {
        "id": new.id,
        "digest": new.digest,
        "name": new.name,
        "resources": json.dumps(new.resources),
        "tenant": new.tenant,
        "sinks": None if new.sinks is None else json.dumps(_plain_sinks(new.sinks)),
        "created_at": now,
        "expires_at": new.expires_at,
        "revoked_at": new.revoked_at,
        "used_at": new.used_at,
    }


def _to_token(row: Row[Any]) -> ApiToken:
    """Read a token."""
    values = row._mapping
    return ApiToken(
        id=values["id"],
        digest=bytes(values["digest"]),
        name=values["name"],
        resources=tuple(json.loads(values["resources"])),
        tenant=values["tenant"],
        sinks=None if values["sinks"] is None else _read_sinks(json.loads(values["sinks"])),
        created_at=values["created_at"],
        expires_at=values["expires_at"],
        revoked_at=values["revoked_at"],
        used_at=values["used_at"],
    )


def _plain_sinks(sinks: Mapping[str, SinkAllowance]) -> dict[str, object]:
    return {
        name: {"targets": one.targets, "privileges": one.privileges} for name, one in sinks.items()
    }


def _read_sinks(plain: Mapping[str, Any]) -> dict[str, SinkAllowance]:
    return {
        name: SinkAllowance(targets=tuple(one["targets"]), privileges=tuple(one["privileges"]))
        for name, one in plain.items()
    }


def _audit_values(entry: AuditEntry, now: int) -> dict[str, Any]:
    """Return the columns of a new entry."""
    return {
        "id": entry.id,
        "who": entry.who,
        "action": entry.action,
        "subject": entry.subject,
        "tenant": entry.tenant,
        "details": json.dumps(dict(entry.details), default=str),
        "at": now,
    }


def _to_audit(row: Row[Any]) -> AuditEntry:
    """Read an entry."""
    values = row._mapping
    return AuditEntry(
        id=values["id"],
        who=values["who"],
        action=values["action"],
        subject=values["subject"],
        tenant=values["tenant"],
        details=json.loads(values["details"]),
        at=values["at"],
    )


def _to_override(row: Row[Any]) -> Override:
    """Read an override."""
    values = row._mapping
    return Override(
        name=values["name"],
        value=json.loads(values["value"]),
        changed_by=values["changed_by"],
        changed_at=values["changed_at"],
    )
