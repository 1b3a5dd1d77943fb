"""Applications of Celery for the tests of the sink; each test says where their brokers are."""

from __future__ import annotations

from celery import Celery

shop = Celery("shop", set_as_current=False)
absent = Celery("absent", set_as_current=False)
silent = Celery("silent", set_as_current=False)
refused = Celery("refused", set_as_current=False)
limited = Celery("limited", set_as_current=False)
strict = Celery("strict", set_as_current=False)
full = Celery("full", set_as_current=False)
redis = Celery("redis", set_as_current=False)
broken = Celery("broken", include=["no_such_module"], set_as_current=False)
nothing = object()

APPS = ("shop", "absent", "silent", "refused", "limited", "strict", "full", "redis", "broken")


shop.conf.task_routes = {"shop.tasks.routed": {"queue": "of-the-task"}}


@shop.task(name="shop.tasks.routed", time_limit=30, shared=False)
def routed(id: int) -> None:
    """Say by its decorator how it is sent."""
