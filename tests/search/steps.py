"""What the tests of searching do again and again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from attrs import evolve

from asyncevents_core.domain.delivery import Claim
from asyncevents_core.testing.builders import make_attempt, make_event, make_subscription
from tests.conformance import ledger_base as make
from tests.integration.project import run_here

WAIT = 180.0
"""Seconds that commands and workers get: far more than they need on a busy machine."""


def attempts(ledger, count, *, body=b'{"specversion": "1.0", "data": {}}', **attempt):
    """Make so many deliveries with one attempt each, queued for the index."""
    number = make.subscribe(ledger, make_subscription())
    events = make.publish(ledger, *[make_event(name="order.created") for _ in range(count)])
    rows = [evolve(make.waiting(subscription_id=number), event_id=one) for one in events]
    ids = make.insert(ledger, *rows)

    def write(tx):
        tx.events.store_bodies(dict.fromkeys(events, body))
        tx.outcomes.record([make_attempt(delivery_id=one, **attempt) for one in ids])
        tx.index.queue([Claim(id=one, claim_no=1) for one in ids])

    ledger.run(write)


def asyncevents(*arguments):
    """Run a command of `asyncevents` to its end; only workers get a process of their own."""
    environment = {**os.environ, "ASYNCEVENTS_SETTINGS_MODULE": "search_settings"}
    if arguments[0] != "worker":
        return run_here(Path.cwd(), arguments, environment={**environment, "COLUMNS": "80"})
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
