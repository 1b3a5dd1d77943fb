"""Back to an older version that the newer schema does not serve: from a backup."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import evolve

from asyncevents_core.adapters.sqlalchemy.migrating import REVISION
from tests.integration.inbox import Inbox
from tests.services.server import program
from tests.upgrading.conftest import SECRET
from tests.upgrading.site import Site
from tests.upgrading.versions import Version, this_version


@pytest.mark.history
def test_a_backup_from_before_the_upgrade_is_worked_on(
    site: Site, inbox: Inbox, older: Version, start_server: Callable[[str], Any]
) -> None:
    inbox.behave(status=200)
    site.run(older, "db", "upgrade")
    site.run(older, "subscribe", "order.created", inbox.url, "--secret", SECRET)
    before = publish(site, older)
    site.run(older, "worker", "--drain")
    waiting = publish(site, older)
    dump = site.folder / "before.dump"
    tool("pg_dump", "--format=custom", f"--file={dump}", f"--dbname={address(site)}")

    this = this_version()
    assert REVISION in site.run(this, "db", "upgrade")
    after = publish(site, this)
    site.run(this, "worker", "--drain")
    assert arrived(inbox) == [before, waiting, after]
    refused = site.run(older, "worker", "--drain", code=1)
    assert "a newer version has made it" in refused

    settings = {**site.settings, "LEDGER_URL": start_server("PostgreSql").new_database()}
    restored = evolve(site, settings=settings, started=[])
    tool("pg_restore", "--exit-on-error", f"--dbname={address(restored)}", str(dump))
    restored.run(older, "worker", "--drain")
    # What waited then is sent again, with the id by which recipients know it. What was published
    # later is not in the backup, though it arrived.
    assert arrived(inbox) == [before, waiting, after, waiting]
    last = publish(restored, older)
    restored.run(older, "worker", "--drain")
    assert arrived(inbox)[4:] == [last]


def publish(site: Site, version: Version) -> str:
    return site.run(version, "publish", "order.created", '{"id": 1}').split()[0]


def arrived(inbox: Inbox) -> list[str]:
    return [one.event_id for one in inbox.accepted]


def address(site: Site) -> str:
    """Return the database as PostgreSQL's own programs take it."""
    url = sa.make_url(site.settings["LEDGER_URL"])
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def tool(name: str, *arguments: str) -> None:
    done = subprocess.run([program(name), *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
