"""What a task is called with, where it is sent to, and what becomes of it when brokers fail."""

from __future__ import annotations

import json

import amqp
import pytest
from attrs import evolve

import celery_shop
from asyncevents_celery.config import CeleryApp, CeleryConfig, read_target
from asyncevents_celery.plugin import CelerySinkType
from asyncevents_core.errors import InvalidTarget
from asyncevents_core.plugin import TraceContext
from asyncevents_core.testing import deliver, make_request, opened
from task_queues import TaskQueue, arguments_of, headers_of, make_config
from tests.services.silence import before

KIND = CelerySinkType()
DELIVERED = "delivered"


@pytest.fixture
async def sink(config):
    async with opened(KIND, config) as sink:
        yield sink


@pytest.fixture
def asked(config, queue):
    def asked(task="shop.tasks.index", *, app="shop", data=None, **options):
        return make_request(
            sink_type=KIND,
            config=config,
            target=f"celery://{app}/{task}",
            data={"id": 7, "lines": [1]} if data is None else data,
            options={"queue": queue.name, **options},
        )

    return asked


async def test_the_members_of_the_data_are_named_arguments(sink, asked, queue):
    request = asked()
    outcome = await deliver(sink, request)
    assert outcome.kind == DELIVERED, outcome
    (message,) = queue.wait_for(1)
    assert arguments_of(message) == ([], {"id": 7, "lines": [1]})
    headers = headers_of(message)
    assert headers["task"] == "shop.tasks.index"
    assert headers["id"] == headers["root_id"] == str(request.delivery_id)
    assert headers["asyncevents-event"] == str(request.event_id)
    assert headers["ignore_result"] is True
    assert message.properties["delivery_mode"] == 2
    assert str(request.delivery_id) in outcome.detail


async def test_the_whole_event(sink, asked, queue):
    request = asked(arguments="event", data=[1, 2])
    assert (await deliver(sink, request)).kind == DELIVERED
    assert (await deliver(sink, asked(arguments="text"))).kind == DELIVERED
    event, text = queue.wait_for(2)
    assert arguments_of(event) == ([json.loads(request.body)], {})
    ((as_text,), named) = arguments_of(text)
    assert json.loads(as_text)["data"] == {"id": 7, "lines": [1]}
    assert named == {}


async def test_where_it_belongs_in_a_trace(sink, asked, queue):
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    request = evolve(asked(), trace_context=TraceContext(traceparent=parent))
    assert (await deliver(sink, request)).kind == DELIVERED
    (message,) = queue.wait_for(1)
    assert headers_of(message)["traceparent"] == parent


async def test_routes_and_decorators_count(sink, config, rabbitmq):
    target = "celery://shop/shop.tasks.routed"
    request = make_request(sink_type=KIND, config=config, target=target, data={"id": 1})
    assert (await deliver(sink, request)).kind == DELIVERED
    (message,) = TaskQueue(rabbitmq.port, name="of-the-task").wait_for(1)
    assert headers_of(message)["timelimit"] == [30, None]


async def test_a_subscription_says_another_queue(sink, asked, queue):
    assert (await deliver(sink, asked("shop.tasks.routed"))).kind == DELIVERED
    assert len(queue.wait_for(1)) == 1


async def test_a_queue_that_was_removed_is_noticed(sink, asked, queue, rabbitmq):
    assert (await deliver(sink, asked())).kind == DELIVERED
    connection = amqp.Connection(f"127.0.0.1:{rabbitmq.port}")
    connection.connect()
    connection.channel().queue_delete(queue.name)
    connection.close()
    # It was declared on this connection: RabbitMQ alone knows that it is gone.
    outcome = await deliver(sink, asked())
    assert outcome.detail.startswith("unknown target: no queue takes the message")
    # The next connection declares it again.
    assert (await deliver(sink, asked())).kind == DELIVERED
    assert len(queue.wait_for(1)) == 1


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("celery_shop:broken", "no_such_module"),
        ("celery_shop:nothing", "celery_shop:nothing is no Celery application: object"),
        ("celery_shop:no_such_name", "no_such_name"),
        ("no_such_package:app", "no_such_package"),
    ],
)
async def test_an_application_that_is_not_there_is_tried_again(apps, where, said):
    config = make_config(shop={"app": where, "tasks": ["*"]})
    async with opened(KIND, config) as sink:
        for _ in range(2):
            request = make_request(sink_type=KIND, config=config, target="celery://shop/x")
            outcome = await deliver(sink, request)
            assert outcome.kind == "retryable"
            assert said in outcome.detail


async def test_a_broker_that_was_away(sink, asked, queue, rabbitmq):
    assert (await deliver(sink, asked())).kind == DELIVERED
    rabbitmq.stop()
    assert (await deliver(sink, asked())).kind == "retryable"
    rabbitmq.start()
    # The connections of before are gone: nothing of them is used.
    assert (await deliver(sink, asked())).kind == DELIVERED
    assert len(queue.wait_for(2)) == 2


async def test_no_confirm_is_no_delivery(config, queue, rabbitmq, monkeypatch):
    config = evolve(config, timeout=2.0)
    with before(rabbitmq.port) as proxy:
        url = f"amqp://guest:guest@127.0.0.1:{proxy.port}//"
        monkeypatch.setitem(celery_shop.absent.conf, "broker_url", url)
        request = make_request(
            sink_type=KIND,
            config=config,
            target="celery://absent/shop.tasks.index",
            data={"id": 1},
            options={"queue": queue.name},
        )
        async with opened(KIND, config) as sink:
            assert (await deliver(sink, request)).kind == DELIVERED
            proxy.hush()
            outcome = await deliver(sink, request)
            assert outcome.timed_out, outcome
            assert outcome.detail == "timed out: no confirm of the broker within 2 s"


async def test_redis(start_server, config, monkeypatch):
    pytest.importorskip("redis")
    import redis

    server = start_server("Redis")
    celery_shop.redis.conf.broker_url = server.url
    request = make_request(
        sink_type=KIND,
        config=config,
        target="celery://redis/shop.tasks.index",
        data={"id": 1},
        options={"queue": "of-redis"},
    )
    async with opened(KIND, config) as sink:
        outcome = await deliver(sink, request)
        assert outcome.kind == DELIVERED, outcome
        client = redis.Redis(port=server.port)
        (text,) = client.lrange("of-redis", 0, -1)
        client.delete("of-redis")
        client.close()
        assert json.loads(text)["headers"]["id"] == str(request.delivery_id)
        server.pause()
        try:
            assert (await deliver(sink, request, deadline=1.0)).timed_out
        finally:
            server.resume()


def read(text, *tasks):
    return read_target(text, CeleryConfig(apps={"shop": CeleryApp(app="shop:app", tasks=tasks)}))


def test_which_tasks_are_allowed():
    assert read("celery://shop/shop.tasks.index", "shop.tasks.*").task == "shop.tasks.index"
    assert read("celery://shop/index", "index").where == "shop:app"
    for refused in ("shop.tasks", "xshop.tasks.index", "celery.backend_cleanup"):
        with pytest.raises(InvalidTarget, match="add it if it is meant"):
            read(f"celery://shop/{refused}", "shop.tasks.*")
    with pytest.raises(InvalidTarget, match="it has: shop"):
        read("celery://other/index", "index")


@pytest.mark.parametrize(
    "wrong",
    [
        {"app": "shop", "tasks": ["*"]},
        {"app": "shop:app()", "tasks": ["*"]},
        {"app": "shop:app", "tasks": ["*.index"]},
        {"app": "shop:app", "tasks": [""]},
    ],
)
def test_a_mistake_in_the_settings(wrong):
    with pytest.raises(ValueError, match="write"):
        CeleryApp(**wrong)


def test_privileges():
    config = CeleryConfig(apps={"shop": CeleryApp(app="shop:app", tasks=["*"])})
    options = CelerySinkType.options_class
    target = "celery://shop/shop.tasks.index"
    assert KIND.privileges(options(), target, config) == ("task:shop/shop.tasks.index",)
    assert KIND.privileges(options(queue="slow"), target, config) == (
        "task:shop/shop.tasks.index", "queue:shop/slow",
    )  # fmt: skip
