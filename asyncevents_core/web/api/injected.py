"""What routes are given by name: `app.create_app` says where it comes from."""

from __future__ import annotations

from litestar.di import NamedDependency

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.idempotency import IdempotentRequest
from asyncevents_core.domain.log_filter import LogFilter
from asyncevents_core.web.backend import Backend

GivenBackend = NamedDependency[Backend]
GivenActor = NamedDependency[Actor]
GivenIdempotency = NamedDependency[IdempotentRequest | None]
GivenLogFilter = NamedDependency[LogFilter]
