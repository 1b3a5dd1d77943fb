"""The page of tokens: what a token may publish."""

from __future__ import annotations

import httpx

from asyncevents_core.domain.access import ALL


def resources(api):
    found = api.ledger.read(lambda view: view.access.tokens())
    return [list(one.resources) for one in found]


def test_a_token_may_publish_some_events(api):
    visitor = api.visitor("manage")
    assert "Events that it may publish" in visitor.get("/tokens").text
    made = visitor.post("/tokens", name="till", publish="sales.*, !sales.paid")
    assert made.status_code == 200, made.text
    made = visitor.post("/tokens", name="shop", resource="view", publish="")
    assert made.status_code == 200, made.text
    assert resources(api) == [["publish:sales.*, !sales.paid"], ["view"]]


def test_patterns_that_cannot_be_read_come_back(api):
    answer = api.visitor(ALL).post("/tokens", name="till", publish="sales..*<b>")
    assert answer.status_code == 400
    assert "sales..*&lt;b&gt;" in answer.text
    assert "must be a name of letters" in answer.text
    assert resources(api) == []


def test_nobody_gives_what_they_do_not_have(api):
    visitor = api.visitor("view", "publish:sales.*")
    assert visitor.post("/tokens", name="till", publish="sales.*").status_code == 403
    assert resources(api) == []


def test_a_token_for_an_hour_may_publish_what_its_maker_may(api):
    visitor = api.visitor("manage", "publish:order.*")
    made = visitor.post("/tokens/hour")
    assert made.status_code == 200, made.text
    assert resources(api) == [["manage", "publish:order.*"]]
    text = made.text.partition('id="token">')[2].partition("<")[0]
    answer = httpx.post(
        f"{api.address}/rest/V1/events",
        json={"event_name": "order.created", "data": {}},
        headers={"Authorization": f"Bearer {text}"},
        timeout=60,
    )
    assert answer.status_code == 202
