"""The retry managers that core brings: `ledger` and `rabbitmq`."""

from __future__ import annotations

from collections.abc import Sequence

from asyncevents_core.domain.addresses import masked
from asyncevents_core.errors import BrokerError
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


class RabbitMqRetryManagerType(RetryManagerType):
    """The retry manager `rabbitmq`."""

    name = "rabbitmq"
    title = "Queues with a time-to-live on RabbitMQ"

    def open(self, broker: BrokerConfig) -> RetryManager:
        """See `RetryManagerType`. Raises `BrokerError` where the broker is not RabbitMQ."""
        from asyncevents_core.adapters.kombu.protocol import is_rabbitmq
        from asyncevents_core.adapters.kombu.retries import RabbitMqRetryManager

        if not is_rabbitmq(broker.url):
            raise BrokerError(
                "RETRY_MANAGER = 'rabbitmq' needs RabbitMQ (BROKER_URL = 'amqp://…'); this broker "
                f"is {masked(broker.url)}. RETRY_MANAGER = 'ledger' works with every broker"
            )
        return RabbitMqRetryManager(broker)
