"""`python -m tests.stalls`: make `build/stalls.md`, a table, and `build/drills.md`, each stall.

What was seen of each kind is kept in `build/stalls`, so that a few can be seen again by `--only`.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.crash import servers
from tests.stalls.calm import Calm, stay_calm
from tests.stalls.kinds import KINDS
from tests.stalls.observing import observe
from tests.stalls.runbook import Runbook
from tests.stalls.stall import Observed, Stall
from tests.stalls.table import BUILD, sections, store, stored, table

PAIRS = (("RabbitMQ", "PostgreSQL"), ("Redis", "MariaDB"), ("SQL", "SQLite"))


def main() -> int:
    """Return the exit code: 1 if anything was neither healed nor named, or raised an alarm."""
    parser = argparse.ArgumentParser(prog="python -m tests.stalls", description=__doc__)
    parser.add_argument("--only", default="", help="kinds whose name this is found in")
    parser.add_argument("--side-by-side", type=int, default=2, help="how many at a time")
    parser.add_argument(
        "--false-alarms", type=float, metavar="MINUTES", help="load without a fault instead"
    )
    wanted = parser.parse_args()
    # As on Ctrl-C: what runs ends in order, with its servers.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if wanted.false_alarms is not None:
        return _without_faults(wanted.false_alarms)
    stalls = [stall for stall in (kind() for kind in KINDS) if re.search(wanted.only, stall.name)]
    here = [stall for stall in stalls if _can_be_had(stall)]
    with ThreadPoolExecutor(wanted.side_by_side) as threads:
        try:
            rows = [row for row in threads.map(_observed, here) if row is not None]
        except KeyboardInterrupt:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    kept = [row for row in map(stored, (kind() for kind in KINDS)) if row is not None]
    text = table(kept)
    print(text)
    (BUILD / "stalls.md").write_text(text + "\n")
    (BUILD / "drills.md").write_text(sections(kept, Runbook()) + "\n")
    return 0 if len(rows) == len(stalls) and all(one.kept for one in rows) else 1


def _observed(stall: Stall) -> Observed | None:
    try:
        row = observe(stall)
    except Exception as error:
        print(f"{stall.name} ({stall.on}) could not be made: {error!r}", flush=True)
        return None
    print(row, flush=True)
    store(row)
    return row


def _can_be_had(stall: Stall) -> bool:
    for name in (stall.broker, stall.ledger):
        kind = servers.KINDS.get(name)
        if kind is not None and not kind.needs.present:
            print(f"{stall.name} is left out: {kind.needs.advice}")
            return False
    return True


def _without_faults(minutes: float) -> int:
    with ThreadPoolExecutor(len(PAIRS)) as threads:
        found: list[Calm] = list(threads.map(lambda pair: stay_calm(*pair, minutes), PAIRS))
    for one in found:
        said = "; ".join(one.alarms) or "no alarm"
        print(f"{one.on}: {one.minutes:g} minutes, {one.deliveries:,} requests: {said}")
    return 1 if any(one.alarms for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
