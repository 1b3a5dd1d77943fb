"""asyncevents: application events, delivered asynchronously and reliably.

The names below are the public API, with those of `asyncevents_core.search`, `.testing` and `.web`
that docs/reference names; everything else may change without notice. They are imported on first
use, so that ``import asyncevents_core`` stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncevents_core.application import AsyncEvents
    from asyncevents_core.domain.access import Actor
    from asyncevents_core.domain.delivery import DeliveryState
    from asyncevents_core.domain.event import EventDefinition
    from asyncevents_core.domain.marked import event
    from asyncevents_core.domain.outcome import Failure, Outcome, OutcomeKind
    from asyncevents_core.domain.secret import private_key, receiver_secret, symmetric_key
    from asyncevents_core.domain.subscription import NewSubscription, RetryPolicy, Subscription
    from asyncevents_core.domain.trace import Trace
    from asyncevents_core.engine.publish import PublishRequest
    from asyncevents_core.errors import (
        AsyncEventsError,
        BrokerError,
        BrokerUnavailable,
        IndexUnavailable,
        InvalidOptions,
        InvalidQuery,
        InvalidSecret,
        InvalidTarget,
        SearchTimeout,
        ServiceArguments,
        ServiceNotFound,
    )
    from asyncevents_core.hookspecs import hookimpl
    from asyncevents_core.ports.broker import BrokerConfig, Consumer, HandOff
    from asyncevents_core.ports.indexer import (
        AttemptDocument,
        Found,
        Indexer,
        IndexerType,
        Rebuild,
        Rejected,
    )
    from asyncevents_core.ports.resolver import (
        BuildService,
        Service,
        ServiceResolver,
        ServiceResolverType,
    )
    from asyncevents_core.ports.retry import RetryManager, RetryManagerType, ScheduledRetry
    from asyncevents_core.ports.sink import (
        SECRET,
        BatchingSink,
        BatchLimits,
        BlockingSink,
        DeliveryRequest,
        NoOptions,
        Sink,
        SinkType,
    )
    from asyncevents_core.settings import Settings

_HOMES = {
    "Actor": "domain.access",
    "AsyncEvents": "application",
    "AsyncEventsError": "errors",
    "AttemptDocument": "ports.indexer",
    "BatchingSink": "ports.sink",
    "BatchLimits": "ports.sink",
    "BlockingSink": "ports.sink",
    "BrokerConfig": "ports.broker",
    "BrokerError": "errors",
    "BrokerUnavailable": "errors",
    "BuildService": "ports.resolver",
    "Consumer": "ports.broker",
    "DeliveryRequest": "ports.sink",
    "DeliveryState": "domain.delivery",
    "event": "domain.marked",
    "EventDefinition": "domain.event",
    "Failure": "domain.outcome",
    "Found": "ports.indexer",
    "HandOff": "ports.broker",
    "hookimpl": "hookspecs",
    "Indexer": "ports.indexer",
    "IndexerType": "ports.indexer",
    "IndexUnavailable": "errors",
    "InvalidOptions": "errors",
    "InvalidQuery": "errors",
    "InvalidSecret": "errors",
    "InvalidTarget": "errors",
    "NewSubscription": "domain.subscription",
    "NoOptions": "ports.sink",
    "Outcome": "domain.outcome",
    "OutcomeKind": "domain.outcome",
    "private_key": "domain.secret",
    "PublishRequest": "engine.publish",
    "Rebuild": "ports.indexer",
    "receiver_secret": "domain.secret",
    "Rejected": "ports.indexer",
    "RetryManager": "ports.retry",
    "RetryManagerType": "ports.retry",
    "RetryPolicy": "domain.subscription",
    "ScheduledRetry": "ports.retry",
    "SearchTimeout": "errors",
    "SECRET": "ports.sink",
    "Service": "ports.resolver",
    "ServiceArguments": "errors",
    "ServiceNotFound": "errors",
    "ServiceResolver": "ports.resolver",
    "ServiceResolverType": "ports.resolver",
    "Settings": "settings",
    "Sink": "ports.sink",
    "SinkType": "ports.sink",
    "Subscription": "domain.subscription",
    "symmetric_key": "domain.secret",
    "Trace": "domain.trace",
}

__all__ = [
    "Actor",
    "AsyncEvents",
    "AsyncEventsError",
    "AttemptDocument",
    "BatchingSink",
    "BatchLimits",
    "BlockingSink",
    "BrokerConfig",
    "BrokerError",
    "BrokerUnavailable",
    "BuildService",
    "Consumer",
    "DeliveryRequest",
    "DeliveryState",
    "event",
    "EventDefinition",
    "Failure",
    "Found",
    "HandOff",
    "hookimpl",
    "Indexer",
    "IndexerType",
    "IndexUnavailable",
    "InvalidOptions",
    "InvalidQuery",
    "InvalidSecret",
    "InvalidTarget",
    "NewSubscription",
    "NoOptions",
    "Outcome",
    "OutcomeKind",
    "private_key",
    "PublishRequest",
    "Rebuild",
    "receiver_secret",
    "Rejected",
    "RetryManager",
    "RetryManagerType",
    "RetryPolicy",
    "ScheduledRetry",
    "SearchTimeout",
    "SECRET",
    "Service",
    "ServiceArguments",
    "ServiceNotFound",
    "ServiceResolver",
    "ServiceResolverType",
    "Settings",
    "Sink",
    "SinkType",
    "Subscription",
    "symmetric_key",
    "Trace",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'asyncevents_core' has no attribute {name!r}")
    return getattr(import_module(f"asyncevents_core.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
