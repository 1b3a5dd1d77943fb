"""What an application asks to be published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from asyncevents_core.showing import shown

if TYPE_CHECKING:
    # Applications import this module at once, and the domain when they publish.
    from asyncevents_core.domain.trace_context import TraceContext


@frozen(kw_only=True)
class PublishRequest:
    """One event to publish, as the application gives it.

    `trace_context` is where it belongs in a distributed trace, if somebody else began that; None:
    where the call that publishes it belongs.
    """

    name: str
    data: object = field(repr=False)
    tenant: str | None = None
    event_id: str | None = None
    trace_context: TraceContext | None = None

    @classmethod
    def of(cls, one: object) -> PublishRequest:
        """Return it from a pair ``(name, data)``, or as it is. Raises TypeError for the rest."""
        if isinstance(one, PublishRequest):
            return one
        if isinstance(one, tuple | list) and len(one) == 2:
            name, data = one
            return cls(name=name, data=data)
        raise TypeError(f"a request is a pair (name, data) or a PublishRequest, not {shown(one)}")
