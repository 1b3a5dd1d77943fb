"""The crash suite: whatever is killed when, what `publish()` accepted is delivered or dead.

A short form runs with all tests; `make test-crash` runs every pair of broker and ledger with
more events and more kills, and stores the table that it prints in `build/crash-suite.md`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.integration.conftest import SECRET
from tests.integration.crash import (
    SUBSCRIBERS,
    CrashRun,
    Report,
    events_wanted,
    rounds_wanted,
    table,
)

FULL = os.environ.get("ASYNCEVENTS_CRASH_FULL") == "1"
SHORT = [("RabbitMQ", "PostgreSQL"), ("Redis", "MariaDB"), ("SQL", "SQLite")]
PAIRS = [
    (broker, ledger)
    for broker in ("RabbitMQ", "Redis", "SQL")
    for ledger in ("SQLite", "PostgreSQL", "MariaDB")
]
SERVERS = {
    "RabbitMQ": "RabbitMq",
    "Redis": "Redis",
    "PostgreSQL": "PostgreSql",
    "MariaDB": "MariaDb",
}
STORE = Path(__file__).parents[2] / "build" / "crash-suite.md"


@pytest.fixture(scope="module")
def reports():
    made: list[Report] = []
    yield made
    print("\n" + table(made))
    if FULL:
        STORE.parent.mkdir(exist_ok=True)
        STORE.write_text(table(made) + "\n")


@pytest.fixture
def servers(request, start_server):
    """The servers of a pair. The SQL broker is on the ledger's server, SQLite has none."""
    broker, ledger = request.param
    names = [name for name in (broker, ledger) if name in SERVERS]
    return {name: start_server(SERVERS[name]) for name in names}


@pytest.mark.parametrize(
    ("broker", "ledger", "servers"),
    [(*pair, pair) for pair in (PAIRS if FULL else SHORT)],
    indirect=["servers"],
    ids=["-".join(pair) for pair in (PAIRS if FULL else SHORT)],
)
def test_nothing_is_lost(broker, ledger, servers, reports, make_project, make_inbox, tmp_path):
    urls = {}
    if ledger in servers:
        urls["LEDGER_URL"] = servers[ledger].new_database()
    if broker in servers:
        servers[broker].clear()
        urls["BROKER_URL"] = servers[broker].url
    elif ledger in servers:
        urls["BROKER_URL"] = f"sqla+{servers[ledger].new_database()}"
    project = make_project(**urls)
    inboxes = {
        "healthy": make_inbox(delay=0.1),
        "flaky": make_inbox(
            delay=0.03, fails=lambda delivery, attempt: attempt == 1 and delivery[-1] < "6"
        ),
        "failing": make_inbox(delay=0.01, status=500),
    }
    for name in SUBSCRIBERS:
        target = f"{inboxes[name].url}/{name}"
        project.run("subscribe", "order.created", target, "--secret", SECRET,
                    "--max-deaths", "2", "--schedule", "0.3,0.6")  # fmt: skip
    run = CrashRun(
        project=project,
        inboxes=inboxes,
        pair=f"{broker} × {ledger}",
        events=events_wanted(),
        rounds=rounds_wanted(),
        servers=servers,
    )
    try:
        report = run.run()
    finally:
        run.close()
    reports.append(report)
    print(report)
    assert report.events >= events_wanted()
    assert sum(report.kills.values()) >= rounds_wanted()
    assert report.lost == 0
    assert report.misindexed == 0
    assert report.unrecorded == 0
    assert report.duplicates <= report.abandoned
