"""The trace of a delivery, as support staff see it."""

from __future__ import annotations

import base64
import hmac
import html
import json
import re
import shlex
from uuid import UUID

import pytest
from attrs import evolve

from asyncevents_core.domain.delivery import DeliveryState
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.domain.secret import symmetric_key
from asyncevents_core.domain.subscription import NewSubscription
from asyncevents_core.web.pages.json_tree import LONGEST_TEXT, MOST_NODES, tree_of
from tests.web.pages.test_log_page import text_of
from tests.web.serving import Api, Visitor


@pytest.fixture
def support(api: Api) -> Visitor:
    return api.visitor("logs", "get")


def test_what_became_of_it(api, support):
    number = api.subscribe()
    delivery = api.deliver(number, data="CK100", response="thanks a lot", attempts=3)
    page = support.get(f"/traces/{delivery}")
    text = text_of(page)
    assert "Delivered" in text
    assert "thanks a lot" in text
    assert "CK100" in text
    assert page.text.count("<rect") == 3
    assert f'href="/admin/subscriptions/{number}"' in page.text


def test_a_dead_letter_is_sent_again(api, support):
    delivery = api.deliver(api.subscribe(), state=DeliveryState.DEAD)
    page = support.get(f"/traces/{delivery}").text
    assert "It was given up: permanent" in page
    answer = support.post(f"/traces/{delivery}/replay")
    made = UUID(answer.headers["location"].rpartition("/")[2])
    assert made != delivery
    assert "Sent again" in support.notice(answer)
    page = support.get(f"/traces/{made}").text
    assert f'href="/admin/traces/{delivery}"' in page  # the replay of it
    assert f'href="/admin/traces/{made}"' in support.get(f"/traces/{delivery}").text


def test_replay_is_offered_to_those_who_may(api):
    delivery = api.deliver(api.subscribe())
    page = api.visitor("logs.trace").get(f"/traces/{delivery}").text
    assert "Replay</button>" not in page


def test_what_cannot_be_replayed_says_why(api, support):
    number = api.subscribe()
    delivery = api.deliver(number)
    operator = api.visitor("save")
    operator.post(
        "/subscriptions/status", subscription_id=number, action="disable", confirmed="yes"
    )
    answer = support.post(f"/traces/{delivery}/replay")
    assert answer.status_code == 409
    assert "is disabled" in answer.text


def test_there_is_no_such_delivery(support):
    answer = support.get(f"/traces/{uuid7()}")
    assert answer.status_code == 404
    assert "There is no delivery" in answer.text
    odd = support.get("/traces/nonsense")
    assert odd.status_code == 404
    assert "There is no such page" in odd.text


def test_the_payload_is_as_it_was_sent(api, support):
    delivery = api.deliver(api.subscribe(), data={"a": [1, 2.50, None], "<i>": "</script>"})
    page = support.get(f"/traces/{delivery}").text
    assert "<i>" not in page
    assert "</script>&#34;" not in page.replace("&lt;/script&gt;", "")
    sent = support.get(f"/traces/{delivery}/payload.json")
    assert sent.headers["content-type"] == "application/cloudevents+json"
    assert json.loads(sent.content)["data"]["id"]["a"] == [1, 2.5, None]


def test_large_payloads_are_cut(api, support):
    data = {f"key{number}": "x" * 10 for number in range(100_000)}
    delivery = api.deliver(api.subscribe(), data=data)
    page = support.get(f"/traces/{delivery}").text
    assert len(page) < 400_000
    assert "more: download it to see them" in page
    assert len(support.get(f"/traces/{delivery}/payload.json").content) > 1_000_000


def nodes(node):
    yield node
    for child in node.children:
        yield from nodes(child)


def test_trees():
    tree = tree_of(b'{"a": [1.50, 1e400, 12345678901234567890123, true], "a": null, "b": {}}')
    assert [one.key for one in tree.children] == ["a", "a", "b"]
    assert [one.text for one in tree.children[0].children] == [
        *("1.50", "1e400", "12345678901234567890123", "true"),
    ]
    assert tree.children[2].kind == "object"
    assert tree_of(b"\xff") is None
    assert tree_of(b"{") is None
    long = tree_of(json.dumps("y" * (LONGEST_TEXT + 1)).encode())
    assert "2,001 characters" in long.text
    wide = tree_of(json.dumps(list(range(5_000))).encode())
    assert len(list(nodes(wide))) == MOST_NODES
    assert wide.left_out == 5_001 - MOST_NODES
    deep = tree_of(b"[" * 100 + b"]" * 100)
    assert len(list(nodes(deep))) == 100
    assert tree_of(b"[" * 100_000) is None
    number = tree_of(b"9" * 5_000).text
    assert number == "9" * LONGEST_TEXT + " … (5,000 characters)"


def test_requests_are_shown_as_they_were_sent(api):
    begun = 1_700_000_000_500_000
    number = api.subscribe()
    delivery = api.deliver(number, data="it's", started_at=begun)
    secret = api.ledger.read(lambda view: view.subscriptions.get(number)).secret
    page = html.unescape(api.visitor("logs").get(f"/traces/{delivery}").text)
    command = shlex.split(re.findall(r'<pre id="curl-1"[^>]*>(.*?)</pre>', page, re.DOTALL)[0])
    assert command[:3] == ["curl", "-X", "POST"]
    headers = dict(one.split(": ", 1) for one in command if ": " in one and "{" not in one)
    body = command[command.index("--data-raw") + 1]
    assert headers["webhook-timestamp"] == "1700000000"
    assert headers["asyncevents-delivery"] == str(delivery)
    # What the page says is what a recipient accepts.
    signed = f"{headers['webhook-id']}.1700000000.{body}".encode()
    mac = hmac.digest(symmetric_key(secret), signed, "sha256")
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
    # Who may not send it again gets no signature to do so.
    masked = api.visitor("logs.trace").get(f"/traces/{delivery}").text
    assert "webhook-signature" in masked
    assert headers["webhook-signature"] not in html.unescape(masked)


def test_requests_that_cannot_be_told(api, support):
    new = NewSubscription(event_name="order.created", sink="shelf", target="shelf:1")
    delivery = api.deliver(api.events.subscribe(new).id)
    assert "curl" not in support.get(f"/traces/{delivery}").text
    number = api.subscribe()
    delivery = api.deliver(number, data="x" * 10_000)
    assert f"--data-binary @{delivery}.json" in support.get(f"/traces/{delivery}").text
    api.switch(number, "disable")
    api.visitor("create").post(f"/subscriptions/{number}/delete")
    assert support.get(f"/traces/{delivery}").status_code == 200


def test_its_subscription_as_it_was(api):
    number = api.subscribe(target="https://example.com/before")
    operator = api.visitor("all")
    delivery = api.deliver(number)
    assert "→" not in text_of(operator.get(f"/traces/{delivery}"))

    api.events.change_subscription(
        number, lambda old: evolve(old, target="https://example.com/after")
    )
    api.switch(number, "disable")

    text = text_of(operator.get(f"/traces/{delivery}"))
    assert "Its subscription was changed since" in text
    assert "Target: https://example.com/before → https://example.com/after" in text
    assert "Disable" in text
    shown = text_of(operator.get(f"/subscriptions/{number}"))
    assert "Target: https://example.com/before → https://example.com/after" in shown
    assert "Create" in shown


def test_changes_are_for_those_who_may_see_the_audit_log(api, support):
    number = api.subscribe()
    delivery = api.deliver(number)
    api.switch(number, "disable")
    assert "was changed since" not in support.get(f"/traces/{delivery}").text
    assert "<h2>Changes" not in support.get(f"/subscriptions/{number}").text
