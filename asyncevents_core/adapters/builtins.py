"""What core itself brings along, registered through the same hooks as everybody's plugins."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager

from asyncevents_core.adapters import django
from asyncevents_core.adapters.elasticsearch import ElasticsearchIndexerType
from asyncevents_core.adapters.importing import ImportResolverType
from asyncevents_core.adapters.retries import LedgerRetryManagerType, RabbitMqRetryManagerType
from asyncevents_core.adapters.tantivy import EmbeddedIndexerType
from asyncevents_core.domain import operational
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.hookspecs import hookimpl
from asyncevents_core.ports.indexer import AnyIndexerType
from asyncevents_core.ports.resolver import ServiceResolverType
from asyncevents_core.ports.retry import RetryManagerType


@hookimpl
def asyncevents_register_service_resolvers() -> Sequence[ServiceResolverType]:
    """Register `import`."""
    return [ImportResolverType()]


@hookimpl
def asyncevents_register_retry_managers() -> Sequence[RetryManagerType]:
    """Register `ledger` and `rabbitmq`."""
    return [LedgerRetryManagerType(), RabbitMqRetryManagerType()]


@hookimpl
def asyncevents_register_events() -> Sequence[EventDefinition]:
    """Register the events about the framework itself."""
    return operational.DEFINITIONS


@hookimpl
def asyncevents_register_indexers() -> Sequence[AnyIndexerType]:
    """Register `embedded` and `elasticsearch`."""
    return [EmbeddedIndexerType(), ElasticsearchIndexerType()]


@hookimpl
def asyncevents_around_service(
    is_async: bool,
) -> AbstractContextManager[None] | AbstractAsyncContextManager[None] | None:
    """Take care of Django's connections."""
    return django.around_service(is_async=is_async)
