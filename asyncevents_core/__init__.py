"""asyncevents: application events, delivered asynchronously and reliably.

The names below are the public API; everything else may change without notice. They are
imported on first use, so that ``import asyncevents_core`` stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncevents_core.application import AsyncEvents
    from asyncevents_core.domain.delivery import DeliveryState
    from asyncevents_core.domain.event import EventDefinition
    from asyncevents_core.domain.marked import event
    from asyncevents_core.domain.outcome import Outcome, OutcomeKind
    from asyncevents_core.domain.subscription import NewSubscription, RetryPolicy, Subscription
    from asyncevents_core.domain.trace import Trace
    from asyncevents_core.engine.publish import PublishRequest
    from asyncevents_core.errors import (
        AsyncEventsError,
        InvalidSecret,
        InvalidTarget,
        ServiceArguments,
        ServiceNotFound,
    )
    from asyncevents_core.hookspecs import hookimpl
    from asyncevents_core.ports.resolver import Service, ServiceResolver, ServiceResolverType
    from asyncevents_core.ports.retry import RetryManager, RetryManagerType, ScheduledRetry
    from asyncevents_core.ports.sink import SECRET, BlockingSink, DeliveryRequest, Sink, SinkType
    from asyncevents_core.settings import Settings

_HOMES = {
    "DeliveryState": "domain.delivery",
    "PublishRequest": "engine.publish",
    "Trace": "domain.trace",
    "RetryPolicy": "domain.subscription",
    "Subscription": "domain.subscription",
    "NewSubscription": "domain.subscription",
    "SECRET": "ports.sink",
    "ServiceNotFound": "errors",
    "ServiceArguments": "errors",
    "InvalidSecret": "errors",
    "InvalidTarget": "errors",
    "AsyncEvents": "application",
    "AsyncEventsError": "errors",
    "BlockingSink": "ports.sink",
    "DeliveryRequest": "ports.sink",
    "EventDefinition": "domain.event",
    "Outcome": "domain.outcome",
    "OutcomeKind": "domain.outcome",
    "RetryManager": "ports.retry",
    "RetryManagerType": "ports.retry",
    "ScheduledRetry": "ports.retry",
    "Service": "ports.resolver",
    "ServiceResolver": "ports.resolver",
    "ServiceResolverType": "ports.resolver",
    "Settings": "settings",
    "Sink": "ports.sink",
    "SinkType": "ports.sink",
    "event": "domain.marked",
    "hookimpl": "hookspecs",
}

__all__ = [
    "SECRET",
    "AsyncEvents",
    "AsyncEventsError",
    "BlockingSink",
    "DeliveryRequest",
    "DeliveryState",
    "EventDefinition",
    "InvalidSecret",
    "InvalidTarget",
    "NewSubscription",
    "Outcome",
    "OutcomeKind",
    "PublishRequest",
    "RetryManager",
    "RetryManagerType",
    "RetryPolicy",
    "ScheduledRetry",
    "Service",
    "ServiceArguments",
    "ServiceNotFound",
    "ServiceResolver",
    "ServiceResolverType",
    "Settings",
    "Sink",
    "SinkType",
    "Subscription",
    "Trace",
    "event",
    "hookimpl",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'asyncevents_core' has no attribute {name!r}")
    return getattr(import_module(f"asyncevents_core.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
