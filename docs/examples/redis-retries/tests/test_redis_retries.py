"""The suite that core ships, on the retry manager of this distribution and a real Redis."""

from __future__ import annotations

import pytest

from asyncevents_core.domain.instant import uuid7
from asyncevents_core.plugin import BrokerConfig, ScheduledRetry
from asyncevents_core.testing import RetryManagerConformance
from asyncevents_redis_retries.plugin import RedisRetryManagerType
from tests.conftest import skip_unless_present
from tests.services.needs import REDIS


@pytest.fixture(scope="module")
def server():
    skip_unless_present(REDIS)
    from tests.services.brokers import Redis

    server = Redis()
    server.start()
    yield server
    server.remove()


class TestRedisRetryManager(RetryManagerConformance):
    @pytest.fixture
    def retry_manager_type(self):
        return RedisRetryManagerType()

    @pytest.fixture
    def broker(self, server):
        server.clear()
        return BrokerConfig(url=server.url)

    @pytest.fixture
    def wrong_broker(self):
        return BrokerConfig(url="amqp://localhost")

    @pytest.fixture
    def absent_broker(self):
        return BrokerConfig(url="redis://127.0.0.1:1/0")


def test_what_was_not_acknowledged_comes_again(server):
    server.clear()
    manager = RedisRetryManagerType().open(BrokerConfig(url=server.url))
    one = uuid7()
    manager.schedule([ScheduledRetry(delivery_id=one, deaths=1, delay=0.0)])
    with manager.woken(prefetch=1) as first, manager.woken(prefetch=1) as second:
        assert [message.ids for message in first.receive(5.0)] == [(one,)]
        assert list(second.receive(0.0)) == []
    manager.schedule([ScheduledRetry(delivery_id=one, deaths=2, delay=0.0)])
    with manager.woken(prefetch=1) as third:
        (message,) = third.receive(5.0)
        message.ack()
        assert list(third.receive(0.0)) == []
    manager.close()


def test_applications_with_prefixes_of_their_own_do_not_meet(server):
    server.clear()
    kind = RedisRetryManagerType()
    shop = kind.open(BrokerConfig(url=server.url, prefix="shop."))
    erp = kind.open(BrokerConfig(url=server.url, prefix="erp."))
    one = uuid7()
    shop.schedule([ScheduledRetry(delivery_id=one, deaths=1, delay=0.0)])
    with erp.woken(prefetch=1) as theirs, shop.woken(prefetch=1) as ours:
        assert list(theirs.receive(0.2)) == []
        assert [message.ids for message in ours.receive(5.0)] == [(one,)]
    shop.close()
    erp.close()
