"""Who may do what, and the audit log of what they did."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from attrs import field, frozen, validators

from asyncevents_core.domain.allowance import Allowance
from asyncevents_core.domain.limits import LONGEST_NAME
from asyncevents_core.errors import AccessDenied


class Resource(enum.StrEnum):
    """The resources of asyncevents itself; events have more of their own."""

    VIEW = "view"
    """List subscriptions, and what there is to subscribe to."""
    GET = "get"
    """Read one subscription."""
    CREATE = "create"
    """Make and change subscriptions."""
    SAVE = "save"
    """Enable and disable them."""
    LOGS = "logs"
    """All of the three below."""
    LOGS_LIST = "logs.list"
    LOGS_TRACE = "logs.trace"
    LOGS_REPLAY = "logs.replay"
    MANAGE = "manage"
    """All of the above, and the configuration. Not the resources of events."""


_OWN: Final[frozenset[str]] = frozenset(one.value for one in Resource)
ALL: Final = "all"
"""Stands for every resource, those of events included."""


@frozen(kw_only=True)
class Actor:
    """Whoever asks for something.

    `who` is what the audit log says, at most 255 characters. `tenant` binds the actor: it sees
    and makes what belongs to that tenant only; None: it sees everything. `allowances` bound the
    subscriptions it makes: each of them has to allow one.
    """

    who: str = field(validator=validators.max_len(LONGEST_NAME))
    resources: frozenset[str] = field(factory=frozenset)
    tenant: str | None = None
    allowances: tuple[Allowance, ...] = ()

    @classmethod
    def trusted(cls, who: str) -> Actor:
        """Return an actor that may do everything: the command line, the application itself."""
        return cls(who=who, resources=frozenset({ALL}))

    def may(self, resource: str) -> bool:
        """Tell whether the actor has a resource, by itself or implied by another one."""
        if ALL in self.resources or resource in self.resources:
            return True
        if resource not in _OWN:
            return False
        if Resource.MANAGE in self.resources:
            return True
        return resource.startswith(f"{Resource.LOGS}.") and Resource.LOGS in self.resources

    def require(self, resources: Collection[str], *, to: str) -> None:
        """Raise `AccessDenied` unless the actor has all of these; `to` says what for."""
        missing = sorted(one for one in resources if not self.may(one))
        if missing:
            some = "the resource" if len(missing) == 1 else "the resources"
            raise AccessDenied(f"to {to} you need {some} {', '.join(missing)}")

    def require_sink(self, sink: str, target: str, privileges: Sequence[str]) -> None:
        """Raise `AccessDenied` unless the actor may subscribe such a target.

        `privileges` are what of the operator's a delivery would use: see `SinkType.privileges`.
        """
        for one in self.allowances:
            if refusal := one.refusal(sink, target, privileges):
                raise AccessDenied(refusal)

    def sees(self, tenant: str | None) -> bool:
        """Tell whether what belongs to a tenant (None: to all of them) is this actor's to see."""
        return self.tenant is None or tenant == self.tenant


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
