"""Who may do what, and the audit log of what they did."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from uuid import UUID

from attrs import field, frozen, validators

from asyncevents_core.domain.allowance import Allowance
from asyncevents_core.domain.event_pattern import pattern_mistake, read_pattern
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
    PUBLISH = "publish"
    """Publish events. Of some: see `PUBLISH_SOME`."""
    LOGS = "logs"
    """All of the three below."""
    LOGS_LIST = "logs.list"
    LOGS_TRACE = "logs.trace"
    LOGS_REPLAY = "logs.replay"
    MANAGE = "manage"
    """All of the above, and the configuration. Not the resources of events."""


_OWN: Final[frozenset[str]] = frozenset(one.value for one in Resource)
PUBLISH_SOME: Final = f"{Resource.PUBLISH}:"
"""Begins the resources that allow to publish some events: ``publish:sales.*, !sales.paid``."""
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
        some = resource.startswith(PUBLISH_SOME)
        if resource not in _OWN and not some:
            return False
        if Resource.MANAGE in self.resources:
            return True
        if some:
            return Resource.PUBLISH in self.resources
        return resource.startswith(f"{Resource.LOGS}.") and Resource.LOGS in self.resources

    def may_partly(self, resource: str) -> bool:
        """Tell whether the actor has a resource; or some of it, where that is `PUBLISH`."""
        if self.may(resource):
            return True
        return resource == Resource.PUBLISH and any(map(_is_some, self.resources))

    def require_publishing(self, name: str) -> None:
        """Raise `AccessDenied` unless the actor may publish events of that name.

        The resources that such an event needs are not looked at.
        """
        if self.may(Resource.PUBLISH):
            return
        patterns = (one.removeprefix(PUBLISH_SOME) for one in self.resources if _is_some(one))
        if not any(read_pattern(one).matches(name) for one in patterns):
            raise AccessDenied(f"to publish {name} you need the resource {PUBLISH_SOME}{name}")

    @property
    def granted(self) -> frozenset[str] | None:
        """The resources that the actor has, by itself or implied by others; None: all of them."""
        if ALL in self.resources:
            return None
        return self.resources.union(one for one in _OWN if self.may(one))

    def may_all(self, resources: Collection[str]) -> bool:
        """Tell whether the actor has all of these resources."""
        return all(map(self.may, resources))

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


def publish_mistake(resource: str) -> str | None:
    """Say what is wrong with a resource that begins with `PUBLISH_SOME`; None for nothing."""
    return pattern_mistake(resource.removeprefix(PUBLISH_SOME))


def _is_some(resource: str) -> bool:
    # Of WEB_GROUPS nobody has looked at the patterns that are not used.
    return resource.startswith(PUBLISH_SOME) and publish_mistake(resource) is None


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
