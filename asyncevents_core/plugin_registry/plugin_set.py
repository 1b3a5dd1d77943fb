"""All that the installed plugins offer."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING

from attrs import frozen

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.errors import PluginError
from asyncevents_core.plugin_registry.hooks import NOT_OURS, Hooks, named_when_slow
from asyncevents_core.plugin_registry.registry import PluginProblem, Registered, Registry
from asyncevents_core.ports.indexer import AnyIndexerType
from asyncevents_core.ports.observer import Observer
from asyncevents_core.ports.resolver import ServiceResolverType
from asyncevents_core.ports.retry import RetryManagerType
from asyncevents_core.ports.retry_policy import RetryPolicyType
from asyncevents_core.ports.sink import AnySinkType

if TYPE_CHECKING:
    import click

logger = logging.getLogger("asyncevents.plugins")


@frozen(kw_only=True)
class PluginSet:
    """All that the installed plugins offer. Thread-safe."""

    sinks: Registry[AnySinkType]
    service_resolvers: Registry[ServiceResolverType]
    retry_managers: Registry[RetryManagerType]
    retry_policies: Registry[RetryPolicyType]
    indexers: Registry[AnyIndexerType]
    observers: tuple[Registered[Observer], ...]
    events: tuple[Registered[EventDefinition], ...]
    commands: Registry[click.Command]
    problems: tuple[PluginProblem, ...]
    _hooks: Hooks

    def build_service(self, cls: type) -> object:
        """Make an instance of a service's class: the first plugin that does, else ``cls()``."""
        built = self._hooks.hook.asyncevents_build_service(cls=cls)
        return cls() if built is None else built

    def prepare_process(self) -> None:
        """Call `asyncevents_prepare_process` of each plugin, in order.

        Raises `PluginError` where one raises, with its cause.
        """
        for source, prepare in self._hooks.calls("asyncevents_prepare_process"):
            try:
                named_when_slow(f"{source}: asyncevents_prepare_process still runs", prepare)
            except NOT_OURS:
                raise
            except BaseException as error:
                raise PluginError(
                    f"{source}: asyncevents_prepare_process failed: {error!r}"
                ) from error

    def preloaded(self) -> Sequence[str]:
        """Return what plugins have imported before worker processes are forked, in order.

        A plugin whose hook fails is left out, and named in the log: its modules are not shared.
        """
        names: list[str] = []
        for source, preload in self._hooks.calls("asyncevents_preload"):
            try:
                for found in named_when_slow(f"{source}: asyncevents_preload still runs", preload):
                    names += [str(one) for one in found]
            except NOT_OURS:
                raise
            except BaseException as error:
                logger.warning(
                    "asyncevents_preload failed",
                    extra={"plugin": str(source), "error": repr(error)},
                )
        return names

    @property
    def surrounds_services(self) -> bool:
        """Whether any plugin puts something around the calls of services."""
        return bool(self._hooks.hook.asyncevents_around_service.get_hookimpls())

    def around_service(
        self, definition: EventDefinition, *, is_async: bool
    ) -> Sequence[AbstractContextManager[object] | AbstractAsyncContextManager[object]]:
        """Return what plugins put around a call of a service, the outermost first."""
        found: list[AbstractContextManager[object] | AbstractAsyncContextManager[object]] = (
            self._hooks.hook.asyncevents_around_service(definition=definition, is_async=is_async)
        )
        # pluggy begins with the last one that was registered.
        return found[::-1]
