"""The Celery peer's application: what an experienced team would write by hand.

A task per delivery: sign (Standard Webhooks, HMAC), POST with the process' pooled httpx
client, write a row per attempt to PostgreSQL with a pooled connection, retry with back-off.
Acknowledged late, no results, no events. Configured by environment variables, see `celery`.
"""

from __future__ import annotations

import hmac
import os
import time
from functools import cache
from typing import Any, Final

import httpx
from celery import Celery, Task
from psycopg_pool import ConnectionPool

from tests.benchmarks.peers.request import KEPT, MOST_RETRIES, TIMEOUT, signed, signing_key

QUEUE: Final = "benchmark"
TASK: Final = "deliver"

_INSERT: Final = (
    "INSERT INTO attempt (delivery_id, event_id, number, outcome, status, detail, response, "
    "target, started_at, duration) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, to_timestamp(%s), %s)"
)


def make_app(broker: str, *, prefetch: int = 4) -> Celery:
    """Return the application, tuned for many short tasks."""
    app = Celery("benchmark", broker=broker, set_as_current=False)
    app.conf.update(
        task_default_queue=QUEUE,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=prefetch,
        worker_disable_rate_limits=True,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
    )
    return app


app = make_app(
    os.environ.get("BENCHMARK_BROKER", "memory://"),
    prefetch=int(os.environ.get("BENCHMARK_PREFETCH", "4")),
)


@cache
def _client() -> httpx.Client:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    return httpx.Client(timeout=TIMEOUT, limits=limits, trust_env=False)


@cache
def _pool() -> ConnectionPool[Any]:
    return ConnectionPool(
        os.environ["BENCHMARK_DATABASE"],
        min_size=1,
        max_size=int(os.environ["BENCHMARK_CONNECTIONS"]),
        kwargs={"autocommit": True},
        open=True,
    )


@cache
def _key() -> hmac.HMAC:
    return signing_key()


@app.task(bind=True, name=TASK, max_retries=MOST_RETRIES)
def deliver(self: Task, delivery_id: str, event_id: str, name: str, target: str, data: str) -> None:
    """Make one attempt."""
    number = self.request.retries + 1
    started = time.time()
    status, response, detail = _post(delivery_id, event_id, name, target, data, started)
    delivered = status is not None and 200 <= status < 300
    row = (
        delivery_id, event_id, number, "delivered" if delivered else "failed", status, detail,
        response, target, started, time.time() - started,
    )  # fmt: skip
    with _pool().connection() as connection:
        connection.execute(_INSERT, row)
    if not delivered:
        raise self.retry(countdown=min(60, number**2))


def _post(
    delivery_id: str, event_id: str, name: str, target: str, data: str, started: float
) -> tuple[int | None, str, str]:
    body, headers = signed(
        _key(),
        source="/celery",
        delivery_id=delivery_id,
        event_id=event_id,
        name=name,
        data=data,
        now=int(started),
    )
    try:
        answer = _client().post(target, content=body, headers=headers)
    except httpx.HTTPError as error:
        return None, "", repr(error)
    return answer.status_code, answer.text[:KEPT], f"HTTP {answer.status_code}"
