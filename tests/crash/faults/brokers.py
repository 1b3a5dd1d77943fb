"""Brokers that take nothing, and queues that somebody deletes."""

from __future__ import annotations

import kombu
import redis
import sqlalchemy as sa

from asyncevents_core.adapters.kombu.protocol import TRIGGER
from tests.crash.fault import Fault
from tests.crash.servers import AlarmedRabbitMq
from tests.crash.world import World
from tests.services.brokers import Redis


class MemoryAlarm(Fault):
    """RabbitMQ reads nothing more from those who publish; Redis refuses whatever needs memory."""

    name = "the broker has no memory left"
    family = "state"
    spares = True
    lasts = (2.0, 15.0)

    @classmethod
    def applies(cls, world: World) -> bool:
        return world.broker is not None

    def inject(self) -> None:
        self._limit("0.00001", "1kb")

    def heal(self) -> None:
        self._limit("0.6", "0")

    def _limit(self, part: str, size: str) -> None:
        broker = self.world.broker
        if isinstance(broker, AlarmedRabbitMq):
            broker.control("set_vm_memory_high_watermark", part)
            return
        assert isinstance(broker, Redis)
        client = redis.Redis(port=broker.port)
        client.config_set("maxmemory", size)
        client.close()


class BrokerPaused(Fault):
    """Redis answers nobody for a while: as during a failover that it was told of."""

    name = "the broker is paused"
    family = "state"
    spares = True
    lasts = (2.0, 15.0)

    @classmethod
    def applies(cls, world: World) -> bool:
        return isinstance(world.broker, Redis)

    def inject(self) -> None:
        assert self.world.broker is not None
        client = redis.Redis(port=self.world.broker.port)
        client.client_pause(round(self.seconds * 1000))
        client.close()

    def heal(self) -> None:
        """It ends by itself: nobody could tell it to."""


class QueueDeleted(Fault):
    """With what is in it, under the hands of those who consume it."""

    name = "the queue is deleted"
    family = "state"
    spares = True
    lasts = (0.0, 0.0)

    @classmethod
    def applies(cls, world: World) -> bool:
        return True

    def inject(self) -> None:
        broker = self.world.broker
        if isinstance(broker, AlarmedRabbitMq):
            with kombu.Connection(broker.url) as connection:
                connection.channel().queue_delete(TRIGGER)
        elif isinstance(broker, Redis):
            client = redis.Redis(port=broker.port)
            client.delete(TRIGGER, "_kombu.binding.asyncevents")
            client.close()
        else:
            url = self.world.project.settings["BROKER_URL"].removeprefix("sqla+")
            engine = sa.create_engine(url)
            with engine.begin() as connection:
                connection.exec_driver_sql("DELETE FROM kombu_message")
                connection.exec_driver_sql("DELETE FROM kombu_queue")
            engine.dispose()

    def heal(self) -> None:
        """Whoever uses the queue has to make it again."""
