"""Makes events about the framework itself, as many as somebody wants and can bear."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import define, field

from asyncevents_core.domain import operational
from asyncevents_core.domain.event import NewEvent
from asyncevents_core.domain.event_pattern import read_pattern
from asyncevents_core.domain.instant import iso, to_datetime, uuid7
from asyncevents_core.domain.payload import to_json
from asyncevents_core.errors import InvalidValue
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction, LedgerView

MOST_A_MINUTE: Final = 60
"""Events of one name that a process makes; how many it left out, the next one says."""
_MINUTE: Final = 60.0


@define
class _Minute:
    begun: float
    made: int = 0
    left_out: int = 0


@define
class Operations:
    """What a process tells of itself and of its work. Belongs to one thread.

    `source` is the CloudEvents source. `refresh` says what somebody wants to hear: until then, and
    without it, nothing is made.
    """

    _source: str
    _wanted: frozenset[str] = field(default=frozenset(), init=False)
    _epoch: int | None = field(default=None, init=False)
    _minutes: dict[str, _Minute] = field(factory=dict, init=False)

    def refresh(self, ledger: Ledger) -> None:
        """Hear what is wanted now. Raises `LedgerError`."""
        ledger.read(self._read)

    def wants(self, *names: str) -> bool:
        """Tell whether somebody subscribes to one of these events."""
        return not self._wanted.isdisjoint(names)

    def tell(
        self, tx: LedgerTransaction, name: str, tenant: str | None, data: Mapping[str, object]
    ) -> None:
        """Publish an event in a transaction, if it is wanted. Workers find it within a second."""
        self.tell_all(tx, name, [(tenant, data)])

    def tell_all(
        self,
        tx: LedgerTransaction,
        name: str,
        each: Iterable[tuple[str | None, Mapping[str, object]]],
    ) -> None:
        """Publish events of one name: each is its tenant, None for everybody's, and its data."""
        if name not in self._wanted:
            return
        made = [
            self._event(name, tenant, {**data, **more}, tx.now())
            for tenant, data in each
            if (more := self._may(name)) is not None
        ]
        if made:
            tx.events.insert(made, due_in=0.0)

    def _read(self, view: LedgerView) -> None:
        epoch = view.subscriptions.epoch()
        if epoch == self._epoch:
            return
        texts = view.subscriptions.patterns_with(operational.OPERATIONAL)
        self._wanted = frozenset(_matched(texts))
        self._epoch = epoch

    def _may(self, name: str) -> Mapping[str, object] | None:
        """Return what an event of that name says besides; None where there are too many."""
        now = time.monotonic()
        minute = self._minutes.get(name)
        if minute is None or now - minute.begun >= _MINUTE:
            left_out = 0 if minute is None else minute.left_out
            minute = self._minutes[name] = _Minute(begun=now, left_out=left_out)
        if minute.made >= MOST_A_MINUTE:
            minute.left_out += 1
            return None
        minute.made += 1
        left_out, minute.left_out = minute.left_out, 0
        return {"left_out": left_out} if left_out else {}

    def _event(
        self, name: str, tenant: str | None, data: Mapping[str, object], now: int
    ) -> NewEvent:
        return NewEvent.carrying(
            to_json({**data, "at": iso(to_datetime(now))}),
            event_id=uuid7(),
            name=name,
            tenant=tenant,
            source=self._source,
            occurred_at=now,
        )


def _matched(texts: Sequence[str]) -> Iterable[str]:
    for text in texts:
        try:
            pattern = read_pattern(text)
        except InvalidValue:
            # Of another release: it gets nothing, and its index says so.
            continue
        yield from pattern.among(operational.NAMES)
