"""What this distribution registers: the retry manager `redis`."""

from __future__ import annotations

from collections.abc import Sequence

from asyncevents_core.errors import BrokerError
from asyncevents_core.plugin import BrokerConfig, RetryManager, RetryManagerType, hookimpl

KEY = "asyncevents:retries"

ASYNCEVENTS_PLUGIN_API = 1


class RedisRetryManagerType(RetryManagerType):
    """Registers `redis`."""

    name = "redis"
    title = "A sorted set in Redis"

    def open(self, broker: BrokerConfig) -> RetryManager:
        """Return the manager on the broker's Redis; it connects at first use."""
        if not broker.url.startswith(("redis:", "rediss:")):
            raise BrokerError("RETRY_MANAGER = 'redis' needs BROKER_URL = 'redis://…'")
        # Imported here: only who uses it loads the client of Redis.
        from asyncevents_redis_retries.manager import RedisRetryManager

        return RedisRetryManager(broker.url, broker.prefix + KEY)


@hookimpl
def asyncevents_register_retry_managers() -> Sequence[RetryManagerType]:
    """Register `redis`."""
    return [RedisRetryManagerType()]
