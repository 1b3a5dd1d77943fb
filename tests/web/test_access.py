"""Who may use which route: a table that every route must be in."""

from __future__ import annotations

import httpx
import pytest
from litestar.routes import HTTPRoute

from asyncevents_core.domain.access import ALL, Resource
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.instant import uuid7
from tests.web.serving import TARGET, Api

LOGS = {"logs", "manage", ALL}
FRESH = {"asyncEvent": {"event_name": "order.created", "recipient_url": TARGET}}
EDIT = {"asyncEvent": {"status": True}}
CHANGE = {"status": "enabled"}
EVENT = {"event_name": "order.created", "data": {"id": 42}}
REPLAY = {"event_name": "nothing"}

# method, path: who may, what is sent, the status then, and that of the same request by a token
# that is bound to another tenant ("own": it sees only its own, of which there is nothing).
TABLE: dict[tuple[str, str], tuple[set[str], object, int, int | str]] = {
    ("POST", "/async_event"): ({"create", "manage", ALL}, FRESH, 200, 200),
    ("GET", "/async_events"): ({"view", "manage", ALL}, None, 200, "own"),
    ("GET", "/async_event/{subscription_id:int}"): ({"get", "manage", ALL}, None, 200, 404),
    ("PUT", "/async_event/{subscription_id:int}"): ({"create", "manage", ALL}, EDIT, 200, 404),
    ("PATCH", "/async_event/{subscription_id:int}"): ({"create", "manage", ALL}, CHANGE, 200, 404),
    ("DELETE", "/async_event/{subscription_id:int}"): ({"create", "manage", ALL}, None, 204, 404),
    ("GET", "/async_event/{subscription_id:int}/details"): (
        {"get", "manage", ALL},
        None,
        200,
        404,
    ),
    ("POST", "/async_event/{subscription_id:int}/test"): ({"save", "manage", ALL}, {}, 202, 404),
    ("POST", "/async_event/{subscription_id:int}/rotate_secret"): (
        {"create", "manage", ALL},
        {},
        200,
        404,
    ),
    ("DELETE", "/async_event/{subscription_id:int}/older_secrets"): (
        {"create", "manage", ALL},
        None,
        204,
        404,
    ),
    ("POST", "/async_events/try_filter"): (
        {"manage", ALL},
        {"event_name": "order.created", "filter": "data.a:1"},
        200,
        200,
    ),
    ("POST", "/async_events/status"): (
        {"save", "manage", ALL},
        {"subscription_ids": [1], "status": "enabled"},
        200,
        404,
    ),
    ("GET", "/event_definitions"): ({"view", "manage", ALL}, None, 200, 200),
    ("GET", "/event_definitions/asyncapi.json"): ({"view", "manage", ALL}, None, 200, 200),
    ("GET", "/event_definitions/openapi.json"): ({"view", "manage", ALL}, None, 200, 200),
    ("GET", "/event_definitions/json-schema.json"): ({"view", "manage", ALL}, None, 200, 200),
    ("GET", "/sinks"): ({"view", "manage", ALL}, None, 200, 200),
    ("POST", "/events"): ({"publish", "manage", ALL}, EVENT, 202, 202),
    ("GET", "/events"): (LOGS | {"logs.list"}, None, 200, "own"),
    ("GET", "/events/{event_id:uuid}"): (LOGS | {"logs.trace"}, None, 200, 404),
    ("GET", "/logs"): (LOGS | {"logs.list"}, None, 200, "own"),
    ("GET", "/logs/export"): (LOGS | {"logs.list"}, None, 200, 200),
    ("GET", "/dead_letters"): (LOGS | {"logs.list"}, None, 200, "own"),
    ("GET", "/traces/{identifier:uuid}"): (LOGS | {"logs.trace"}, None, 200, 404),
    ("POST", "/traces/{identifier:uuid}/replay"): (LOGS | {"logs.replay"}, None, 202, 404),
    ("POST", "/replays/count"): (LOGS | {"logs.replay"}, REPLAY, 200, 200),
    ("POST", "/replays"): (LOGS | {"logs.replay"}, REPLAY, 202, 202),
    ("GET", "/replays"): (LOGS | {"logs.replay"}, None, 200, "own"),
    ("GET", "/replays/{job_id:uuid}"): (LOGS | {"logs.replay"}, None, 200, 404),
    ("DELETE", "/replays/{job_id:uuid}"): (LOGS | {"logs.replay"}, None, 200, 404),
    ("GET", "/configuration"): ({"manage", ALL}, None, 200, 403),
    ("PATCH", "/configuration"): ({"manage", ALL}, {}, 200, 403),
    ("GET", "/status"): ({"manage", ALL}, None, 200, 403),
    ("GET", "/audit"): ({"manage", ALL}, None, 200, 200),
    ("GET", "/tokens"): ({"manage", ALL}, None, 200, 403),
    ("DELETE", "/tokens/{token_id:uuid}"): ({"manage", ALL}, None, 204, 403),
}
PUBLIC = {
    ("GET", "/health"),
    ("HEAD", "/health"),
    ("GET", "/livez"),
    ("HEAD", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/rest/V1/async_event/{subscription_id}/jwks.json"),
}
RESOURCES = [*map(str, Resource), ALL, "sales"]


def routes(api: Api) -> set[tuple[str, str]]:
    found = set()
    for route in api.app.routes:
        assert isinstance(route, HTTPRoute)
        for handler in route.route_handlers:
            methods = handler.http_methods - {"OPTIONS"}
            found |= {(method, route.path_format) for method in methods}
    elsewhere = ("/rest/docs", "/admin")
    return {one for one in found if not one[1].startswith(elsewhere) and one[1] != "/"}


def test_every_route_is_in_the_table(api):
    table = {(method, "/rest/V1" + path.replace(":int", "").replace(":uuid", ""))
             for method, path in TABLE}  # fmt: skip
    assert routes(api) == table | PUBLIC


def test_the_door_for_agents_is_a_route_more(serve):
    """Each of its methods and tools asks for a resource: tests/web/mcp."""
    without, api = routes(serve()), serve(WEB_MCP=True)
    assert routes(api) - without == {("POST", "/mcp")}
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert api.client().post(f"{api.address}/mcp", json=ping).status_code == 401
    assert api.client("get").post(f"{api.address}/mcp", json=ping).status_code == 200


class Case:
    """What the routes are about: a subscription, its delivery, a replay, a token."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.number = api.subscribe()
        self.delivery = api.deliver(self.number)
        trace = api.ledger.read(lambda view: view.traces.of_delivery(self.delivery))
        self.event = trace.event.id
        self.token = api.token("view").split("_")[1]
        with api.client(ALL) as operator:
            started = operator.post("/replays", json=REPLAY)
            assert started.status_code == 202, started.text
            self.job = started.json()["uuid"]

    def ask(self, client: httpx.Client, method: str, path: str, body: object) -> httpx.Response:
        url = (
            path.replace("{subscription_id:int}", str(self.number))
            .replace("{identifier:uuid}", str(self.delivery))
            .replace("{event_id:uuid}", str(self.event))
            .replace("{job_id:uuid}", str(self.job))
            .replace("{token_id:uuid}", str(self.token))
        )
        return client.request(method, url, json=body)


@pytest.fixture
def case(api):
    return Case(api)


@pytest.mark.parametrize(("method", "path"), TABLE)
def test_access(case, method, path):
    allowed, body, status, other = TABLE[method, path]
    anonymous = case.ask(case.api.client(), method, path, body)
    assert anonymous.status_code == 401
    assert anonymous.headers["www-authenticate"].startswith("Bearer")
    for resource in RESOURCES:
        if resource not in allowed:
            refused = case.ask(case.api.client(resource), method, path, body)
            assert refused.status_code == 403, (resource, refused.text)
            assert refused.headers["content-type"] == "application/problem+json"
    bound = case.ask(case.api.client(ALL, tenant="other"), method, path, body)
    if other == "own":
        assert bound.status_code == 200
        assert not bound.json()["items"]
    else:
        assert bound.status_code == other, bound.text
    for resource in sorted(allowed):
        fresh = Case(case.api)
        answer = fresh.ask(case.api.client(resource), method, path, body)
        assert answer.status_code == status, (resource, answer.text)


# -- tokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer nonsense",
        "Basic eDp5",
        f"Bearer aet_{uuid7().hex}_{'x' * 43}",
    ],
    ids=["nothing", "no token", "nonsense", "another scheme", "unknown"],
)
def test_what_is_no_token(api, header):
    headers = {"Authorization": header}
    with httpx.Client(base_url=api.address, headers=headers, timeout=60) as client:
        refused = client.get("/rest/V1/async_events")
    assert refused.status_code == 401
    assert refused.json()["status"] == 401


def test_a_token_with_another_secret(api):
    token = api.token("view")
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    answer = httpx.get(
        f"{api.address}/rest/V1/async_events",
        headers={"Authorization": f"Bearer {changed}"},
        timeout=60,
    )
    assert answer.status_code == 401


def test_a_token_expires(api):
    client = httpx.Client(
        base_url=f"{api.address}/rest/V1",
        headers={"Authorization": f"Bearer {api.token('view', days=1e-9)}"},
        timeout=60,
    )
    with client:
        assert client.get("/async_events").status_code == 401


def test_a_token_is_revoked_at_once(api):
    client, operator = api.client("view"), api.client("manage")
    assert client.get("/async_events").status_code == 200
    found = {one["name"]: one for one in operator.get("/tokens").json()["items"]}
    assert found["view"]["used_at"] is not None
    assert operator.delete(f"/tokens/{found['view']['id']}").status_code == 204
    assert client.get("/async_events").status_code == 401
    assert operator.delete(f"/tokens/{found['view']['id']}").status_code == 404


def test_tokens_are_hashed(api, tmp_path):
    secret = api.token("view").split("_", 2)[-1]
    raw = b"".join(one.read_bytes() for one in tmp_path.glob("ledger.db*"))
    assert secret.encode() not in raw
    assert "digest" not in api.client("manage").get("/tokens").text


# -- the resources of events ------------------------------------------------------------------

SECRET = {"event_name": "order.secret", "recipient_url": TARGET}


def test_all_resources_of_an_event_are_needed(api):
    for resources in (["create"], ["create", "sales"], ["manage"], ["manage", "finance"]):
        refused = api.client(*resources).post("/async_event", json={"asyncEvent": SECRET})
        assert refused.status_code == 403
        assert "order.secret" in refused.json()["message"]
    for resources in (["create", "sales", "finance"], [ALL]):
        made = api.client(*resources).post("/async_event", json={"asyncEvent": SECRET})
        assert made.status_code == 200, made.text


def test_who_changes_a_subscription_needs_them_too(api):
    number = api.subscribe("order.secret")
    plain = api.subscribe()
    client = api.client("manage", "sales")
    to_secret = {"asyncEvent": {"event_name": "order.secret", "status": True}}
    away = {"event_name": "order.created"}
    for answer in (
        client.put(f"/async_event/{number}", json={"asyncEvent": {"status": False}}),
        client.put(f"/async_event/{plain}", json=to_secret),
        client.patch(f"/async_event/{number}", json=away),
        client.delete(f"/async_event/{number}"),
        client.post(
            "/async_events/status", json={"subscription_ids": [number], "status": "disabled"}
        ),
        client.post(f"/async_event/{number}/test", json={}),
    ):
        assert answer.status_code == 403, answer.text
        assert "finance" in answer.json()["message"]
    assert not client.get("/events").json()["items"]
    assert [one.event_name for one in api.events.subscriptions()] == [
        "order.secret",
        "order.created",
    ]


# -- tenants ----------------------------------------------------------------------------------


def test_a_bound_token_sees_and_makes_its_tenants(api):
    mine, theirs, everybodys = (api.subscribe(tenant=one) for one in ("7", "8", None))
    client = api.client("manage", tenant="7")
    body = {"asyncEvent": {"event_name": "order.created", "recipient_url": TARGET}}
    made = client.post("/async_event", json=body).json()
    assert made["store_id"] == 7
    seen = [one["subscription_id"] for one in client.get("/async_events").json()["items"]]
    assert seen == [mine, made["subscription_id"]]
    for other in (theirs, everybodys):
        assert client.get(f"/async_event/{other}").status_code == 404
        assert client.delete(f"/async_event/{other}").status_code == 404
    both = {"subscription_ids": [mine, theirs], "status": "disabled"}
    assert client.post("/async_events/status", json=both).status_code == 404
    assert all(one.status == "enabled" for one in api.events.subscriptions())


@pytest.mark.parametrize("fields", [{"store_id": 8}, {"store_id": 0}, {"tenant": "8"}])
def test_a_bound_token_makes_nothing_for_others(api, fields):
    client = api.client("manage", tenant="7")
    body = {"asyncEvent": {"event_name": "order.created", "recipient_url": TARGET, **fields}}
    assert client.post("/async_event", json=body).status_code == 403
    number = api.subscribe(tenant="7")
    moved = client.put(f"/async_event/{number}", json={"asyncEvent": {"status": True, **fields}})
    assert moved.status_code == 403
    assert client.patch(f"/async_event/{number}", json={"tenant": "8"}).status_code == 403
    assert client.patch(f"/async_event/{number}", json={"tenant": None}).status_code == 403
    assert [one.tenant for one in api.events.subscriptions()] == ["7"]


def test_a_bound_token_sees_its_tenants_deliveries(api):
    mine, theirs = api.subscribe(tenant="7"), api.subscribe()
    seen = api.deliver(mine, state=DeliveryState.DEAD)
    hidden = api.deliver(theirs, state=DeliveryState.DEAD)
    client = api.client("manage", tenant="7")
    assert [one["uuid"] for one in client.get("/logs").json()["items"]] == [str(seen)]
    assert [one["uuid"] for one in client.get("/dead_letters").json()["items"]] == [str(seen)]
    assert str(hidden) not in client.get("/logs/export").text
    assert client.get(f"/traces/{seen}").status_code == 200
    assert client.get(f"/traces/{hidden}").status_code == 404
    assert client.post(f"/traces/{hidden}/replay").status_code == 404
    assert client.post("/replays/count", json={}).json() == {"count": 1, "exact": True}
    assert client.post("/replays/count", json={"tenant": "8"}).status_code == 403
