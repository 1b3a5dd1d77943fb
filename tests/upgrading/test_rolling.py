"""Workers of two versions beside one ledger, while events are published."""

from __future__ import annotations

import json
from collections import Counter

import pytest
import sqlalchemy as sa

from asyncevents_core.adapters.sqlalchemy.migrating import REVISION
from tests.integration.inbox import Inbox
from tests.integration.project import eventually
from tests.upgrading.conftest import SECRET
from tests.upgrading.site import Site
from tests.upgrading.versions import Version, promised, this_version

OFTEN = 12
"""Changes of subscriptions: a session prepares what it runs more often than five times."""


@pytest.mark.history
def test_workers_of_an_older_version_go_on_while_new_ones_take_over(
    site: Site, inbox: Inbox, older: Version
) -> None:
    this = this_version()
    site.run(older, "db", "upgrade")
    subscribe(site, older, inbox)
    old = [site.worker(older, name="old") for _ in range(2)]
    with site.publishing(older, name="old-publisher"):
        arrives(inbox)

        assert REVISION in site.run(this, "db", "upgrade")

        arrives(inbox)
        # This one cannot know the schema: its successors can, see below.
        refused = site.run(older, "worker", code=1)
        assert f"the ledger's schema is {REVISION}" in refused
        new = site.worker(this, "--processes", "2", name="new")
        arrives(inbox)
        for worker in old:
            worker.stop()
        arrives(inbox)
    with site.publishing(this, name="new-publisher"):
        arrives(inbox)
    all_arrive(site, this, inbox)
    new.stop()
    nobody_complains(site)


def test_the_next_version_can_come_and_go_beside_this_one(
    site: Site, inbox: Inbox, newer: Version
) -> None:
    """Its schema serves this version, which may be started beside it, and again after it."""
    this = this_version()
    site.run(this, "db", "upgrade")
    subscribe(site, this, inbox)
    first = site.worker(this, name="this")
    with site.publishing(this, name="this-publisher"):
        arrives(inbox)
        change_subscriptions(site)
        arrives(inbox)

        assert promised(REVISION) in site.run(newer, "db", "upgrade")

        change_subscriptions(site)
        arrives(inbox)
        # As after a crash, or where a machine is added in the middle of it.
        again = site.worker(this, name="this-again")
        new = site.worker(newer, name="new")
        eventually(lambda: new.said("worker started"), what="the new worker started")
        eventually(lambda: again.said("worker started"), what="the old worker started again")
        first.stop()
        arrives(inbox)
        with site.publishing(newer, name="new-publisher"):
            arrives(inbox)

        # And back, without touching the ledger: what the new version wrote is there.
        assert promised(REVISION) in site.run(this, "db", "upgrade")
        back = site.worker(this, name="this-back")
        eventually(lambda: back.said("worker started"), what="the old worker is back")
        new.stop()
        again.stop()
        arrives(inbox)
    all_arrive(site, this, inbox)
    assert_warned_of_the_schema(site, this)
    back.stop()
    nobody_complains(site)


def subscribe(site: Site, version: Version, inbox: Inbox) -> None:
    for event in ("order.created", "order.paid"):
        site.run(version, "subscribe", event, inbox.url, "--secret", SECRET)


def arrives(inbox: Inbox, *, more: int = 60) -> None:
    """Wait until some more have arrived."""
    before = inbox.received
    eventually(lambda: inbox.received >= before + more, what=f"{more} more arrive")


def change_subscriptions(site: Site) -> None:
    """Let every worker load the subscriptions again and again."""
    engine = sa.create_engine(site.settings["LEDGER_URL"])
    for _ in range(OFTEN):
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE asyncevents_meta SET subscription_epoch = subscription_epoch + 1"
            )
            connection.exec_driver_sql(
                "UPDATE asyncevents_subscription SET epoch ="
                " (SELECT subscription_epoch FROM asyncevents_meta)"
            )
        before = len(site.ids)
        eventually(lambda before=before: len(site.ids) >= before + 12, what="more is published")
    engine.dispose()


def all_arrive(site: Site, version: Version, inbox: Inbox) -> None:
    """Every event whose publication was confirmed arrived, once, and can be verified."""
    wanted = set(site.ids)
    eventually(lambda: {one.event_id for one in inbox.accepted} >= wanted, what="all arrive")
    assert inbox.invalid == 0
    arrived = Counter(one.event_id for one in inbox.accepted)
    assert set(arrived.values()) == {1}
    status = eventually(lambda: settled(site, version), what="the ledger says so, too")
    assert status["dead_letters"] == status["events_failed"] == 0


def settled(site: Site, version: Version) -> dict[str, object] | None:
    found = json.loads(site.run(version, "status", "--json"))
    return None if found["events_open"] or found["retries_scheduled"] else dict(found)


def assert_warned_of_the_schema(site: Site, version: Version) -> None:
    rows = [json.loads(line) for line in site.run(version, "check", "--json").splitlines()]
    said = [row["detail"] for row in rows if row["what"] == "database"]
    assert any(f"schema is {promised(REVISION)}: a newer version" in one for one in said)


def nobody_complains(site: Site) -> None:
    said = [f"{one.name}: {line}" for one in site.started for line in one.complaints()]
    assert not said, "\n".join(said)
