"""Rules of the state machine, each broken on purpose: in the model, and in the code."""

from __future__ import annotations

from typing import Final

from attrs import frozen

from tests.model import worlds
from tests.model.checking import Check

_CORE: Final = (
    "tests/unit/test_delivery_leases.py tests/unit/test_claims.py tests/unit/test_claim_state.py "
    "tests/unit/test_lanes.py tests/unit/test_rounds.py tests/unit/test_retries.py "
    "tests/conformance/test_ledgers.py::TestSqliteLedger"
)
_POSTGRESQL: Final = "tests/conformance/test_ledgers.py::TestPostgreSqlLedger"
_SESSIONS: Final = "tests/integration/test_sessions.py -k PostgreSql"


@frozen(kw_only=True)
class Mutant:
    """A rule that is broken. In the model it has a `number`, and `check` finds it.

    In the code, `old` in `file` becomes `new`, and one of `tests` fails.
    """

    words: str
    number: int
    check: Check
    file: str
    old: str
    new: str
    tests: str = _CORE


MUTANTS: Final = (
    Mutant(
        words="a hand-off that is lost is not made up for",
        number=1,
        check=worlds.KILLED,
        file="engine/delivering/round.py",
        old="if (limit := min(wanted.sweep, plan.free)) > 0:",
        new="if (limit := 0) > 0:",
    ),
    Mutant(
        words="`abandoned` replaces an outcome",
        number=2,
        check=worlds.ROUGH,
        file="adapters/sqlalchemy/outcomes.py",
        old="((abandoned, None), ",
        new="((abandoned, Upsert(key=_OVER_ABANDONED.key, changes=_OVER_ABANDONED.changes)), ",
    ),
    Mutant(
        words="an event that is fanned out is fanned out again",
        number=3,
        check=worlds.ROUGH,
        file="adapters/sqlalchemy/events.py",
        old="event.c.state == EventState.OPEN.value, event.c.parked",
        new="event.c.state != EventState.FAILED.value, event.c.parked",
    ),
    Mutant(
        words="a locked row is waited for",
        number=4,
        check=worlds.OTHERS_GO_ON,
        file="adapters/sqlalchemy/dialects.py",
        old="statement.with_for_update(skip_locked=True)",
        new="statement.with_for_update()",
        tests=_POSTGRESQL,
    ),
    Mutant(
        words="a subscription may be enabled while a delivery is being held",
        number=5,
        check=worlds.SWITCHED,
        file="adapters/sqlalchemy/dialects.py",
        old="statement.with_for_update(read=True)",
        new="statement",
        tests=_POSTGRESQL,
    ),
    Mutant(
        words="an abandoned attempt is not recorded",
        number=6,
        check=worlds.RECORDED,
        file="engine/delivering/due.py",
        old="    record_abandoned(tx, claimant, abandoned, now)\n",
        new="",
    ),
    Mutant(
        words="an abandoned attempt counts as a death",
        number=7,
        check=worlds.ROUGH,
        file="adapters/sqlalchemy/deliveries.py",
        old='"abandonments": delivery.c.abandonments + int(abandoned),',
        new='"abandonments": delivery.c.abandonments + int(abandoned), '
        '"deaths": delivery.c.deaths + int(abandoned),',
    ),
    Mutant(
        words="claims are not counted",
        number=8,
        check=worlds.ROUGH,
        file="adapters/sqlalchemy/deliveries.py",
        old='"claims": delivery.c.claims + int(claimed)',
        new='"claims": delivery.c.claims',
    ),
    Mutant(
        words="held deliveries are not released",
        number=9,
        check=worlds.SWITCHED,
        file="engine/delivering/round.py",
        old="    if wanted.release:",
        new="    if wanted.release and not wanted.release:",
    ),
    Mutant(
        words="held deliveries that others have locked are forgotten",
        number=10,
        check=worlds.SWITCHED,
        file="engine/delivering/recovery.py",
        old="if not tx.deliveries.has_held(subscription_id):",
        new="if True:",
        tests=_POSTGRESQL,
    ),
    Mutant(
        words="a late success revives a cancelled delivery",
        number=11,
        check=worlds.DELETED,
        file="adapters/sqlalchemy/outcomes.py",
        old="final = [DeliveryState.DELIVERED.value, DeliveryState.CANCELLED.value]",
        new="final = [DeliveryState.DELIVERED.value]",
    ),
    Mutant(
        words="a late success is lost",
        number=12,
        check=worlds.ROUGH,
        file="adapters/sqlalchemy/outcomes.py",
        old="return [] if done == len(ids) else self._take_from_others(ids, owner)",
        new="return []",
    ),
    Mutant(
        words="a late success hides the attempt of who has the lease now",
        number=13,
        check=worlds.RECORDED,
        file="engine/delivering/outcomes.py",
        old="            if taken:\n",
        new="            if taken and False:\n",
    ),
    Mutant(
        words="a late failure is booked",
        number=14,
        check=worlds.ROUGH,
        file="adapters/sqlalchemy/outcomes.py",
        old='"abandonments": 0,\n                },\n                *_fence(owner, claim_no),',
        new='"abandonments": 0,\n                },',
    ),
    Mutant(
        words="leases do not run out",
        number=15,
        check=worlds.KILLED,
        file="engine/delivering/due.py",
        old="tx.deliveries.lock_due(since=look.begin(), limit=limit, expired=expired)",
        new="tx.deliveries.lock_due(since=look.begin(), limit=limit, expired=False)",
    ),
    Mutant(
        words="a frozen worker keeps its session",
        number=16,
        check=worlds.FROZEN,
        file="adapters/sqlalchemy/sessions.py",
        old='"idle_in_transaction_session_timeout": limits.idle',
        new='"idle_in_transaction_session_timeout": None',
        tests=_SESSIONS,
    ),
    Mutant(
        words="a suspect event is resolved beside others",
        number=1,
        check=worlds.JUSTICE,
        file="engine/delivering/events.py",
        old="suspect = _abandonments(event) >= ALONE_FROM",
        new="suspect = False",
    ),
    Mutant(
        words="a suspect event starts while others run",
        number=2,
        check=worlds.JUSTICE,
        file="worker/claim_state.py",
        old="self._suspects_turn(seen) and not self.resolving",
        new="self._suspects_turn(seen)",
    ),
    Mutant(
        words="others start beside a suspect event",
        number=3,
        check=worlds.JUSTICE,
        file="worker/claim_state.py",
        old="return not (self.alone or alone or self._suspects_turn(seen))",
        new="return not (self.alone or self._suspects_turn(seen))",
    ),
    Mutant(
        words="deliveries are blamed for the event that their worker died of",
        number=4,
        check=worlds.JUSTICE,
        file="engine/delivering/abandoned.py",
        old="excused = tx.events.resolving_again(owners) if owners else set()",
        new="excused: set[UUID] = set()",
    ),
    Mutant(
        words="the event is taken before the deliveries beside it",
        number=5,
        check=worlds.JUSTICE,
        file="engine/delivering/events.py",
        old="if not again or event.owner is None or excuse_deliveries(tx, claimant, event.owner):",
        new="if True:",
    ),
    Mutant(
        words="abandonments of events are not counted",
        number=6,
        check=worlds.JUSTICE,
        file="engine/delivering/events.py",
        old="abandoned = event.state is EventState.RESOLVING",
        new="abandoned = False",
    ),
)
