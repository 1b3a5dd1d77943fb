"""Searching, exporting and replaying by query, over REST."""

from __future__ import annotations

import csv
import io

import pytest

from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.instant import to_datetime
from tests.web.test_replays import ended

DEAD = DeliveryState.DEAD
SECOND = 1_000_000


@pytest.fixture
def client(api):
    return api.client("manage")


def search(client, text, **more):
    answer = client.get("/logs", params={"search": text, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def uuids(page):
    return [one["uuid"] for one in page["items"]]


def test_the_payload_is_searched(api, client):
    number = api.subscribe()
    _, tea, _ = (str(api.deliver(number, data=one)) for one in ("cup", "green tea", "pot"))
    api.index()
    found = search(client, "data.data.id: tea")
    assert uuids(found) == [tea]
    assert found["found"] == {
        "total": 1,
        "exact": True,
        "waiting": 0,
        "waiting_exact": True,
        "waiting_since": None,
        "set_aside": 0,
        "indexing": True,
        "complete": True,
    }
    assert search(client, "coffee")["found"]["total"] == 0
    assert client.get("/logs").json()["found"] is None


def test_it_tells_how_far_the_index_is_behind(api, client):
    number = api.subscribe()
    api.deliver(number, started_at=5 * SECOND)
    api.deliver(number, started_at=7 * SECOND)
    told = search(client, "*:*")["found"]
    assert (told["total"], told["waiting"]) == (0, 2)
    assert told["waiting_since"] == "1970-01-01T00:00:05Z"
    client.patch("/configuration", json={"INDEXING_ENABLED": False}).raise_for_status()
    assert search(client, "*:*")["found"]["indexing"] is False


def test_pages_reach_every_hit_once(api, client):
    number = api.subscribe()
    made = [str(api.deliver(number)) for _ in range(5)]
    api.index()
    seen, before = [], {}
    while True:
        page = search(client, "success: true", limit=2, **before)
        assert page["found"]["total"] == 5
        seen += uuids(page)
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    assert seen == made[::-1]


def test_the_other_conditions_hold_too(api, client):
    one, other = api.subscribe(), api.subscribe("order.secret")
    old = str(api.deliver(one, started_at=1_000 * SECOND))
    dead = str(api.deliver(one, state=DEAD, started_at=2_000 * SECOND))
    secret = str(api.deliver(other, event_name="order.secret", started_at=2_000 * SECOND + 1))
    api.index()
    assert uuids(search(client, "order")) == [secret, dead, old]
    assert uuids(search(client, "order", subscription_id=one)) == [dead, old]
    assert uuids(search(client, "order", event_name="order.secret")) == [secret]
    assert uuids(search(client, "order", event_name="order")) == []
    assert uuids(search(client, "order", success="false")) == [dead]
    since, until = (to_datetime(at).isoformat() for at in (2_000 * SECOND, 2_000 * SECOND + 1))
    assert uuids(search(client, "order", since=since)) == [secret, dead]
    assert uuids(search(client, "order", until=until)) == [dead, old]
    assert uuids(search(client, "order", since=since, until=until, success="true")) == []


def test_a_bound_token_finds_its_tenants_attempts_only(api):
    mine, theirs, everybodys = (api.subscribe(tenant=one) for one in ("7", "8", None))
    own = str(api.deliver(mine, tenant="7", data="tea"))
    api.deliver(theirs, tenant="8", data="tea")
    api.deliver(everybodys, tenant="7", data="tea")
    api.index()
    client = api.client("manage", tenant="7")
    for text in ("tea", "*:*", "tenant:8 OR tea", f"subscription_id:{theirs} tea"):
        found = search(client, text)
        assert uuids(found) == [own]
        assert found["found"]["total"] == 1
    assert own in client.get("/logs/export", params={"search": "tea"}).text
    assert len(client.get("/logs/export", params={"search": "tea"}).text.splitlines()) == 2
    counted = client.post("/replays/count", json={"search": "tea"})
    assert counted.json() == {"count": 1, "exact": True}
    nobody = api.client("manage", tenant="9")
    assert search(nobody, "*:*")["found"]["total"] == 0


def test_everything_that_is_found_is_exported(api, client):
    number = api.subscribe()
    made = [str(api.deliver(number, data="tea")) for _ in range(3)]
    api.deliver(number, data="cup")
    api.index()
    answer = client.get("/logs/export", params={"search": "tea"})
    assert answer.headers["content-type"].startswith("text/csv")
    assert [row["uuid"] for row in csv.DictReader(io.StringIO(answer.text))] == made[::-1]
    assert len(client.get("/logs/export", params={"search": "coffee"}).text.splitlines()) == 1


@pytest.mark.parametrize("path", ["/logs", "/logs/export"])
def test_a_wrong_query_tells_where(client, path):
    answer = client.get(path, params={"search": "success:true AND evnt_name:a"})
    assert answer.status_code == 400
    problem = answer.json()
    assert problem["type"] == "urn:asyncevents:problem:invalid-query"
    assert problem["errors"][0]["field"] == "search"
    assert "position 18: expected a field" in problem["message"]


@pytest.mark.parametrize("path", ["/logs", "/logs/export"])
def test_without_an_index_it_says_so(serve, path):
    client = serve(INDEXER=None).client("manage")
    answer = client.get(path, params={"search": "tea"})
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:asyncevents:problem:search-off"
    assert "INDEXER is None" in answer.json()["message"]
    assert client.post("/replays", json={"search": "tea"}).status_code == 409


def test_an_index_that_cannot_be_read_is_a_503(api, client, tmp_path, caplog):
    (tmp_path / "index").write_text("no folder")
    answer = client.get("/logs", params={"search": "tea"})
    assert answer.status_code == 503
    assert answer.json()["message"] == "the index does not answer"
    assert "the index does not answer" in caplog.text


def test_what_a_query_finds_is_replayed_once_each(api, client):
    number = api.subscribe()
    tea = api.deliver(number, data="tea", attempts=3)
    dead = api.deliver(number, data="tea", state=DEAD)
    api.deliver(number, data="cup")
    api.index()
    wanted = {"search": "data.data.id: tea"}
    assert client.post("/replays/count", json=wanted).json() == {"count": 2, "exact": True}
    begun = client.post("/replays", json={**wanted, "rate": 1000}).json()
    assert begun["total"] == 4
    done = ended(client, begun["uuid"])
    assert (done["made"], done["refused"], done["passed_over"], done["seen"]) == (2, 0, 2, 4)
    assert done["what"] == "all deliveries that 'data.data.id: tea' finds"
    for one in (tea, dead):
        (trace,) = client.get(f"/traces/{one}").json()["items"]
        assert len(trace["replays"]) == 1


def test_a_slow_replay_goes_on_below_what_it_has_sent(api, client):
    number = api.subscribe()
    made = [api.deliver(number, data="tea", attempts=2) for _ in range(4)]
    api.index()
    done = ended(client, client.post("/replays", json={"search": "tea", "rate": 9}).json()["uuid"])
    assert (done["made"], done["passed_over"]) == (4, 4)
    for one in made:
        (trace,) = client.get(f"/traces/{one}").json()["items"]
        assert len(trace["replays"]) == 1


def test_a_replay_by_query_says_everything_in_the_query(client):
    answer = client.post("/replays", json={"search": "tea", "event_name": "order.created"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "replay.search"
    answer = client.post("/replays", json={"search": "tea AND"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "search"
