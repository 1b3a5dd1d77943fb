"""A real RabbitMQ, applications of Celery on it, and places where nobody answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from kombu import Queue

import celery_shop
from asyncevents_celery.config import CeleryConfig
from task_queues import TaskQueue, make_config
from tests.conftest import _servers as _servers
from tests.conftest import start_server as start_server
from tests.integration.conftest import inbox as inbox
from tests.integration.conftest import make_inbox as make_inbox
from tests.integration.conftest import make_project as make_project
from tests.services.brokers import RabbitMq
from tests.services.ports import free_port


@pytest.fixture(scope="session")
def rabbitmq(start_server) -> RabbitMq:
    return start_server("RabbitMq")


@pytest.fixture(scope="session")
def silent_port() -> Iterator[int]:
    """A port that accepts connections, and where nothing answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture(scope="session")
def apps(rabbitmq, silent_port) -> None:
    """Tell all applications where their brokers are."""
    rabbitmq.control("add_user", "tasks", "secret")
    rabbitmq.control("set_permissions", "-p", "/", "tasks", "^$", "^$", "^$")
    here = f"127.0.0.1:{rabbitmq.port}//"
    urls = {
        "shop": f"amqp://guest:guest@{here}",
        "absent": f"amqp://guest:guest@127.0.0.1:{free_port()}//",
        "silent": f"amqp://guest:guest@127.0.0.1:{silent_port}//",
        "refused": f"amqp://guest:wrong@{here}",
        "limited": f"amqp://tasks:secret@{here}",
        "strict": f"amqp://guest:guest@{here}",
        "full": f"amqp://guest:guest@{here}",
    }
    for name, url in urls.items():
        getattr(celery_shop, name).conf.broker_url = url
    celery_shop.strict.conf.task_create_missing_queues = False
    arguments = {"x-max-length": 0, "x-overflow": "reject-publish"}
    celery_shop.full.conf.task_queues = [Queue("full", queue_arguments=arguments)]
    celery_shop.full.conf.task_default_queue = "full"


@pytest.fixture
def config(apps) -> CeleryConfig:
    known = {
        name: {"app": f"celery_shop:{name}", "tasks": ["shop.tasks.*"]} for name in celery_shop.APPS
    }
    return make_config(**known)


@pytest.fixture
def queue(rabbitmq, apps) -> TaskQueue:
    return TaskQueue(rabbitmq.port)
