"""The tools: what they find, and for whom."""

from __future__ import annotations

import json

import pytest

from asyncevents_core.domain.access import ALL
from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.testing.builders import make_delivery
from tests.web.mcp.asking import Agent, Refused

DEAD = DeliveryState.DEAD
TOOLS = {
    "why_not_delivered": {"logs.list", "logs.trace"},
    "search_log": {"logs.list"},
    "trace": {"logs.trace"},
    "dead_letters": {"logs.list"},
    "list_events": {"view"},
    "replay": {"logs.replay"},
}
ARGUMENTS = {
    "why_not_delivered": {"value": "1"},
    "search_log": {"query": "*:*"},
    "trace": {"id": str(uuid7())},
    "replay": {"uuid": str(uuid7())},
}


@pytest.fixture
def operator(agent):
    return agent("manage")


def test_each_tool_describes_itself(operator):
    tools = operator.ask("tools/list")["tools"]
    assert {one["name"] for one in tools} == set(TOOLS)
    for one in tools:
        assert one["inputSchema"]["type"] == "object"
        assert not one["inputSchema"]["additionalProperties"]
        assert one["title"]
        assert one["description"]
    hints = {one["name"]: one["annotations"] for one in tools}
    assert [name for name, one in hints.items() if one["destructiveHint"]] == ["replay"]
    assert [name for name, one in hints.items() if not one["readOnlyHint"]] == ["replay"]


@pytest.mark.parametrize("tool", TOOLS)
def test_who_may_call_which(agent, tool):
    needed = TOOLS[tool]
    for missing in needed:
        others = {"view", "get", "create", "save", "logs.list", "logs.trace", "logs.replay"}
        one = agent(*sorted(others - {missing}))
        assert tool not in {found["name"] for found in one.ask("tools/list")["tools"]}
        assert missing in one.failing(tool, **ARGUMENTS.get(tool, {}))
    one = agent(*sorted(needed))
    assert tool in {found["name"] for found in one.ask("tools/list")["tools"]}
    result = one.ask("tools/call", name=tool, arguments=ARGUMENTS.get(tool, {}))
    assert "you need" not in result["content"][0]["text"]


def test_a_tool_that_there_is_not(operator):
    with pytest.raises(Refused) as caught:
        operator.ask("tools/call", name="drop_everything", arguments={})
    assert caught.value.code == -32602


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("search_log", {}, "arguments.query: is required"),
        ("search_log", {"query": "*:*", "limit": 0}, "arguments.limit"),
        ("search_log", {"query": "*:*", "limit": "many"}, "arguments.limit"),
        ("search_log", {"query": "*:*", "colour": "red"}, "arguments.colour"),
        ("search_log", {"query": "(a"}, "position 3"),
        ("trace", {"id": "42"}, "neither"),
        ("trace", {"id": str(uuid7())}, "no delivery"),
        ("dead_letters", {"since": "yesterday"}, "ISO 8601"),
        ("dead_letters", {"reason": "spite"}, "arguments.reason"),
        ("dead_letters", {"before": "42"}, "UUID"),
        ("replay", {"uuid": "42"}, "UUID"),
        ("replay", {"uuid": str(uuid7())}, "no delivery"),
        ("why_not_delivered", {"value": ""}, "arguments.value"),
    ],
)
def test_an_agent_reads_what_is_wrong(operator, tool, arguments, said):
    assert said in operator.failing(tool, **arguments)


def test_searching(api, operator):
    number = api.subscribe()
    first, second = (str(api.deliver(number, data=one)) for one in ("green tea", "black tea"))
    api.index()
    page = operator.call("search_log", query="data.data.id: tea", limit=1)
    assert [one["uuid"] for one in page["items"]] == [second]
    assert page["found"]["total"] == 2
    page = operator.call("search_log", query="data.data.id: tea", limit=1, before=page["next"])
    assert [one["uuid"] for one in page["items"]] == [first]


def test_tracing(api, operator):
    delivery = api.deliver(api.subscribe(), state=DEAD, response="no such order")
    (trace,) = operator.call("trace", id=str(delivery))["items"]
    (attempt,) = trace["attempts"]
    assert (trace["uuid"], trace["delivery_state"]) == (str(delivery), "dead")
    assert attempt["response"] == "no such order"
    assert trace["payload"]["data"] == {"id": 42}
    for identifier in (trace["event_id"], str(attempt["log_id"])):
        assert operator.call("trace", id=identifier)["items"] == [trace]


def test_dead_letters(api, operator):
    number = api.subscribe()
    api.deliver(number)
    dead = [str(api.deliver(number, state=DEAD)) for _ in range(2)]
    page = operator.call("dead_letters", limit=1)
    assert [one["uuid"] for one in page["items"]] == dead[-1:]
    following = operator.call("dead_letters", limit=1, before=page["next"])
    assert [one["uuid"] for one in following["items"]] == dead[:1]
    assert operator.call("dead_letters", until="2020-01-01")["items"] == []
    assert operator.call("dead_letters", reason="exhausted")["items"] == []


def test_the_schemas_of_events_are_for_who_may_get_them(agent):
    def schema(*resources):
        found = agent(*resources).call("list_events")["items"]
        return {one["name"]: one["schema"] for one in found}["order.secret"]

    assert schema("view") is None
    assert schema("view", "sales", "finance")["required"] == ["id", "lines"]


def test_replaying(api, operator):
    dead = api.deliver(api.subscribe(), state=DEAD)
    made = operator.call("replay", uuid=str(dead))["uuid"]
    (trace,) = operator.call("trace", id=made)["items"]
    assert trace["replay_of"] == str(dead)
    assert trace["requested_by"].startswith("token manage")


# -- why something did not arrive -------------------------------------------------------------


def why(one, value, **more):
    found = one.call("why_not_delivered", value=value, **more)
    return found["answer"], found["events"]


def test_why_it_was_given_up(api, operator):
    number = api.subscribe()
    api.deliver(number, data="10041")
    dead = api.deliver(number, state=DEAD, data="10042")
    api.index()
    said, (event,) = why(operator, "10042")
    (delivery,) = event["deliveries"]
    assert (delivery["uuid"], delivery["delivery_state"]) == (str(dead), "dead")
    assert "HTTP 400" in delivery["said"]
    assert f"replay {dead}" in delivery["said"]
    assert delivery["said"] in said


def test_what_helps_with_what_was_given_up(api, operator):
    number = api.subscribe()
    dead = api.deliver(number, state=DEAD, data="4711")

    def helps():
        (delivery,) = why(operator, "4711")[1][0]["deliveries"]
        return delivery["said"].rpartition("HTTP 400; ")[2]

    assert helps() == f"replay {dead} sends it again"
    api.switch(number, "disable")
    assert helps().startswith(f"subscription {number} is disabled: once it is enabled, replay")
    api.switch(number, "enable")
    again = operator.call("replay", uuid=str(dead))["uuid"]
    said = why(operator, "4711")[1][0]["deliveries"][0]["said"]
    assert f"replayed as {again}" in said


def test_a_recipient_that_was_deleted(api, operator):
    number = api.subscribe()
    api.deliver(number, state=DEAD, data="4711")
    assert api.client("manage").delete(f"/async_event/{number}").status_code == 204
    assert "its subscription was deleted since" in why(operator, "4711")[0]


def test_it_was_delivered(api, operator):
    delivery = api.deliver(api.subscribe(), data='a b:c "d"')
    said, (event,) = why(operator, 'a b:c "d"')
    assert event["deliveries"][0]["uuid"] == str(delivery)
    assert "Delivered; the last attempt, at " in said


def test_its_service_failed(api, operator):
    failed = api.fail(error="ValueError: no order 42")
    said, (event,) = why(operator, "42")
    assert (event["event_id"], event["state"]) == (str(failed), "failed")
    assert "ValueError: no order 42" in said


def test_nobody_was_to_get_it(serve, agent, api, operator):
    api.events.publish("order.created", {"id": 4711})
    said, (event,) = why(operator, "4711")
    assert "nobody was to get it" in said
    assert event["deliveries"] == []


def test_it_waits_for_a_worker(serve):
    api = serve(WEB_MCP=True)
    one = Agent(api.client(ALL), address=f"{api.address}/mcp")
    api.events.publish("order.created", {"id": 4711})
    said, _ = why(one, "4711")
    assert "no worker has made deliveries of it yet" in said


def test_it_is_held(api, operator):
    number = api.subscribe()
    api.deliver(number, state=DeliveryState.HELD, data="4711")
    said, _ = why(operator, "4711")
    assert f"when subscription {number} is enabled" in said


def test_of_many_recipients_the_first_are_told(api, operator):
    delivery = api.deliver(api.subscribe(), data="4711")
    event_id = api.ledger.read(lambda view: view.traces.of_delivery(delivery)).event.id
    more = [
        make_delivery(
            id=uuid7(), event_id=event_id, subscription_id=api.subscribe(), due_at=4 * 10**15
        )
        for _ in range(20)
    ]
    api.ledger.run(lambda tx: tx.deliveries.insert(more))
    said, (event,) = why(operator, "4711")
    assert "more than 20 subscriptions" in said
    assert len(event["deliveries"]) == 20


def test_nothing_is_known(operator):
    said, events = why(operator, "no such value")
    assert "perhaps it was never published" in said
    assert events == []


def test_by_a_uuid_and_a_name(api, operator):
    delivery = api.deliver(api.subscribe())
    _, (event,) = why(operator, str(delivery))
    assert why(operator, event["event_id"])[1] == [event]
    assert why(operator, "42", event_name="order.secret")[1] == []
    assert why(operator, "42", event_name="order.created")[1] == [event]


def test_values_are_whole_and_in_any_case(api, operator):
    api.events.publish("order.created", {"id": 471, "who": "Ada"})
    assert why(operator, "47")[1] == []
    assert len(why(operator, "ada")[1]) == 1


def test_a_search_that_is_off_is_said(serve):
    api = serve(WEB_MCP=True, INDEXER=None)
    one = Agent(api.client(ALL), address=f"{api.address}/mcp")
    api.deliver(api.subscribe(), data="4711")
    said, events = why(one, "4711")
    assert "Only the latest 1000 events were looked through" in said
    assert len(events) == 1


# -- tenants ----------------------------------------------------------------------------------


def test_a_bound_agent_finds_its_tenants(api, agent):
    mine, theirs = api.subscribe(tenant="7"), api.subscribe(tenant="8")
    seen = str(api.deliver(mine, state=DEAD, data="4711"))
    hidden = str(api.deliver(theirs, state=DEAD, data="4711", tenant="8"))
    api.index()
    one = agent("manage", tenant="7")
    assert [row["uuid"] for row in one.call("dead_letters")["items"]] == [seen]
    assert [row["uuid"] for row in one.call("search_log", query="4711")["items"]] == [seen]
    said, (event,) = why(one, "4711")
    assert [row["uuid"] for row in event["deliveries"]] == [seen]
    assert hidden not in json.dumps(said)
    assert "no delivery" in one.failing("trace", id=hidden)
    assert "no delivery" in one.failing("replay", uuid=hidden)
    log_id = agent("manage").call("trace", id=hidden)["items"][0]["attempts"][0]["log_id"]
    assert "neither" in one.failing("trace", id=str(log_id))
    assert why(one, hidden)[1] == []
