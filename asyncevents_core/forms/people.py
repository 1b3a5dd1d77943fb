"""The form of the people who sign in to the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

from attrs import frozen

from asyncevents_core.domain.instant import to_datetime
from asyncevents_core.domain.user import User
from asyncevents_core.forms.values import optional_time


@frozen(kw_only=True)
class UserForm:
    """A user, without anything of the password. `state` is "enabled" or "disabled"."""

    id: UUID
    name: str
    state: str
    resources: list[str]
    tenant: str | None
    created_at: datetime
    disabled_at: datetime | None
    password_changed_at: datetime
    signed_in_at: datetime | None

    @classmethod
    def of(cls, one: User) -> Self:
        """Return the form of a user."""
        return cls(
            id=one.id,
            name=one.name,
            state="enabled" if one.disabled_at is None else "disabled",
            resources=list(one.resources),
            tenant=one.tenant,
            created_at=to_datetime(one.created_at),
            disabled_at=optional_time(one.disabled_at),
            password_changed_at=to_datetime(one.password_changed_at),
            signed_in_at=optional_time(one.signed_in_at),
        )
