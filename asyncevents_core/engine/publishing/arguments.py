"""What `publish()` finds out about arguments: whether the event's service would take them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import cast

from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.payload import from_json
from asyncevents_core.errors import ServiceArguments
from asyncevents_core.ports.resolver import ArgumentCheck, ServiceResolverType

logger = logging.getLogger("asyncevents.publish")


class ArgumentChecks:
    """Checks arguments with those services that this process knows; the worker checks all.

    `kind` is the resolver in use, None where it is not installed here. Thread-safe.
    """

    def __init__(self, kind: ServiceResolverType | None) -> None:
        self._kind = kind
        self._known: dict[str, ArgumentCheck] = {}

    def require(self, definition: EventDefinition, data: bytes) -> None:
        """Raise `ServiceArguments` where the service would refuse `data`, a JSON object."""
        # Where two threads look at once, both find the same.
        check = self._known.get(definition.name)
        if check is None:
            check = None if self._kind is None else self._kind.argument_check(definition)
            if check is None:
                return
            self._known[definition.name] = check
        try:
            check(cast("Mapping[str, object]", from_json(data)))
        except ServiceArguments:
            raise
        except Exception as error:
            # A mistake of the check, which says nothing of the arguments. The worker tells more.
            logger.debug(
                "arguments cannot be checked before they are published",
                exc_info=error,
                extra={"event_name": definition.name, "service": definition.service},
            )
