"""Rates: a bucket of tokens for each subscription that has a limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Row, bindparam, select, update

from asyncevents_core.adapters.sqlalchemy.schema import rate
from asyncevents_core.adapters.sqlalchemy.statements import Noun
from asyncevents_core.ports.ledger.rates import Rates, Turns, Wish

_LOCKED: Final = Turns(count=0, wait=0.05)
_SECOND: Final = 1_000_000


class SqlRates(Noun, Rates):
    """See `Rates`."""

    def take(self, wishes: Mapping[int, Wish]) -> Mapping[int, Turns]:
        found = self._locked(wishes)
        known = self._known(set(wishes) - set(found))
        if missing := [one for one in wishes if one not in found and one not in known]:
            self._make(missing, wishes)
            found |= self._locked({one: wishes[one] for one in missing})
        turns = dict.fromkeys(wishes, _LOCKED)
        left: list[dict[str, Any]] = []
        for number, row in found.items():
            wish, tokens = wishes[number], self._filled(row, wishes[number].rate)
            count = min(wish.count, int(tokens))
            rest = tokens - count
            turns[number] = Turns(count=count, wait=max(0.0, (1.0 - rest) / wish.rate))
            left.append({"id_": number, "tokens": rest, "filled_at": self._sql.now()})
        if left:
            statement = update(rate).where(rate.c.subscription_id == bindparam("id_"))
            self._sql.execute(
                statement.values(tokens=bindparam("tokens"), filled_at=bindparam("filled_at")), left
            )
        return turns

    def _locked(self, wishes: Mapping[int, Wish]) -> dict[int, Row[Any]]:
        statement = (
            select(rate)
            .where(rate.c.subscription_id.in_(sorted(wishes)))
            .order_by(rate.c.subscription_id)
        )
        return {
            row.subscription_id: row for row in self._sql.execute(self._sql.dialect.lock(statement))
        }

    def _known(self, ids: set[int]) -> set[int]:
        """Return which of these have a row, which others have locked."""
        if not ids:
            return set()
        statement = select(rate.c.subscription_id).where(rate.c.subscription_id.in_(sorted(ids)))
        return set(self._sql.execute(statement).scalars())

    def _make(self, ids: list[int], wishes: Mapping[int, Wish]) -> None:
        """Make full buckets; whoever made one a moment before wins."""
        self._sql.insert(
            rate,
            [
                {
                    "subscription_id": number,
                    "tokens": _most(wishes[number].rate),
                    "filled_at": self._sql.now(),
                }
                for number in sorted(ids)
            ],
        )

    def _filled(self, row: Row[Any], per_second: float) -> float:
        seconds = max(0, self._sql.now() - row.filled_at) / _SECOND
        return float(min(_most(per_second), row.tokens + per_second * seconds))


def _most(per_second: float) -> float:
    return max(1.0, per_second)
