"""What publishes on its own: a publisher, and what takes its events further."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from asyncevents_core.engine.publishing.publish import LedgerPublisher
from asyncevents_core.engine.shared.carrier import IdCarrier, NobodyNeeded
from asyncevents_core.runtime import Runtime

if TYPE_CHECKING:
    from asyncevents_core.engine.delivering.services import ServiceCaller
    from asyncevents_core.engine.publishing.handoff import HandOffThread


@frozen(kw_only=True)
class OpenedPublisher:
    """A publisher. With a broker it has `hand_off`, and with EAGER `services`, which it calls."""

    publisher: LedgerPublisher
    hand_off: HandOffThread | None = field(default=None)
    services: ServiceCaller | None = field(default=None)

    @classmethod
    def of(cls, runtime: Runtime) -> OpenedPublisher:
        """Open what the settings ask for; close it. Raises `SettingsError`, `LedgerError`."""
        hand_off: HandOffThread | None = None
        services: ServiceCaller | None = None
        carrier: IdCarrier = NobodyNeeded()
        if runtime.settings.eager:
            services, carrier = runtime.eager_delivery()
        elif runtime.hands_off:
            # Imported here: it takes kombu along.
            from asyncevents_core.engine.publishing.handoff import HandOffThread

            carrier = hand_off = HandOffThread(runtime.broker, observers=runtime.observers)
        publisher = LedgerPublisher(
            ledger=runtime.ledger,
            definitions=runtime.catalog,
            rules=runtime.publish_rules,
            carrier=carrier,
            observers=runtime.observers,
            tracing=runtime.tracing,
        )
        return cls(publisher=publisher, hand_off=hand_off, services=services)

    def close(self) -> None:
        """Hand over what waits. Idempotent."""
        if self.hand_off is not None:
            self.hand_off.close()
        if self.services is not None:
            self.services.close()
