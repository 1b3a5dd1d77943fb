"""Who may see which page and do what there: a table that every page must be in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import pytest
from litestar.routes import HTTPRoute

from asyncevents_core.domain.access import ALL, Actor, Resource
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.replay import DeadFilter
from asyncevents_core.engine.managing.tokens import create_token
from asyncevents_core.engine.replaying.jobs import count_job, start_job
from tests.hashing import PASSWORD
from tests.web.serving import TARGET, Api, Visitor, serving

VIEW = {"view", "manage", ALL}
CREATE = {"create", "manage", ALL}
SAVE = {"save", "manage", ALL}
GET = {"get", "manage", ALL}
LOGS = {"logs", "manage", ALL}
MANAGE = {"manage", ALL}
LIST, TRACE, REPLAY = LOGS | {"logs.list"}, LOGS | {"logs.trace"}, LOGS | {"logs.replay"}

FRESH = {"event_name": "order.created", "sink": "http", "target": TARGET}
NEW_PASSWORD = {"password": PASSWORD, "again": PASSWORD}
# A name is somebody's alone, so it is another one each time.
SOMEBODY = {"name": lambda: uuid7().hex, "resource": "view", **NEW_PASSWORD}
EVERYBODY = {*map(str, Resource), ALL, "sales"}

# method, path: who may, the fields of the form, the status then, and that of the same request by
# somebody who is bound to another tenant.
TABLE: dict[tuple[str, str], tuple[set[str], dict[str, object], int, int]] = {
    ("GET", "/problems"): ({"manage", ALL}, {}, 200, 403),
    ("GET", "/password"): (EVERYBODY, {}, 200, 200),
    ("POST", "/password"): (EVERYBODY, {"new": "x"}, 422, 422),
    ("POST", "/sign-out"): (EVERYBODY, {}, 303, 303),
    ("GET", "/subscriptions"): (VIEW, {}, 200, 200),
    ("GET", "/subscriptions.csv"): (VIEW, {}, 200, 200),
    ("GET", "/subscriptions/status"): (SAVE, {}, 303, 303),
    ("POST", "/subscriptions/status"): (
        SAVE,
        {"subscription_id": "1", "action": "disable"},
        303,
        404,
    ),
    ("GET", "/subscriptions/new"): (CREATE, {}, 200, 200),
    ("POST", "/subscriptions/new"): (CREATE, FRESH, 200, 200),
    ("GET", "/subscriptions/{subscription_id:int}"): (GET, {}, 200, 404),
    ("GET", "/subscriptions/{subscription_id:int}/edit"): (CREATE, {}, 200, 404),
    ("POST", "/subscriptions/{subscription_id:int}/edit"): (CREATE, FRESH, 303, 404),
    ("POST", "/subscriptions/{subscription_id:int}/test"): (SAVE, {"data": "{}"}, 303, 404),
    ("GET", "/subscriptions/{subscription_id:int}/secret"): (CREATE, {}, 200, 404),
    ("GET", "/subscriptions/{subscription_id:int}/delete"): (CREATE, {}, 200, 404),
    ("POST", "/subscriptions/{subscription_id:int}/secret"): (CREATE, {}, 200, 404),
    ("POST", "/subscriptions/{subscription_id:int}/older-secrets"): (CREATE, {}, 303, 404),
    ("POST", "/subscriptions/{subscription_id:int}/delete"): (CREATE, {}, 303, 404),
    ("GET", "/logs"): (LIST, {}, 200, 200),
    ("GET", "/logs.csv"): (LIST, {}, 200, 200),
    ("GET", "/logs/by-time"): (LIST, {}, 200, 200),
    ("GET", "/traces/{delivery_id:uuid}"): (TRACE, {}, 200, 404),
    ("GET", "/traces/{delivery_id:uuid}/payload.json"): (TRACE, {}, 200, 404),
    ("POST", "/traces/{delivery_id:uuid}/replay"): (REPLAY, {}, 303, 404),
    ("GET", "/events"): (LIST, {}, 200, 200),
    ("GET", "/deliveries"): (LIST, {}, 200, 200),
    ("GET", "/events/{event_id:uuid}"): (TRACE, {}, 200, 404),
    ("POST", "/events/{event_id:uuid}/open"): (REPLAY, {}, 303, 404),
    ("GET", "/event-definitions"): (VIEW, {}, 200, 200),
    ("GET", "/event-definitions/{event_name:str}"): (VIEW, {}, 200, 200),
    ("GET", "/sinks/{name:str}/icon.svg"): (EVERYBODY, {}, 200, 200),
    ("GET", "/configuration"): (MANAGE, {}, 200, 403),
    ("POST", "/configuration"): (MANAGE, {"name": "MAXIMUM_DEATHS", "value": "3"}, 303, 403),
    ("GET", "/plugins"): (MANAGE, {}, 200, 403),
    ("GET", "/tokens"): (MANAGE, {}, 200, 403),
    ("POST", "/tokens"): (MANAGE, {"name": "one", "resource": "view"}, 200, 403),
    ("GET", "/tokens/hour"): (MANAGE, {}, 200, 403),
    ("POST", "/tokens/hour"): (MANAGE, {}, 200, 403),
    ("GET", "/tokens/{token_id:uuid}/revoke"): (MANAGE, {}, 200, 403),
    ("POST", "/tokens/{token_id:uuid}/revoke"): (MANAGE, {}, 303, 403),
    ("GET", "/users"): (MANAGE, {}, 200, 403),
    ("POST", "/users"): (MANAGE, SOMEBODY, 303, 403),
    ("GET", "/users/{user_id:uuid}/password"): (MANAGE, {}, 200, 403),
    ("POST", "/users/{user_id:uuid}/password"): (MANAGE, NEW_PASSWORD, 303, 403),
    ("GET", "/users/{user_id:uuid}/disable"): (MANAGE, {}, 200, 403),
    ("POST", "/users/{user_id:uuid}/disable"): (MANAGE, {}, 303, 403),
    ("GET", "/users/{user_id:uuid}/enable"): (MANAGE, {}, 200, 403),
    ("POST", "/users/{user_id:uuid}/enable"): (MANAGE, {}, 303, 403),
    ("GET", "/users/{user_id:uuid}/delete"): (MANAGE, {}, 200, 403),
    ("POST", "/users/{user_id:uuid}/delete"): (MANAGE, {}, 303, 403),
    ("GET", "/users/{user_id:uuid}/link"): (MANAGE, {}, 200, 403),
    ("POST", "/users/{user_id:uuid}/link"): (MANAGE, {}, 200, 403),
    ("GET", "/audit"): (MANAGE, {}, 200, 200),
    ("GET", "/dead-letters"): (LIST, {}, 200, 200),
    ("GET", "/replays"): (REPLAY, {}, 200, 200),
    ("GET", "/replays/{job_id:uuid}"): (REPLAY, {}, 200, 404),
    ("POST", "/replays/{job_id:uuid}/cancel"): (REPLAY, {}, 303, 404),
    ("GET", "/replays/found"): (REPLAY, {"query": "success:true"}, 200, 200),
    ("POST", "/replays/found"): (REPLAY, {"query": "success:true"}, 303, 303),
    ("GET", "/replays/dead"): (REPLAY, {}, 200, 200),
    ("POST", "/replays/dead"): (REPLAY, {}, 303, 303),
}
FIRST = {("GET", "/")}
"""For everybody who is signed in: `test_dashboard_page` says what each of them sees."""
PUBLIC = {
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("GET", "/sign-in/link/{code}"),
    ("POST", "/sign-in/link/{code}"),
    ("GET", "/sign-in/openid"),
    ("GET", "/sign-in/openid/back"),
}
SIGNED_IN = {("GET", "/")}
"""For everybody who is signed in: `test_dashboard_page` says what each of them sees."""
RESOURCES = sorted(EVERYBODY)


def pages(api: Api) -> set[tuple[str, str]]:
    found = set()
    for route in api.app.routes:
        if not isinstance(route, HTTPRoute) or not route.path_format.startswith("/admin"):
            continue
        for handler in route.route_handlers:
            methods = handler.http_methods - {"OPTIONS", "HEAD"}
            path = route.path_format.removeprefix("/admin") or "/"
            found |= {(method, path) for method in methods}
    return {one for one in found if not one[1].startswith("/static/")}


def plain(path: str) -> str:
    return path.replace(":int", "").replace(":uuid", "").replace(":str", "")


def test_every_page_is_in_the_table(api):
    table = {(method, plain(path)) for method, path in TABLE}
    public = {(method, plain(path)) for method, path in PUBLIC}
    assert pages(api) == table | public | FIRST


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for the table: what it is asked for is new each time."""
    with serving(tmp_path_factory.mktemp("pages")) as made:
        yield made


@pytest.fixture(scope="module")
def visitors(api: Api) -> Mapping[str, Visitor]:
    """Somebody for each resource, who has it alone."""
    return {one: api.visitor(one) for one in RESOURCES}


@pytest.fixture(scope="module")
def world(api: Api) -> Callable[[Visitor, str, str, dict[str, object]], int]:
    operator = Actor.trusted("test")
    wanted, total = count_job(api.ledger, DeadFilter())
    job = start_job(api.ledger, wanted, total=total, rate=1.0, by=operator)
    first = api.subscribe()
    assert first == 1  # the one that the table disables
    delivery = api.deliver(api.subscribe())
    api.index()

    def token() -> object:
        made, _ = create_token(
            api.ledger,
            name="one",
            resources=["view"],
            tenant=None,
            days=None,
            known=(),
            by=operator,
        )
        return made.id

    def user() -> object:
        name = api.user("view")
        return api.ledger.read(lambda view: view.users.named(name).id)

    # Where the path names one, it is new for each: some are deleted.
    places: Mapping[str, Callable[[], object]] = {
        "subscription_id:int": api.subscribe,
        "event_id:uuid": api.fail,
        "token_id:uuid": token,
        "user_id:uuid": user,
        "delivery_id:uuid": lambda: delivery,
        "job_id:uuid": lambda: job.id,
        "name:str": lambda: "http",
        "event_name:str": lambda: "order.created",
    }

    def ask(visitor: Visitor, method: str, path: str, fields: dict[str, object]) -> int:
        where = re.sub(r"{([^}]+)}", lambda found: str(places[found[1]]()), path)
        sent = {name: one() if callable(one) else one for name, one in fields.items()}
        answer = visitor.get(where, **sent) if method == "GET" else visitor.post(where, **sent)
        return answer.status_code

    return ask


@pytest.mark.parametrize(("method", "path"), TABLE)
def test_who_may(api, visitors, world, method, path):
    who, fields, status, _ = TABLE[method, path]
    for resource in RESOURCES:
        # Who signs out is signed in again.
        visitor = api.visitor(resource) if path == "/sign-out" else visitors[resource]
        found = world(visitor, method, path, fields)
        assert found == (status if resource in who else 403), resource


@pytest.mark.parametrize(("method", "path"), TABLE)
def test_others_and_nobody(api, world, method, path):
    _, fields, _, other = TABLE[method, path]
    assert world(api.visitor(ALL, tenant="other"), method, path, fields) == other
    answer = world(api.visitor(), method, path, fields)
    assert answer == 303  # to the page where people sign in


def test_forms_of_other_sites_are_refused(api, world):
    number = api.subscribe()
    visitor = api.visitor(ALL)
    fields = {"subscription_id": str(number), "action": "disable"}
    send = visitor.browser.post
    where = "/subscriptions/status"
    assert send(where, data=fields).status_code == 403
    assert send(where, data={**fields, "csrf": "x" * 16}).status_code == 403
    mine = {**fields, "csrf": visitor.csrf}
    for site in ("cross-site", "same-site"):
        assert send(where, data=mine, headers={"Sec-Fetch-Site": site}).status_code == 403
    assert send(where, data=mine, headers={"Origin": "https://evil.example"}).status_code == 403
    assert send(where, data=mine, headers={"Origin": api.address}).status_code == 303
