"""What methods work with: the parts of the application, and who asks."""

from __future__ import annotations

from attrs import frozen

from asyncevents_core.domain.access import Actor
from asyncevents_core.web.backend import RequestBackend


@frozen(kw_only=True)
class Door:
    """Of one request."""

    backend: RequestBackend
    actor: Actor
