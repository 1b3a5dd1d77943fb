"""The watchdog of a worker: it names what stands still, and ends a process that cannot go on."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Hashable, Sequence
from typing import Final

from attrs import define, frozen

from asyncevents_core.engine.delivering.services import ServiceCaller
from asyncevents_core.engine.delivering.sinks import SinkRack
from asyncevents_core.engine.shared.progress import LoopProgress, Progress
from asyncevents_core.ports.ledger.options import ANSWER_LATER, LedgerOptions
from asyncevents_core.worker.deliverer import Deliverer
from asyncevents_core.worker.exits import exit_stuck, log_in_time
from asyncevents_core.worker.vitals import Vitals

logger = logging.getLogger("asyncevents.worker.watchdog")

LOOK_EVERY: Final = 0.25
LATE: Final = 1.0
"""Seconds by which a look may come late; after more of them everybody gets fresh time."""
_TELL_OF_STANDSTILL: Final = 5.0
BLOCKED_AFTER: Final = 0.75
"""Seconds without a step after which a loop is blocked: with the looks, it is named in one."""
HELPERS_HAVE: Final = 300.0
"""Seconds beyond WATCHDOG for what deliveries do not wait for: an index, a clean-up, a broker."""
_DEBUGGERS: Final = ("/pdb.py", "/bdb.py", "/pydevd", "/debugpy/")


@frozen(kw_only=True)
class Watch:
    """One thing to look at: after how long it is named, and after how long the process ends.

    Without what is `vital`, nothing is delivered.
    """

    progress: Progress
    named_after: float
    limit: float
    vital: bool = False


@frozen(kw_only=True)
class Limits:
    """The seconds that parts of a worker may take for one step."""

    loop: float
    """The event loop, which waits for nothing."""
    ledger: float
    """What waits for one transaction, as long as LEDGER_OPTIONS let it."""
    helper: float
    """What nothing waits for."""

    @classmethod
    def of(cls, watchdog: float, options: LedgerOptions) -> Limits:
        """Return the limits for the setting WATCHDOG."""
        # A connection becomes free, or one is made; then a statement fails, and once more.
        once = options.connect_timeout + options.statement_timeout + ANSWER_LATER
        ledger = watchdog + options.pool_timeout + once
        helpers = max(HELPERS_HAVE, options.cleanup_statement_timeout)
        return cls(loop=watchdog, ledger=ledger, helper=ledger + helpers)


@define
class _Seen:
    """What was seen of a part so far."""

    watch: Watch
    position: Hashable = None
    silent: float = 0.0
    named: bool = False
    """It is in the log that it stands still; when it goes on, that will be, too."""
    given_up: bool = False
    by: str | None = None
    """The sink that blocks the loop."""

    @property
    def stalled(self) -> bool:
        """Whether others should take over."""
        return self.watch.vital and self.silent >= self.watch.limit / 2


class Watchdog:
    """Looks four times a second, on a thread of its own.

    A standstill is counted in looks that came in time: where the whole process, or its machine,
    stood still, or had no processor, nobody in it is to blame. With `exits` the process ends with
    `EXIT_STUCK` where a part is beyond its limit; else the log says so, and signs of life end.
    `sink_limit` is that of sinks' own loops, in seconds.
    """

    def __init__(
        self,
        watches: Sequence[Watch],
        *,
        vitals: Vitals,
        deliverer: Deliverer,
        services: ServiceCaller,
        sinks: SinkRack,
        sink_limit: float,
        exits: bool,
    ) -> None:
        self._parts = [_Seen(watch=one) for one in watches]
        self._vitals = vitals
        self._deliverer = deliverer
        self._services = services
        self._sinks = sinks
        self._sink_limit = sink_limit
        self._exits = exits
        self._looked_at: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more. Does not wait."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_EVERY):
            self.look(time.monotonic())

    def look(self, now: float) -> None:
        """Look at every part, at `now` (monotonic seconds)."""
        before, self._looked_at = self._looked_at, now
        since = LOOK_EVERY if before is None else now - before
        late = since > LOOK_EVERY + LATE
        if since > _TELL_OF_STANDSTILL:
            _log(
                logging.WARNING,
                "this process stood still: frozen, on a suspended machine, or in native code",
                {"seconds": round(since, 1)},
            )
        self._watch_new_loops()
        for part in self._parts:
            position = part.watch.progress.position
            if late or position != part.position or not part.watch.progress.busy:
                part.position = position
                self._goes_on(part)
            else:
                part.silent += min(since, 2 * LOOK_EVERY)
                self._stands_still(part)
        self._vitals.stalled = any(part.stalled for part in self._parts)
        self._vitals.trouble = "; ".join(self._troubles()) or None

    def _goes_on(self, part: _Seen) -> None:
        if part.named:
            _log(
                logging.WARNING,
                f"{part.watch.progress.name} goes on",
                {"stood_still": round(part.silent, 1), **_by(part)},
            )
        part.silent, part.named, part.given_up, part.by = 0.0, False, False, None

    def _stands_still(self, part: _Seen) -> None:
        watch = part.watch
        name = watch.progress.name
        beyond = part.silent >= watch.limit and not part.given_up
        if not beyond and (part.named or part.silent < watch.named_after):
            return
        if not part.named and isinstance(watch.progress, LoopProgress):
            part.by = self._blame(watch.progress)
        stack = watch.progress.stack()
        told = {"seconds": round(part.silent, 1), **_by(part), "stack": stack or "has ended"}
        if stack is not None and _is_debugged(stack):
            if not part.named:
                _log(logging.WARNING, f"{name} is in a debugger", told)
            # As long as somebody looks at it, it is theirs.
            part.named, part.silent = True, min(part.silent, watch.limit / 2)
        elif beyond:
            part.named = part.given_up = True
            _log(logging.ERROR, f"{name} hangs{'; exiting' if self._exits else ''}", told)
            if self._exits:
                exit_stuck()
        else:
            part.named = True
            _log(logging.WARNING, f"{name} stands still", told)

    def _blame(self, progress: LoopProgress) -> str | None:
        """Find out which sink keeps a loop from others; on the worker's, it gets one of its own."""
        for one in self._sinks.loops:
            if one.progress is progress:
                # It has not learned to behave.
                self._sinks.set_apart(one.name)
                return one.name
        sink = self._deliverer.blame(progress.task)
        if sink is not None and self._sinks.set_apart(sink):
            _log(
                logging.WARNING,
                "a sink blocks the event loop, which all deliveries share: it gets one of its own. "
                f"SINKS[{sink!r}]['isolate'] = 'loop' gives it one from the beginning",
                {"sink": sink},
            )
        return sink

    def _watch_new_loops(self) -> None:
        known = {id(part.watch.progress) for part in self._parts}
        self._parts += [
            _Seen(
                watch=Watch(
                    progress=one.progress, named_after=BLOCKED_AFTER, limit=self._sink_limit
                )
            )
            for one in self._sinks.loops
            if id(one.progress) not in known
        ]

    def _troubles(self) -> list[str]:
        found = [
            f"{part.watch.progress.name} stands still for {part.silent:.0f} s"
            + (f" in the sink {part.by!r}" if part.by else "")
            for part in self._parts
            if part.named
        ]
        found += [
            f"the sink {name!r} blocked the event loop and has one of its own"
            for name in self._sinks.apart
        ]
        if left := self._deliverer.left_alone:
            found.append(f"{left} attempts go on although they were cancelled")
        found += [
            f"{one.stuck} attempts go on in the sink {one.name!r} although their time is over"
            for one in self._sinks.loops
            if one.stuck
        ]
        for stuck, threads, what in (
            (self._services.stuck, self._services.threads, "services"),
            *((one.stuck, one.threads, f"the sink {one.name!r}") for one in self._sinks.threaded),
        ):
            if stuck:
                found.append(f"{stuck} of {threads} threads hang in {what}")
        return found


def _by(part: _Seen) -> dict[str, object]:
    return {} if part.by is None else {"sink": part.by}


def _is_debugged(stack: str) -> bool:
    """Tell whether somebody looks at a thread with a debugger, and has stopped it there."""
    return "pydevd" in sys.modules or any(one in stack for one in _DEBUGGERS)


def _log(level: int, message: str, fields: dict[str, object]) -> None:
    log_in_time(logger, level, message, fields)
