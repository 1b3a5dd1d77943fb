"""Pages offer only links that lead somewhere for whoever reads them: all of them are followed."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from asyncevents_core.domain.access import ALL, Resource
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.engine.replaying.jobs import count_job, start_job
from tests.web.serving import OPERATOR, Api, serving
from tests.web.shelves import ICON

LINK = re.compile(r'(?:href|hx-get)="(/admin[^"#]*)"')
MOST = 300


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server with something on each page, and pages of it with each kind of link."""
    with serving(tmp_path_factory.mktemp("links")) as made:
        number = made.subscribe()
        made.deliver(number, attempts=2)
        made.deliver(number, state=DeliveryState.DEAD)
        made.fail()
        wanted, total = count_job(made.ledger, DeadFilter())
        start_job(made.ledger, wanted, total=total, rate=1.0, by=OPERATOR)
        made.token("view")
        made.index()
        yield made


@pytest.mark.parametrize(
    "resources",
    [(str(one),) for one in Resource] + [(ALL,), ("view", "get"), ("logs", "view")],
    ids="-".join,
)
@pytest.mark.parametrize("tenant", [None, "acme"])
def test_every_link_leads_somewhere(api, resources, tenant):
    visitor = api.visitor(*resources, tenant=tenant)
    waiting = ["/admin/", *sent_by_others(api, set(resources), tenant)]
    found: dict[str, int] = {}
    while waiting:
        link = waiting.pop()
        # One of each kind: pages of a list differ in their query alone.
        kind = re.sub(r"[0-9a-f-]{36}|\d+", "#", urlsplit(link).path), "columns" in link
        if kind in found:
            continue
        answer = visitor.browser.get(f"{api.address}{link}", follow_redirects=True)
        found[kind] = answer.status_code
        assert len(found) < MOST
        if answer.headers.get("content-type", "").startswith("text/html"):
            waiting += map(html.unescape, LINK.findall(answer.text))
    # Without any of these nothing is in the navigation, and there is no first page.
    nothing = {"get", "save", "create", "publish", "logs.trace"} >= set(resources)
    refused = {kind for kind, status in found.items() if status == 403}
    assert refused == ({("/admin/", False)} if nothing else set())
    assert set(found.values()) <= {200, 403}


def sent_by_others(api: Api, resources: set[str], tenant: str | None) -> Iterator[str]:
    """Return links to pages that are not in the navigation."""
    everything = resources & {"manage", ALL}
    if everything or resources & {"logs", "logs.list"}:
        columns = ("uuid", "subscription_id", "event_id")
        yield "/admin/logs?" + "&".join(f"columns={one}" for one in columns)
        for state in ("waiting", "held"):
            yield f"/admin/deliveries?state={state}"
    if everything or "create" in resources:
        yield "/admin/subscriptions/new"
    number = api.subscribe(tenant=tenant)
    if everything or "get" in resources:
        yield f"/admin/subscriptions/{number}"
    if everything or resources & {"logs", "logs.trace"}:
        yield f"/admin/traces/{api.deliver(number, tenant=tenant)}"


def test_a_sink_has_an_icon(api):
    visitor = api.visitor("view")
    own = visitor.get("/sinks/shelf/icon.svg")
    assert own.headers["content-type"].startswith("image/svg+xml")
    assert own.text == ICON
    for name in ("http", "nothing", "<script>"):
        common = visitor.get(f"/sinks/{name}/icon.svg")
        assert common.status_code == 200
        assert common.text.startswith("<svg")
        assert "script-src 'self'" in common.headers["content-security-policy"]
