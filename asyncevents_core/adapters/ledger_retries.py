"""The default retry manager: the ledger's own due times wake deliveries up, on every broker."""

from __future__ import annotations

from collections.abc import Sequence

from asyncevents_core.ports.broker import BrokerConfig
from asyncevents_core.ports.retry import RetryManager, RetryManagerType, ScheduledRetry


class LedgerRetryManagerType(RetryManagerType):
    """The retry manager `ledger`."""

    name = "ledger"
    title = "Due times in the ledger, found by the retry consumers"

    def open(self, broker: BrokerConfig) -> RetryManager:
        """See `RetryManagerType`."""
        return LedgerRetryManager()


class LedgerRetryManager(RetryManager):
    """Leaves retries to their due time, which the outcome's transaction has written."""

    def schedule(self, retries: Sequence[ScheduledRetry]) -> None:
        """Nothing is left to do: the rows are due at the right time already."""
