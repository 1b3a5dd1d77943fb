"""The brokers of the tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

import kombu
import redis

from asyncevents_core.adapters.kombu.protocol import DEAD_LETTERS, INIT, QUARANTINE, RETRY, TRIGGER
from asyncevents_core.adapters.kombu.retries import LADDER
from tests.services.leash import Leash
from tests.services.needs import RABBITMQ, REDIS
from tests.services.ports import free_port
from tests.services.server import Server, program


class Redis(Server):
    """Redis without persistence: killed, it forgets everything."""

    needs = REDIS

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def command(self) -> Sequence[str]:
        return [
            program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1",
            "--dir", str(self.folder), "--save", "", "--appendonly", "no",
        ]  # fmt: skip

    def answers(self) -> None:
        client = redis.Redis(port=self.port, socket_timeout=5)
        client.ping()
        client.close()

    def clear(self) -> None:
        client = redis.Redis(port=self.port)
        client.flushall()
        client.close()


class Sentinel(Server):
    """One Sentinel, which alone decides that its master is down, by the name `mymaster`."""

    needs = REDIS
    password = "watchword"

    def __init__(self, master: Redis) -> None:
        self._master = master
        super().__init__()

    @property
    def url(self) -> str:
        return f"sentinel://127.0.0.1:{self.port}/0"

    @property
    def command(self) -> Sequence[str]:
        return [program("redis-server"), str(self.folder / "sentinel.conf"), "--sentinel"]

    def answers(self) -> None:
        self.master()

    def master(self) -> int:
        """Return the port of the Redis that writes."""
        client = redis.Redis(port=self.port, password=self.password, socket_timeout=5)
        found = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")
        client.close()
        return int(found[1])

    def replicas(self) -> int:
        """Return how many replicas it knows."""
        client = redis.Redis(port=self.port, password=self.password, socket_timeout=5)
        found = client.execute_command("SENTINEL", "REPLICAS", "mymaster")
        client.close()
        return len(found)

    def _launch(self) -> subprocess.Popen[bytes]:
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {self.folder}",
            f"requirepass {self.password}",
            f"sentinel monitor mymaster 127.0.0.1 {self._master.port} 1",
            "sentinel down-after-milliseconds mymaster 1000",
            "sentinel failover-timeout mymaster 3000",
        ]
        (self.folder / "sentinel.conf").write_text("\n".join(lines) + "\n")
        return super()._launch()


class RabbitMq(Server):
    """RabbitMQ, with a name server (epmd) of its own."""

    needs = RABBITMQ

    def __init__(self) -> None:
        self._epmd: subprocess.Popen[bytes] | None = None
        self._leash_of_epmd: Leash | None = None
        super().__init__()

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @property
    def command(self) -> Sequence[str]:
        return [program("rabbitmq-server")]

    def remove(self) -> None:
        super().remove()
        self._end_names()

    def answers(self) -> None:
        with kombu.Connection(self.url, connect_timeout=5) as connection:
            connection.connect()
            connection.channel().close()

    def clear(self, prefix: str = "") -> None:
        """Delete all queues of asyncevents whose names begin so."""
        delays = [f"event.delay.{seconds}" for seconds in LADDER]
        with kombu.Connection(self.url) as connection:
            channel = connection.channel()
            for queue in (TRIGGER, QUARANTINE, RETRY, DEAD_LETTERS, INIT, *delays):
                channel.queue_delete(prefix + queue)

    def control(self, *arguments: str) -> str:
        """Run `rabbitmqctl` and return what it prints."""
        done = subprocess.run(
            [program("rabbitmqctl"), "--quiet", *arguments],
            cwd=self.folder,
            env={**os.environ, **self._environment()},
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done.stdout

    def _launch(self) -> subprocess.Popen[bytes]:
        if self._epmd is None:
            self._epmd = subprocess.Popen(
                [program("epmd"), "-port", str(self._ports["epmd"]), "-address", "127.0.0.1"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._leash_of_epmd = Leash(self._epmd.pid)
        return super()._launch()

    def _choose_ports(self) -> None:
        super()._choose_ports()
        self._ports = {"epmd": free_port(), "dist": free_port()}

    def _choose_other_ports(self) -> None:
        self._end_names()
        super()._choose_other_ports()

    def _end_names(self) -> None:
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait(10)
            self._epmd = None
        if self._leash_of_epmd is not None:
            self._leash_of_epmd.let_go()
            self._leash_of_epmd = None

    def _environment(self) -> Mapping[str, str]:
        inside = {
            "RABBITMQ_MNESIA_BASE": "mnesia",
            "RABBITMQ_LOG_BASE": "log",
            "RABBITMQ_PID_FILE": "pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE": "plugins",
            "RABBITMQ_CONFIG_FILE": "rabbitmq",
            "RABBITMQ_GENERATED_CONFIG_DIR": "config",
        }
        return {
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"asyncevents{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._ports["dist"]),
            "ERL_EPMD_PORT": str(self._ports["epmd"]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            **{name: str(self.folder / path) for name, path in inside.items()},
        }
