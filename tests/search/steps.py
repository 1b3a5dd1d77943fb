"""What the tests of searching do again and again."""

from __future__ import annotations

import os
import subprocess
import sys

from attrs import evolve

from asyncevents_core.ports.ledger import Claim
from asyncevents_core.testing.builders import make_attempt, make_event, make_subscription
from tests.conformance import ledger_base as make

WAIT = 180.0
"""Seconds that commands and workers get: far more than they need on a busy machine."""


def attempts(ledger, count, *, body=b'{"specversion": "1.0", "data": {}}', **attempt):
    """Make so many deliveries with one attempt each, queued for the index."""
    number = make.subscribe(ledger, make_subscription())
    for _ in range(count):
        (event_id,) = make.publish(ledger, make_event(name="order.created"))
        ledger.run(lambda tx, one=event_id: tx.store_bodies({one: body}))
        row = evolve(make.waiting(subscription_id=number), event_id=event_id)
        make.insert(ledger, row)
        made = make_attempt(delivery_id=row.id, **attempt)
        ledger.run(lambda tx, made=made: tx.record_attempts([made]))
        ledger.run(lambda tx, row=row: tx.queue_for_index([Claim(id=row.id, claim_no=1)]))


def asyncevents(*arguments):
    environment = {**os.environ, "ASYNCEVENTS_SETTINGS_MODULE": "search_settings"}
    command = [sys.executable, "-m", "asyncevents_core", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=WAIT, env=environment, check=False
    )


def started(*arguments, **options):
    """Start a command of `asyncevents`, and go on."""
    environment = {**os.environ, "ASYNCEVENTS_SETTINGS_MODULE": "search_settings"}
    command = [sys.executable, "-m", "asyncevents_core", *arguments]
    return subprocess.Popen(command, env=environment, **options)


def everything(search, text="*:*"):
    """Return all rows that a search finds."""
    return [row for page in search.pages(text) for row in page]
