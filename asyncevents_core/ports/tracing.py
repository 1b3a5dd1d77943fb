"""Contract of what records spans: parts of distributed traces, from publication to attempt."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from attrs import frozen

from asyncevents_core.domain.delivery import Delivery
from asyncevents_core.domain.event import Event
from asyncevents_core.domain.outcome import Outcome
from asyncevents_core.domain.subscription import Subscription
from asyncevents_core.domain.trace_context import TraceContext


@frozen(kw_only=True)
class Attempted:
    """An attempt that a span is about.

    `context` is where its event was published, and sampled. `waited` are the seconds from then to
    the lease.
    """

    context: TraceContext
    event: Event
    delivery: Delivery
    subscription: Subscription
    waited: float


class AttemptSpan(ABC):
    """The span of an attempt that goes on."""

    @property
    @abstractmethod
    def context(self) -> TraceContext | None:
        """What the recipient is told; None: nothing."""

    @abstractmethod
    def ended(self, outcome: Outcome) -> None:
        """Say what came of it. To be called once, before the span ends."""


class Tracing(ABC):
    """Records spans. Thread-safe. Context managers belong to the thread or task that enters them.

    What goes wrong inside is told to the log of whoever records; nothing here raises.
    """

    enabled: bool
    """Whether anything is recorded: if not, nothing need be told."""

    @abstractmethod
    def publishing(self, names: Sequence[str]) -> AbstractContextManager[TraceContext | None]:
        """Record the publication of events; what the block gets is kept with them."""

    @abstractmethod
    def resolving(self, event: Event) -> AbstractContextManager[None]:
        """Record the call of an event's service."""

    @abstractmethod
    def attempting(self, attempted: Attempted) -> AbstractContextManager[AttemptSpan]:
        """Record an attempt. Asked only where the tracing is `enabled`."""

    @abstractmethod
    def current(self) -> TraceContext | None:
        """Return where the span belongs that goes on in this thread or task; None without one."""

    @abstractmethod
    def continuing(self, context: TraceContext) -> AbstractContextManager[None]:
        """Let spans that begin in the block belong to one of another process, which goes on."""


class _Told(AttemptSpan):
    """Records nothing, and tells the recipient where the event comes from."""

    def __init__(self, context: TraceContext) -> None:
        self._context = context

    @property
    def context(self) -> TraceContext | None:
        return self._context

    def ended(self, outcome: Outcome) -> None:
        pass


class NoTracing(Tracing):
    """Records nothing. Recipients are told where an event comes from, if it was kept."""

    enabled = False

    @contextmanager
    def publishing(self, names: Sequence[str]) -> Iterator[TraceContext | None]:
        yield None

    @contextmanager
    def resolving(self, event: Event) -> Iterator[None]:
        yield

    @contextmanager
    def attempting(self, attempted: Attempted) -> Iterator[AttemptSpan]:
        yield _Told(attempted.context)

    def current(self) -> TraceContext | None:
        return None

    @contextmanager
    def continuing(self, context: TraceContext) -> Iterator[None]:
        yield


NO_TRACING: Final = NoTracing()
