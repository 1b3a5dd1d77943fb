"""Fixtures: versions that are installed once, and a site on PostgreSQL and RabbitMQ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from tests.integration.inbox import Inbox, open_inbox
from tests.upgrading.site import Site
from tests.upgrading.versions import BEFORE_PATTERNS, Version, installed, next_version, sources_of

SECRET = "a-secret-of-24-bytes-or-more"


@pytest.fixture(scope="session")
def older(tmp_path_factory: pytest.TempPathFactory) -> Version:
    """Return a version from before the newest migration."""
    folder = tmp_path_factory.mktemp("older")
    return installed(sources_of(BEFORE_PATTERNS, folder / "sources"), folder)


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Version:
    """Return a version to come."""
    return next_version(tmp_path_factory.mktemp("newer"))


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """Listen; a quarter of all deliveries fail at first, so that retries meet both versions."""
    with open_inbox(
        secrets=[SECRET], fails=lambda uuid, attempt: attempt == 1 and uuid[-1] in "0123"
    ) as inbox:
        yield inbox


@pytest.fixture
def site(tmp_path: Path, start_server: Callable[[str], Any]) -> Iterator[Site]:
    broker = start_server("RabbitMq")
    broker.clear()
    found = Site(
        folder=tmp_path,
        settings={
            "LEDGER_URL": start_server("PostgreSql").new_database(),
            "BROKER_URL": broker.url,
            "SECRET_KEYS": [Fernet.generate_key().decode()],
            "SINKS": {"http": {"allow": ["127.0.0.0/8"]}},
            "EVENTS": {"order.created": {}},
            "EVENT_MODULES": ["shop"],
            "INDEXER": None,
            # A busy machine needs more than usual, and kills nobody for it.
            "SHUTDOWN_GRACE": 150,
        },
    )
    yield found
    found.end()
