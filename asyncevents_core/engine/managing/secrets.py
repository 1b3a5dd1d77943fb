"""Encrypt anew, with the newest key, what the ledger keeps encrypted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen

from asyncevents_core.domain.access import Actor, AuditEntry
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.ports.ledger.subscriptions import KeptSecret, KeyAge

_AT_ONCE: Final = 50
"""Subscriptions in one transaction: on SQLite nobody else writes meanwhile."""
_PAGE: Final = 1000
_PASSES: Final = 3
"""So often what is still behind is tried: others may change subscriptions meanwhile."""


@frozen(kw_only=True)
class KeysInUse:
    """The subscriptions that keep something encrypted, by id, and the keys that read it.

    There are `kept` of them, deleted ones too. `older` need another key than the first of
    SECRET_KEYS; what `missing` keep, or a part of it, is decrypted by none.
    """

    kept: int
    older: Sequence[int]
    missing: Sequence[int]


@frozen(kw_only=True)
class Rotated:
    """How many subscriptions were `renewed`, and which keys are in use now."""

    renewed: int
    now: KeysInUse


def keys_in_use(ledger: Ledger) -> KeysInUse:
    """Look which keys everything that is encrypted needs. Changes nothing."""
    kept = 0
    older: list[int] = []
    missing: list[int] = []
    page = _page(ledger, after=0)
    while page:
        kept += len(page)
        older += [one.subscription_id for one in page if one.key is KeyAge.OLDER]
        missing += [one.subscription_id for one in page if one.key is KeyAge.MISSING]
        page = _page(ledger, after=page[-1].subscription_id)
    return KeysInUse(kept=kept, older=older, missing=missing)


def rotate_secrets(
    ledger: Ledger, *, by: Actor, progress: Callable[[int, int], None] = lambda done, total: None
) -> Rotated:
    """Encrypt with the first of SECRET_KEYS what older ones encrypted; audited as done by `by`.

    `progress` hears after each transaction how many subscriptions of how many are done. It may be
    killed at any moment, and be run beside workers, changes of subscriptions and itself: what was
    done stays, a change that is made meanwhile wins. Where such a change was made with an older
    key, it is taken up in another pass. What no key decrypts is left as it is.
    """
    first = now = keys_in_use(ledger)
    for _ in range(_PASSES):
        if not now.older:
            break
        for start in range(0, len(now.older), _AT_ONCE):
            some = now.older[start : start + _AT_ONCE]
            _renew(ledger, some, by)
            progress(start + len(some), len(now.older))
        now = keys_in_use(ledger)
    renewed = set(first.older).difference(now.older, now.missing)
    return Rotated(renewed=len(renewed), now=now)


def _page(ledger: Ledger, *, after: int) -> Sequence[KeptSecret]:
    return ledger.read(lambda view: view.subscriptions.kept_secrets(after=after, limit=_PAGE))


def _renew(ledger: Ledger, ids: Sequence[int], by: Actor) -> None:
    entry_id = uuid7()

    def work(tx: LedgerTransaction) -> None:
        done = sorted(tx.subscriptions.renew_secrets(ids))
        if done:
            entry = AuditEntry(
                id=entry_id,
                who=by.who,
                action="secrets.rotate",
                subject="",
                details={"subscriptions": done},
            )
            tx.access.write_audit([entry])

    ledger.run(work)
