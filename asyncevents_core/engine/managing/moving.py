"""Move subscriptions of mageos-async-events here: first a plan, then what it says, in batches.

Nothing is made twice. A subscription is there already if one for the same event, sink, target and
tenant is; where the original has several of these, as many are made. What is there is left alone.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from attrs import evolve, field, frozen

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.event import EventDefinition
from asyncevents_core.domain.idempotency import IdempotentRequest
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.original import OriginalSubscription, UnreadableRow
from asyncevents_core.domain.secret import receiver_secret
from asyncevents_core.domain.subscription import (
    NewSubscription,
    Subscription,
    SubscriptionStatus,
)
from asyncevents_core.engine.managing.subscriptions import Check, allowed, insert_audited
from asyncevents_core.engine.shared.idempotency import do_idempotently
from asyncevents_core.engine.shared.task_lease import Kept, TaskLease
from asyncevents_core.errors import (
    AsyncEventsError,
    InvalidValue,
    LedgerError,
)
from asyncevents_core.ports.ledger import Ledger, LedgerTransaction
from asyncevents_core.ports.observer import NOBODY, Observers, SubscriptionChanged
from asyncevents_core.ports.resolver import Definitions

AT_ONCE: Final = 50
"""Subscriptions in one transaction: on SQLite nobody else writes meanwhile."""
_TASK: Final = "import-mageos"
_LEASE: Final = 60.0
"""Seconds after which another process may go on where this one vanished."""
_HTTP: Final = "http"
_AS_ORIGINAL: Final[Mapping[str, Mapping[str, object]]] = {
    # The header with which its receivers verify, and the type that lets them read JSON.
    _HTTP: {"magento_signature": True, "content_type": "application/json"},
}
"""The options with which a sink delivers as the original does."""
SINKS: Final[Mapping[str, str]] = {"event_bridge": "eventbridge"}
"""What a notifier is called here, where that is something else: an older one of Aligent's."""

Progress = Callable[[int, int], None]
"""Hears how many of how many are done."""


def _nobody(done: int, total: int) -> None:
    """Nobody wants to hear it."""


_Key = tuple[str, str, str, str | None]
"""By what a subscription is known: its event, sink, target and tenant."""


class Result(enum.StrEnum):
    """What becomes of a row."""

    NEW = "new"
    """It will be made."""
    MADE = "made"
    THERE = "there"
    """It was there already."""
    WAITS = "waits"
    """Its event has to be defined first."""
    REFUSED = "refused"


@frozen(kw_only=True)
class Planned:
    """What becomes of a row of the original, and why.

    `number` is the id of the subscription there, `subscription_id` here. `wanted` is what is made;
    None: nothing. `new_secret` says that its secret is not that of the original, so that somebody
    has to tell its receiver.
    """

    where: str
    number: int | None
    result: Result
    detail: str = ""
    event_name: str = ""
    sink: str = ""
    target: str = ""
    tenant: str | None = None
    subscription_id: int | None = None
    wanted: NewSubscription | None = field(default=None, repr=False)
    subscribed_at: int | None = None
    new_secret: bool = False

    @property
    def shown_secret(self) -> str | None:
        """The receiver's form of a new secret that was kept."""
        if self.wanted is None or not self.new_secret or self.result is not Result.MADE:
            return None
        return None if self.wanted.secret is None else receiver_secret(self.wanted.secret)


def plan_move(
    ledger: Ledger,
    definitions: Definitions,
    rows: Iterable[OriginalSubscription | UnreadableRow],
    *,
    check: Check,
    by: Actor,
    coming: Iterable[EventDefinition] = (),
    sinks: Mapping[str, str] | None = None,
    new_secrets: bool = False,
    disabled: bool = False,
    progress: Progress = _nobody,
) -> Sequence[Planned]:
    """Say what becomes of each row. Nothing is written.

    `coming` are events that are about to be defined. `sinks` names the sink that takes the place of
    a notifier, for those that are called otherwise here. With `new_secrets` a token that cannot be
    decrypted is replaced, else its row is refused. `disabled`: none of them delivers yet.
    `progress` hears now and then how many of how many rows are planned. Raises `LedgerError`.
    """
    planner = _Planner(
        definitions=_WithComing(definitions, coming),
        check=check,
        by=by,
        sinks={**SINKS, **(sinks or {})},
        new_secrets=new_secrets,
        disabled=disabled,
    )
    listed = list(rows)
    there = _matches(
        [planner.key_of(one) for one in listed],
        [one.secret if isinstance(one, OriginalSubscription) else None for one in listed],
        ledger.read(lambda view: view.subscriptions.all()),
    )
    plan = []
    for place, row in enumerate(listed):
        if place % AT_ONCE == 0:
            progress(place, len(listed))
        plan.append(planner.plan(row, there.get(place)))
    return plan


def carry_out(
    ledger: Ledger,
    plan: Sequence[Planned],
    *,
    right: Kept,
    by: Actor,
    observers: Observers = NOBODY,
    committed: Callable[[Sequence[Planned]], None] = lambda made: None,
    progress: Progress = _nobody,
) -> Sequence[Planned]:
    """Make what a plan says is new, and return the plan as it is then.

    Each batch is a transaction: killed at any moment, what was committed stays, and the next plan
    finds it there. `committed` hears at once what a batch has made, `progress` how many of how many
    that are. `right` is that of `only_one`, and the plan was made under it. Raises `LedgerError`.
    """
    done = list(plan)
    todo = [place for place, one in enumerate(plan) if one.result is Result.NEW]
    for start in range(0, len(todo), AT_ONCE):
        if right.lost:
            raise LedgerError(
                "this process was so slow that another import-mageos may run: run it again"
            )
        some = todo[start : start + AT_ONCE]
        made = _make(ledger, [plan[place] for place in some], by)
        for place, number in zip(some, made, strict=True):
            one = plan[place]
            done[place] = evolve(one, result=Result.MADE, subscription_id=number)
            if one.wanted is not None:
                observers.tell(
                    SubscriptionChanged(subscription_id=number, status=one.wanted.status)
                )
        committed([done[place] for place in some])
        progress(start + len(some), len(todo))
    return done


def only_one(ledger: Ledger) -> Kept:
    """Return the right to move subscriptions, a context manager: two at once would make all twice.

    Raises `LedgerError` where another process has it.
    """
    lease = TaskLease(ledger, _TASK, seconds=_LEASE)
    if not lease.keep():
        raise LedgerError(
            "another import-mageos is running on this ledger: wait until it has ended; one that "
            f"was killed holds it for {_LEASE:g} seconds"
        )
    return Kept(lease)


def _make(ledger: Ledger, some: Sequence[Planned], by: Actor) -> Sequence[int]:
    entries = [uuid7() for _ in some]

    def make(tx: LedgerTransaction, place: int) -> str:
        one = some[place]
        if one.wanted is None:
            raise AssertionError("what is new has something that is wanted")
        number = insert_audited(
            tx,
            one.wanted,
            by=by,
            entry_id=entries[place],
            subscribed_at=one.subscribed_at,
            details={"original_id": one.number},
        )
        return str(number)

    def work(tx: LedgerTransaction) -> list[int]:
        return [
            # A key of its own for each: a commit whose fate is unknown is run again.
            int(
                do_idempotently(
                    tx,
                    IdempotentRequest.of(by.who, str(entry), b""),
                    partial(make, tx, place),
                )
            )
            for place, entry in enumerate(entries)
        ]

    return ledger.run(work)


@frozen(kw_only=True)
class _Planner:
    definitions: _WithComing
    check: Check
    by: Actor
    sinks: Mapping[str, str]
    new_secrets: bool
    disabled: bool

    def key_of(self, row: OriginalSubscription | UnreadableRow) -> _Key | None:
        """Return by what a row's subscription is known here; None: it is not read."""
        if isinstance(row, UnreadableRow):
            return None
        return (
            self.definitions.name_of(row.event_name),
            self.sinks.get(row.metadata, row.metadata),
            row.target,
            row.tenant,
        )

    def plan(
        self, row: OriginalSubscription | UnreadableRow, there: Subscription | None
    ) -> Planned:
        if isinstance(row, UnreadableRow):
            return Planned(
                where=row.where, number=row.number, result=Result.REFUSED, detail=row.reason
            )
        planned = Planned(
            where=row.where,
            number=row.number,
            result=Result.NEW,
            event_name=self.definitions.name_of(row.event_name),
            sink=self.sinks.get(row.metadata, row.metadata),
            target=row.target,
            tenant=row.tenant,
            subscribed_at=row.subscribed_at,
        )
        if there is not None:
            return evolve(
                planned,
                result=Result.THERE,
                subscription_id=there.id,
                detail=_differences(row, there),
            )
        try:
            return self._new(row, planned)
        except AsyncEventsError as error:
            return evolve(planned, result=Result.REFUSED, detail=str(error))

    def _new(self, row: OriginalSubscription, planned: Planned) -> Planned:
        enabled = row.enabled and not self.disabled
        wanted = allowed(
            self.definitions,
            NewSubscription(
                event_name=planned.event_name,
                sink=planned.sink,
                target=planned.target,
                tenant=planned.tenant,
                options=_AS_ORIGINAL.get(planned.sink, {}),
                status=SubscriptionStatus.ENABLED if enabled else SubscriptionStatus.DISABLED,
            ),
            check=self.check,
            by=self.by,
        )
        # It has a secret now where its sink signs.
        new_secret = False
        if wanted.secret is not None:
            if row.secret is not None:
                receiver_secret(row.secret)
                wanted = evolve(wanted, secret=row.secret)
            elif not self.new_secrets:
                raise InvalidValue(row.unread or "its token is not known", field="secret")
            else:
                new_secret = True
        if self.definitions.is_coming(planned.event_name):
            detail = "its event is not defined yet: name the module of it in EVENT_MODULES"
            return evolve(planned, result=Result.WAITS, detail=detail)
        detail = "with a new secret" if new_secret else ""
        return evolve(planned, wanted=wanted, new_secret=new_secret, detail=detail)


def _matches(
    keys: Sequence[_Key | None], secrets: Sequence[str | None], found: Iterable[Subscription]
) -> Mapping[int, Subscription]:
    """Return which subscription a row has become, by the row's place; each is that of one row.

    Of several with the same key, those with the same secret belong together.
    """
    by_key: dict[_Key, list[Subscription]] = defaultdict(list)
    for one in found:
        by_key[one.event_name, one.sink, one.target, one.tenant].append(one)
    matched: dict[int, Subscription] = {}
    for only_same in (True, False):
        for place, key in enumerate(keys):
            left = [] if key is None or place in matched else by_key.get(key, [])
            for one in left:
                if not only_same or one.secret == secrets[place]:
                    matched[place] = one
                    left.remove(one)
                    break
    return matched


class _WithComing(Definitions):
    """The events that are defined, and those that are about to be."""

    def __init__(self, definitions: Definitions, coming: Iterable[EventDefinition]) -> None:
        self._definitions = definitions
        self._known = frozenset(definitions.names())
        self._coming = {one.name: one for one in coming if one.name not in self._known}
        self._names = sorted({*self._known, *self._coming})

    def get(self, name: str) -> EventDefinition:
        return self._coming[name] if name in self._coming else self._definitions.get(name)

    def names(self) -> Sequence[str]:
        return self._names

    def is_coming(self, name: str) -> bool:
        return name in self._coming

    def name_of(self, name: str) -> str:
        """Return the name of the event that the original means.

        Its database finds a name in upper or lower case; its definitions are in lower case.
        """
        return name if name in self._known else name.lower()


def _differences(row: OriginalSubscription, there: Subscription) -> str:
    """Say what is not as it was; it stays so."""
    found = []
    enabled = there.status is SubscriptionStatus.ENABLED
    if enabled != row.enabled:
        found.append("enabled here, disabled there" if enabled else "disabled here, enabled there")
    if row.secret is not None and there.secret is not None and row.secret != there.secret:
        found.append("with another secret")
    return "; ".join(found)
