"""The other suites: brokers, sinks, resolvers, retry managers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from asyncevents_core.adapters.importing import ImportResolverType
from asyncevents_core.adapters.kombu import KombuBroker
from asyncevents_core.adapters.retries import LedgerRetryManagerType, RabbitMqRetryManagerType
from asyncevents_core.plugin import Failure, Outcome
from asyncevents_core.ports.broker import BrokerConfig
from asyncevents_core.testing import (
    BatchingRecordingSinkType,
    BlockingRecordingSinkType,
    MemoryBroker,
    RecordingSinkType,
    RetryManagerConformance,
    ServiceResolverConformance,
    SinkConformance,
)
from tests.conformance.broker import BrokerConformance

if TYPE_CHECKING:
    from tests.services.brokers import RabbitMq, Redis
    from tests.services.databases import Database


def wiped(server: Database) -> str:
    server.wipe()
    return server.database


def as_an_application(url: str, *, prefix: str = "", queue_type: str = "classic") -> BrokerConfig:
    """Return a configuration as one has it: with a ledger, whose id is a new one each time."""
    ledger_id = uuid4()
    return BrokerConfig(url=url, prefix=prefix, queue_type=queue_type, ledger_id=lambda: ledger_id)


class TestMemoryBroker(BrokerConformance):
    @pytest.fixture
    def broker(self) -> MemoryBroker:
        return MemoryBroker()


class TestKombuOnSqlite(BrokerConformance):
    @pytest.fixture
    def broker(self, tmp_path: Path) -> KombuBroker:
        return KombuBroker(as_an_application(url=f"sqla+sqlite:///{tmp_path}/broker.db"))


class TestKombuOnPostgreSql(BrokerConformance):
    @pytest.fixture
    def broker(self, start_server: Callable[[str], Database]) -> KombuBroker:
        return KombuBroker(as_an_application(url=f"sqla+{wiped(start_server('PostgreSql'))}"))


class TestKombuOnMariaDb(BrokerConformance):
    @pytest.fixture
    def broker(self, start_server: Callable[[str], Database]) -> KombuBroker:
        return KombuBroker(as_an_application(url=f"sqla+{wiped(start_server('MariaDb'))}"))


class TestKombuOnRedis(BrokerConformance):
    @pytest.fixture(params=["", "shop."])
    def broker(self, request, start_server: Callable[[str], Redis]) -> KombuBroker:
        server = start_server("Redis")
        server.clear()
        return KombuBroker(as_an_application(url=server.url, prefix=request.param))


class TestKombuOnRabbitMq(BrokerConformance):
    @pytest.fixture(params=["classic", "quorum"])
    def broker(self, request, start_server: Callable[[str], RabbitMq]) -> KombuBroker:
        server = start_server("RabbitMq")
        server.clear()
        return KombuBroker(as_an_application(url=server.url, queue_type=request.param))


class _Recording(SinkConformance):
    @pytest.fixture
    def target(self) -> str:
        return "memory:orders"

    @pytest.fixture
    def options(self) -> Mapping[str, object]:
        return {"note": "for the shop"}

    @pytest.fixture
    def bad_options(self) -> Sequence[Mapping[str, object]]:
        return [{"note": 1}, {"nota": "x"}]

    @pytest.fixture
    def bad_targets(self) -> Sequence[str]:
        return ["", "memory:", "http://example.com"]

    @pytest.fixture
    def hanging(self, sink_type) -> str:
        sink_type.recorder.hold("memory:never")
        return "memory:never"

    @pytest.fixture
    def unreachable(self, failures) -> str:
        return failures[Failure.NETWORK]

    @pytest.fixture
    def failures(self, sink_type) -> Mapping[Failure, str]:
        targets = {failure: f"memory:{failure.name.lower()}" for failure in Failure}
        for failure, target in targets.items():
            failed = Outcome.failed(failure, "as the script says")
            sink_type.recorder.script(target, *[failed] * 9)
        return targets

    @pytest.fixture
    def received(self, sink_type, target) -> Callable[[], Sequence[bytes]]:
        return lambda: [one.body for one in sink_type.recorder.requests_to(target)]

    @pytest.fixture
    def elsewhere(self, sink_type) -> tuple[str, Callable[[], Sequence[bytes]]]:
        other = "memory:invoices"
        return other, lambda: [one.body for one in sink_type.recorder.requests_to(other)]

    @pytest.fixture
    def requests_at(self, sink_type) -> Callable[[str], int]:
        return lambda one: len(sink_type.recorder.requests_to(one))

    @pytest.fixture
    def seen_beside(self, sink_type, target) -> Callable[[], Sequence[object]]:
        return lambda: [one.options.note for one in sink_type.recorder.requests_to(target)]

    @pytest.fixture
    def other_options(self) -> Mapping[str, object]:
        return {"note": "for the till"}


class TestRecordingSink(_Recording):
    @pytest.fixture
    def sink_type(self) -> RecordingSinkType:
        return RecordingSinkType()


class TestBlockingRecordingSink(_Recording):
    @pytest.fixture
    def sink_type(self) -> BlockingRecordingSinkType:
        return BlockingRecordingSinkType()


class TestBatchingRecordingSink(_Recording):
    @pytest.fixture
    def sink_type(self) -> BatchingRecordingSinkType:
        return BatchingRecordingSinkType()


class TestImportResolver(ServiceResolverConformance):
    @pytest.fixture
    def resolver_type(self) -> ImportResolverType:
        return ImportResolverType()


class TestLedgerRetryManager(RetryManagerConformance):
    @pytest.fixture
    def retry_manager_type(self) -> LedgerRetryManagerType:
        return LedgerRetryManagerType()


class TestRabbitMqRetryManager(RetryManagerConformance):
    @pytest.fixture
    def retry_manager_type(self) -> RabbitMqRetryManagerType:
        return RabbitMqRetryManagerType()

    @pytest.fixture(params=["classic", "quorum"])
    def broker(self, request, start_server: Callable[[str], RabbitMq]) -> BrokerConfig:
        server = start_server("RabbitMq")
        server.clear()
        return BrokerConfig(url=server.url, queue_type=request.param)

    @pytest.fixture
    def wrong_broker(self) -> BrokerConfig:
        return BrokerConfig(url="memory://")

    @pytest.fixture
    def absent_broker(self) -> BrokerConfig:
        return BrokerConfig(url="amqp://127.0.0.1:1//")
