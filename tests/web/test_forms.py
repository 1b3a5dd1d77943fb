"""The command line and the REST API show the same in the same words."""

from __future__ import annotations

import csv
import io
import json
import sys
import uuid

import attrs
import pytest

from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.worker import Role, WorkerRow
from asyncevents_core.engine.replaying.replay import replay
from asyncevents_core.forms import LogRowForm
from asyncevents_core.web.api.schemas.async_event_input import OUR_WORDS
from tests.unit.commandline import Cli
from tests.web.serving import TARGET, settings

COLUMNS = [one.name for one in attrs.fields(LogRowForm)]
ITS_WORDS = {ours: name for name, ours in OUR_WORDS.items() if ours != name}
ONLY_ITS_OWN = {*ITS_WORDS.values(), "store_id", "asyncEvent"}


@pytest.fixture
def client(api):
    return api.client("all")


@pytest.fixture
def rows(api, tmp_path, monkeypatch):
    """Run a command on the ledger of the API; return its JSON."""
    name = f"settings_{uuid.uuid4().hex}"
    values = settings(tmp_path, SECRET_KEYS=list(api.events.runtime.settings.secret_keys))
    text = "".join(f"{key} = {value!r}\n" for key, value in values.items())
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setenv("ASYNCEVENTS_SETTINGS_MODULE", name)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return Cli().rows


@pytest.fixture
def delivered(api):
    return api.deliver(api.subscribe(tenant="7"), tenant="7", attempts=2, started_at=1_500_000)


@pytest.fixture
def dead(api):
    return api.deliver(api.subscribe(), state=DeliveryState.DEAD)


@pytest.mark.usefixtures("delivered", "dead")
def test_rows_of_the_log(client, rows):
    found = client.get("/logs").json()["items"]
    assert len(found) == 3
    assert rows("logs") == found
    assert set(found[0]) == set(COLUMNS)


@pytest.mark.usefixtures("delivered", "dead")
def test_rows_that_a_search_finds(api, client, rows):
    listed = client.get("/logs", params={"success": True}).json()["items"]
    api.index()
    assert rows("logs", "success: true") == listed
    assert client.get("/logs", params={"search": "success: true"}).json()["items"] == listed


@pytest.mark.usefixtures("delivered", "dead")
def test_rows_of_the_csv(client):
    exported = csv.DictReader(io.StringIO(client.get("/logs/export").text))
    listed = client.get("/logs").json()["items"]
    assert exported.fieldnames == COLUMNS
    for row, one in zip(exported, listed, strict=True):
        expected = {**one, "success": int(one["success"]), "duration": f"{one['duration']:.6f}"}
        assert row == {
            name: "" if value is None else str(value) for name, value in expected.items()
        }


@pytest.mark.usefixtures("delivered", "dead")
def test_rows_with_payloads(client, rows):
    listed = client.get("/logs").json()["items"]
    found = rows("logs", "--payload")
    assert [one.pop("payload")["data"] for one in found] == [{"id": 42}] * 3
    assert found == listed
    text = Cli()("logs", "--csv", "-", "--payload").stdout
    assert text == client.get("/logs/export", params={"payload": True}).text.replace("\r\n", "\n")
    (exported, *_) = csv.DictReader(io.StringIO(text))
    assert list(exported) == [*COLUMNS, "payload"]
    for wrong in (["--payload"], ["--payload", "--json", "--follow"]):
        assert "--payload goes with --csv or --json" in Cli()("logs", *wrong, code=2).output


def test_traces(api, client, rows, delivered, dead):
    again = replay(api.ledger, dead, by=Actor.trusted("test"))
    for one in (delivered, dead, again):
        found = client.get(f"/traces/{one}").json()["items"]
        assert rows("trace", str(one)) == found
    assert found[0]["replay_of"] == str(dead)


def test_an_attempt_of_a_trace_is_a_part_of_a_row_of_the_log(client, delivered):
    (trace,) = client.get(f"/traces/{delivered}").json()["items"]
    for row, attempt in zip(
        client.get("/logs").json()["items"], reversed(trace["attempts"]), strict=True
    ):
        assert attempt.items() <= row.items()
        for name in set(row) - set(attempt) - {"log_id"}:
            assert row[name] == trace[name]
    newest = trace["attempts"][-1]
    assert (newest["attempt"], newest["fate"], trace["subscription_status"]) == (
        2,
        "delivered",
        "enabled",
    )


def test_dead_letters(client, rows, dead):
    found = client.get("/dead_letters").json()["items"]
    assert [one["uuid"] for one in found] == [str(dead)]
    assert rows("dead-letters") == found


def test_subscriptions(api, client, rows):
    api.subscribe(tenant="acme", rate_limit=2.5, secret="hidden")
    client.patch("/async_event/1", json={"schedule": [1, 30], "status": "disabled"})
    found = client.get("/async_event/1/details").json()
    assert (found["status"], found["schedule"]) == ("disabled", [1.0, 30.0])
    assert rows("subscriptions", "show", "1") == [found]
    assert rows("subscriptions", "list") == [found]
    assert client.patch("/async_event/1", json=found).json() == found


def test_a_new_subscription_has_the_secret_of_its_receiver(client, rows):
    (made,) = rows("subscribe", "order.created", TARGET)
    secret = made.pop("receiver_secret")
    assert made == client.get(f"/async_event/{made['subscription_id']}/details").json()
    body = {"asyncEvent": {"event_name": "order.created", "recipient_url": TARGET}}
    other = client.post("/async_event", params={"show_secret": True}, json=body).json()
    assert other["receiver_secret"][:6] == secret[:6] == "whsec_"


def test_published_events_and_definitions(api, client, rows):
    made = api.events.publish("order.created", {"id": 1}, tenant="7", event_id="mine")
    found = client.get("/events").json()["items"]
    assert (found[0]["event_id"], found[0]["external_id"]) == (str(made), "mine")
    assert rows("published") == found
    assert client.get(f"/events/{made}").json() == found[0]
    assert rows("events") == client.get("/event_definitions").json()["items"]


def test_status(api, client, rows):
    roles = (Role.TRIGGER, Role.RETRY)
    row = WorkerRow(id=uuid7(), host="a", pid=1, roles=roles, started_at=0, beat_at=0)
    api.ledger.run(lambda tx: tx.workers.beat(row))
    found = client.get("/status").json()
    assert found["workers"][0]["consumers"] == ["trigger", "retry"]
    assert rows("status") == [found]


def test_tokens(api, rows):
    client = api.client("manage")
    api.token("view", tenant="7", days=1)
    client.get("/tokens")  # from now on it was used
    found = client.get("/tokens").json()["items"]
    assert [one["state"] for one in found] == ["valid", "valid"]
    assert rows("token", "list") == found
    (made,) = rows("token", "create", "new", "--resource", "view")
    assert set(made) == {*found[0], "token"}


# -- words ------------------------------------------------------------------------------------


def test_the_words_of_the_original_are_on_its_routes_only(api):
    document = api.app.openapi_schema.to_schema()
    schemas = document["components"]["schemas"]
    its_own = {name for name in schemas if name.startswith("AsyncEvent")}
    assert set(ITS_WORDS.values()) <= set(schemas["AsyncEventInput"]["properties"])
    assert set(ITS_WORDS) <= set(schemas["SubscriptionInput"]["properties"])
    for name in set(schemas) - its_own:
        assert not ONLY_ITS_OWN & set(schemas[name].get("properties", {})), name
    using = {
        (method, path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if any(f'/{name}"' in json.dumps(operation) for name in its_own)
    }
    one = "/rest/V1/async_event"
    assert using == {
        ("post", one),
        ("get", "/rest/V1/async_events"),
        ("get", f"{one}/{{subscription_id}}"),
        ("put", f"{one}/{{subscription_id}}"),
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("target", "nonsense"),
        ("target", "x" * 2049),
        ("sink", "htp"),
        ("sink", ""),
        ("event_name", "order.nothing"),
        ("secret", "whsec_***"),
        ("rate_limit", -1),
        ("jitter", 2),
        ("options", {"no": "such"}),
    ],
)
def test_what_is_wrong_is_named_in_the_words_of_the_route(api, client, field, value):
    number = api.subscribe()
    refused = client.patch(f"/async_event/{number}", json={field: value})
    assert refused.status_code == 400, refused.text
    assert [one["field"] for one in refused.json()["errors"]] == [f"subscription.{field}"]
    name = ITS_WORDS.get(field, field)
    body = {"asyncEvent": {"status": True, name: value}}
    refused = client.put(f"/async_event/{number}", json=body)
    assert refused.status_code == 400, refused.text
    assert [one["field"] for one in refused.json()["errors"]] == [f"asyncEvent.{name}"]


@pytest.mark.parametrize(
    "field", ["recipient_url", "metadata", "verification_token", "store_id", "asyncEvent"]
)
def test_the_words_of_the_original_are_refused_elsewhere(api, client, field):
    refused = client.patch(f"/async_event/{api.subscribe()}", json={field: "x"})
    assert refused.status_code == 400
    assert [one["field"] for one in refused.json()["errors"]] == [f"subscription.{field}"]


@pytest.mark.parametrize("status", ["deleted", True, 1, "x"])
def test_a_status_is_enabled_or_disabled(api, client, status):
    refused = client.patch(f"/async_event/{api.subscribe()}", json={"status": status})
    assert refused.status_code == 400
    assert [one["field"] for one in refused.json()["errors"]] == ["subscription.status"]
