"""Publishes one event at a time at a steady rate, as a process of an application would.

Arguments: events a second, how many, name of the event. It waits for a line on its standard
input before it begins, and prints the seconds that each `publish()` took, as JSON.
"""

from __future__ import annotations

import json
import sys
import time

from asyncevents_core import AsyncEvents

_FILLER = "x" * 220


def main(rate: float, count: int, name: str) -> None:
    """Publish. An event carries when it should have been published, and when it was."""
    with AsyncEvents() as events:
        events.publish(name, {"at": time.monotonic(), "due": time.monotonic(), "text": _FILLER})
        sys.stdin.readline()
        begun = time.monotonic()
        took = []
        for number in range(count):
            due = begun + number / rate
            time.sleep(max(0.0, due - time.monotonic()))
            at = time.monotonic()
            events.publish(name, {"at": at, "due": due, "text": _FILLER})
            took.append(time.monotonic() - at)
        seconds = time.monotonic() - begun
    print(json.dumps({"rate": count / seconds, "took": took}))


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
