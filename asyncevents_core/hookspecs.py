"""Every hook that a plugin may implement.

A plugin is a distribution with one entry point in the group ``asyncevents`` that names a
module (or object) of hook implementations::

    [project.entry-points.asyncevents]
    my-sinks = "my_package.plugin"

    # my_package/plugin.py
    from asyncevents_core.plugin import hookimpl

    @hookimpl
    def asyncevents_register_sinks():
        return [FileSinkType()]

Hooks of one application need no distribution: the setting PLUGINS names their modules.

Each ``asyncevents_register_…`` hook returns a list of objects; their names are unique over all
plugins: two of the same name fail both, and nothing else. They are called once, when an
application, a worker or a command starts, for each plugin alone: those with ``tryfirst`` first,
then as plugins were loaded, those with ``trylast`` last; wrappers are around each of these calls.
The others say when they are called.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING

import pluggy

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.ports.indexer import AnyIndexerType
from asyncevents_core.ports.observer import Observer
from asyncevents_core.ports.resolver import ServiceResolverType
from asyncevents_core.ports.retry import RetryManagerType
from asyncevents_core.ports.retry_policy import RetryPolicyType
from asyncevents_core.ports.sink import AnySinkType

if TYPE_CHECKING:
    import click

PROJECT = "asyncevents"
"""Name of the pluggy project and of the entry-point group."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of the same name."""


@hookspec
def asyncevents_register_sinks() -> Sequence[AnySinkType]:
    """Return sink types: ways to deliver. A subscription names one, SINKS configures it."""
    raise AssertionError("a specification is never called")


@hookspec
def asyncevents_register_service_resolvers() -> Sequence[ServiceResolverType]:
    """Return service resolver types. SERVICE_RESOLVER names the one in use."""
    raise AssertionError("a specification is never called")


@hookspec
def asyncevents_register_retry_managers() -> Sequence[RetryManagerType]:
    """Return retry manager types. RETRY_MANAGER names the one in use."""
    raise AssertionError("a specification is never called")


@hookspec
def asyncevents_register_retry_policies() -> Sequence[RetryPolicyType]:
    """Return retry policies: when to try again. RETRY_POLICY names the one in use."""
    raise AssertionError("a specification is never called")


@hookspec
def asyncevents_register_indexers() -> Sequence[AnyIndexerType]:
    """Return indexer types. INDEXER names the one in use."""
    raise AssertionError("a specification is never called")


@hookspec
def asyncevents_register_observers() -> Sequence[Observer]:
    """Return observers of what happens in a process: metrics, alerts and the like.

    Each is told on a thread of its own, with a queue of its own: none holds up a delivery, or
    another observer.
    """
    raise AssertionError("a specification is never called")


@hookspec
def asyncevents_register_events() -> Sequence[EventDefinition]:
    """Return event definitions that this distribution brings along."""
    raise AssertionError("a specification is never called")


@hookspec
def asyncevents_register_commands() -> Sequence[click.Command]:
    """Return click commands that appear under ``asyncevents``. Called by the command line only.

    The settings module that the user chose with ``--settings`` is
    ``click.get_current_context().find_root().params["settings_module"]``, None for the
    environment's; pass it to `AsyncEvents`.
    """
    raise AssertionError("a specification is never called")


@hookspec(firstresult=True)
def asyncevents_build_service(cls: type) -> object | None:
    """Return an instance of a service's class, made by the application's container.

    `cls` is the class named by an event's ``service``. Return None to leave it to others;
    without any result the class is called without arguments.
    """


@hookspec
def asyncevents_prepare_process() -> None:
    """Prepare a process that asyncevents has to itself, before it imports events and services.

    Called once in each worker process, each process for services, and each command that needs
    the application, on the main thread unless a worker runs on another. The place for
    ``django.setup()``, error reporting and the like. It is not called in an application that only
    publishes: that has prepared itself. What it raises ends the process, or the command.
    """
    raise AssertionError("a specification is never called")


@hookspec
def asyncevents_preload() -> Sequence[str]:
    """Return modules that worker processes import before they are forked, to share their memory.

    For modules of this distribution and of libraries that a delivering worker needs. They are
    imported in an order of their own, before the settings module: they start no threads, open no
    connections, and keep nothing of the process (its id, its environment) when they are imported.
    Called once, when a worker with several processes starts.
    """
    raise AssertionError("a specification is never called")


@hookspec
def asyncevents_around_service(
    definition: EventDefinition, is_async: bool
) -> AbstractContextManager[object] | AbstractAsyncContextManager[object] | None:
    """Return a context manager that is entered around one call of the service, or None.

    The place for an application's context, a scope of a container, or care for connections.
    It is entered and left where the service runs: on the thread of a blocking service, in the task
    of an async one (`is_async`), which may have asynchronous context managers too. Those of
    several plugins are in each other, the first plugin's outermost. The time in them is the
    service's; what they raise is a failure of the service. They let its exceptions through.
    """
    raise AssertionError("a specification is never called")
