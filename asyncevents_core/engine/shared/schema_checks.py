"""Checks what events carry by their schemas: warns of mistakes, or refuses them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from asyncevents_core.domain.payload import from_json
from asyncevents_core.domain.plain import is_plain
from asyncevents_core.domain.schemas.mistakes import SchemaMistake, told
from asyncevents_core.errors import InvalidPayload
from asyncevents_core.ports.schema_check import SchemaCheck

logger = logging.getLogger("asyncevents.schemas")

MOST_KINDS: Final = 1_000
"""How many kinds of mistakes a process warns of."""


class SchemaChecks:
    """The checks of those events that have a schema, by name. Thread-safe.

    With `refuses` data with mistakes is refused; else each kind of mistake is logged once.
    """

    def __init__(
        self,
        checks: Mapping[str, SchemaCheck] = MappingProxyType({}),
        *,
        refuses: bool = False,
    ) -> None:
        self._checks = checks
        self._refuses = refuses
        self._lock = threading.Lock()
        self._known: set[tuple[str, str]] = set()

    def has(self, name: str) -> bool:
        """Tell whether data of this event is checked."""
        return name in self._checks

    def require(self, name: str, value: object, data: bytes) -> None:
        """Check `data`, the JSON text that `value` became.

        Raises `InvalidPayload` where it is refused; it has paths and what is wanted, no values.
        """
        check = self._checks.get(name)
        if check is None:
            return
        # What is plain already need not be read again.
        mistakes = check(value if is_plain(value) else from_json(data))
        if not mistakes:
            return
        if self._refuses:
            raise InvalidPayload(f"{name}: the data does not match its schema: {told(mistakes)}")
        for mistake in mistakes:
            self._warn(name, mistake)

    def _warn(self, name: str, mistake: SchemaMistake) -> None:
        kind = (name, mistake.rule)
        with self._lock:
            if kind in self._known or len(self._known) >= MOST_KINDS:
                return
            self._known.add(kind)
            full = len(self._known) >= MOST_KINDS
        logger.warning(
            "data does not match the schema of its event; this mistake is not told again",
            extra={"event_name": name, "mistake": str(mistake), "rule": mistake.rule},
        )
        if full:
            logger.warning("no more mistakes in data are told: there are too many kinds of them")


UNCHECKED: Final = SchemaChecks()
"""For where there is nothing to check by."""
