"""Registers the retry manager `rabbitmq`; kombu is imported when it is opened."""

from __future__ import annotations

from asyncevents_core.errors import BrokerError
from asyncevents_core.ports.broker import BrokerConfig
from asyncevents_core.ports.retry import RetryManager, RetryManagerType


class RabbitMqRetryManagerType(RetryManagerType):
    """The retry manager `rabbitmq`."""

    name = "rabbitmq"
    title = "Queues with a time-to-live on RabbitMQ"

    def open(self, broker: BrokerConfig) -> RetryManager:
        """See `RetryManagerType`. Raises `BrokerError` where the broker is not RabbitMQ."""
        from asyncevents_core.adapters.kombu.connections import masked
        from asyncevents_core.adapters.kombu.protocol import is_rabbitmq
        from asyncevents_core.adapters.kombu.retries import RabbitMqRetryManager

        if not is_rabbitmq(broker.url):
            raise BrokerError(
                "RETRY_MANAGER = 'rabbitmq' needs RabbitMQ (BROKER_URL = 'amqp://…'); this broker "
                f"is {masked(broker.url)}. RETRY_MANAGER = 'ledger' works with every broker"
            )
        return RabbitMqRetryManager(broker)
