"""One subscription: made, changed, tested, given another secret, deleted."""

from __future__ import annotations

import html
import re

import pytest

from asyncevents_core.domain.secret import receiver_secret
from asyncevents_core.domain.subscription import SubscriptionStatus
from tests.services.over_tls import make_certificate
from tests.web.serving import TARGET, Api, Visitor

NEW = {"event_name": "order.created", "sink": "http", "target": TARGET}
SHELF = {"event_name": "order.created", "sink": "shelf", "target": "shelf:1"}


@pytest.fixture
def operator(api: Api) -> Visitor:
    return api.visitor("all")


def kept(api: Api, number: int):
    found = api.ledger.read(lambda view: view.subscriptions.get(number))
    assert found is not None
    return found


def made(answer) -> int:
    assert answer.status_code == 200, answer.text
    return int(re.findall(r"Subscription (\d+)", answer.text)[0])


def test_it_is_made_and_its_secret_shown_once(api, operator):
    answer = operator.post("/subscriptions/new", **NEW)
    number = made(answer)
    secret = kept(api, number).secret
    assert receiver_secret(secret) in answer.text
    assert receiver_secret(secret) not in operator.get(f"/subscriptions/{number}").text


def test_a_form_that_is_sent_twice_makes_one(api, operator):
    key = re.findall(r'name="key" value="([^"]+)"', operator.get("/subscriptions/new").text)[0]
    first = made(operator.post("/subscriptions/new", key=key, **NEW))
    assert made(operator.post("/subscriptions/new", key=key, **NEW)) == first
    assert made(operator.post("/subscriptions/new", key=f"{key}x", **NEW)) == first + 1


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("event_name", "order.nothing", "Unknown event"),
        ("target", "ftp://example.com", "http or https"),
        ("target", "http://127.0.0.1/", "127.0.0.1"),
        ("maximum_deaths", "many", "whole number"),
        ("maximum_deaths", "-1", "must be"),
        ("schedule", "1, then 2", "commas"),
        ("jitter", "2", "must be"),
        ("rate_limit", "0", "must be"),
        ("secret", "whsec_!!!", "base64"),
    ],
)
def test_mistakes_are_said_beside_their_field(operator, field, value, said):
    answer = operator.post("/subscriptions/new", **{**NEW, field: value})
    assert answer.status_code == 400
    wrong = re.findall(rf'id="about-{field}" class="wrong">([^<]+)', answer.text)
    assert wrong, answer.text
    assert said in html.unescape(wrong[0])
    if field == "secret":
        assert value not in answer.text
    else:
        assert html.escape(value) in answer.text  # what was typed in stays


def test_the_form_follows_the_sink(operator):
    page = operator.get("/subscriptions/new", sink="shelf").text
    for name in ("headers", "level", "weight", "labels", "token"):
        assert f'name="options.{name}"' in page
    assert '<option value="high">high</option>' in page
    assert 'name="options.level"' not in operator.get("/subscriptions/new", sink="http").text
    again = operator.post("/subscriptions/new", **SHELF, choose="sink")
    assert 'name="options.level"' in again.text
    assert operator.get("/subscriptions/new", sink="<nothing>").status_code == 200


def test_options_are_read_as_the_sink_wants_them(api, operator):
    typed = {"options.headers": '{"X-A": "1"}', "options.level": "high", "options.weight": "2.5",
             "options.labels": "a,b", "options.token": "s3cret-token"}  # fmt: skip
    number = made(operator.post("/subscriptions/new", **SHELF, **typed))
    options = kept(api, number).options
    assert options["headers"] == {"X-A": "1"}
    assert (options["level"], options["weight"]) == ("high", 2.5)
    assert list(options["labels"]) == ["a", "b"]
    for page in (f"/subscriptions/{number}", f"/subscriptions/{number}/edit"):
        assert "s3cret-token" not in operator.get(page).text
    # What is secret stays where nothing is typed in; the rest is as it was sent.
    answer = operator.post(f"/subscriptions/{number}/edit", **SHELF, **{"options.level": "low"})
    assert operator.notice(answer) == "The subscription is changed."
    assert kept(api, number).options == {"level": "low", "token": "s3cret-token"}
    answer = operator.post(f"/subscriptions/{number}/edit", **SHELF, **{"options.weight": "heavy"})
    assert answer.status_code == 400
    assert "heavy" in answer.text


def folds(page):
    """Return the headings of groups of options, and whether they are open."""
    fieldset = re.search(r"<fieldset>(.*?)</fieldset>", page, re.DOTALL)[1]
    found = re.findall(r"<details( open)?>\s*<summary>([^<]+)", fieldset)
    return {title: bool(is_open) for is_open, title in found}


def test_options_that_few_need_are_folded_until_they_have_a_value(api, operator):
    page = operator.get("/subscriptions/new", sink="http").text
    seen = folds(page)
    assert {"OAuth2 client credentials", "Batches", "Handshake"} <= set(seen)
    assert not any(seen.values())
    assert page.index('name="options.mode"') < page.index("<summary>Request")
    answer = operator.post("/subscriptions/new", **NEW, **{"options.api_key": "k3y"})
    edit = operator.get(f"/subscriptions/{made(answer)}/edit").text
    assert "k3y" not in edit
    assert [title for title, is_open in folds(edit).items() if is_open] == [
        "Password, token or API key"
    ]
    wrong = operator.post("/subscriptions/new", **NEW, **{"options.handshake_rate": "3"})
    assert wrong.status_code == 400
    assert all(folds(wrong.text).values())


def test_what_has_several_lines_keeps_them(api, operator, tmp_path):
    page = operator.get("/subscriptions/new", sink="http").text
    for name in ("client_certificate", "client_key"):
        assert f'<textarea id="option-{name}"' in page
    issued = make_certificate(tmp_path, "client.example")
    certificate, key = issued.certificate.read_text(), issued.key.read_text()
    typed = {"options.client_certificate": certificate, "options.client_key": key}
    sent = {name: text.replace("\n", "\r\n") for name, text in typed.items()}
    answer = operator.post("/subscriptions/new", **NEW, **sent)
    number = made(answer)
    options = kept(api, number).options
    assert options["client_certificate"].splitlines() == certificate.splitlines()
    assert options["client_key"].splitlines() == key.splitlines()
    edit = operator.get(f"/subscriptions/{number}/edit").text
    assert certificate.splitlines()[1] in edit
    assert key.splitlines()[1] not in html.unescape(edit)


def test_a_change_keeps_secret_and_status(api, operator):
    number = made(operator.post("/subscriptions/new", **NEW, maximum_deaths="3", schedule="1, 2.5"))
    before = kept(api, number)
    assert before.retry.maximum_deaths == 3
    assert before.retry.schedule == (1.0, 2.5)
    page = operator.get(f"/subscriptions/{number}/edit").text
    assert 'value="1, 2.5"' in page
    operator.post(
        "/subscriptions/status", subscription_id=number, action="disable", confirmed="yes"
    )
    status = {"status": "disabled", "target": "https://example.com/other"}
    assert operator.post(f"/subscriptions/{number}/edit", **{**NEW, **status}).status_code == 303
    after = kept(api, number)
    assert after.target == "https://example.com/other"
    assert after.secret == before.secret
    assert after.status is SubscriptionStatus.DISABLED
    assert after.retry.maximum_deaths is None


def test_a_tenants_subscription_is_its_own(api):
    visitor = api.visitor("all", tenant="mine")
    number = made(visitor.post("/subscriptions/new", **NEW))
    assert kept(api, number).tenant == "mine"
    refused = visitor.post("/subscriptions/new", **NEW, tenant="other")
    assert refused.status_code == 400
    assert "bound to tenant" in html.unescape(refused.text)


def test_a_test_event(api, operator):
    number = api.subscribe()
    answer = operator.post(f"/subscriptions/{number}/test", data='{"id": 7}')
    assert answer.headers["location"].startswith("/admin/traces/")
    assert "on its way" in operator.notice(answer)
    wrong = operator.post(f"/subscriptions/{number}/test", data="{")
    assert "no JSON" in operator.notice(wrong)
    saver = api.visitor("save", "get")
    assert "on its way: delivery" in saver.notice(saver.post(f"/subscriptions/{number}/test"))


def test_another_secret(api, operator):
    number = api.subscribe()
    before = kept(api, number).secret
    question = operator.get(f"/subscriptions/{number}/secret")
    assert "it refuses what arrives" in question.text
    assert kept(api, number).secret == before
    answer = operator.post(f"/subscriptions/{number}/secret")
    after = kept(api, number).secret
    assert after != before
    assert receiver_secret(after) in answer.text
    assert kept(api, number).older_secrets == ()


def test_another_secret_beside_the_old_one(api, operator):
    number = api.subscribe()
    before = kept(api, number).secret
    operator.post(f"/subscriptions/{number}/secret", overlap="24h", kind="ed25519")
    changed = kept(api, number)
    assert changed.secret.startswith("whsk_")
    assert [older.secret for older in changed.older_secrets] == [before]
    assert "also with an older secret, until" in operator.get(f"/subscriptions/{number}").text
    question = operator.get(f"/subscriptions/{number}/secret")
    assert "End them now" in question.text
    assert '<option value="ed25519" selected>' in question.text
    answer = operator.post(f"/subscriptions/{number}/older-secrets")
    assert "Only the newest secret signs" in operator.notice(answer)
    assert kept(api, number).older_secrets == ()
    operator.post(f"/subscriptions/{number}/secret", overlap="forever", kind="no such")
    assert [older.until for older in kept(api, number).older_secrets] == [None]


def test_patterns_of_events(api, operator):
    form = {"sink": "http", "target": TARGET}
    wrong = operator.post("/subscriptions/new", event_name="order.**x", **form)
    assert wrong.status_code == 400
    assert "** as a level of its own" in html.unescape(wrong.text)
    missed = operator.post("/subscriptions/new", event_name="nothing.*", **form)
    assert "unknown event" in html.unescape(missed.text).lower()
    operator.post("/subscriptions/new", event_name="order.*, !order.paid", **form)
    (found,) = api.ledger.read(lambda view: view.subscriptions.all())
    assert found.event_name == "order.*, !order.paid"
    assert "Now these: order.created" in operator.get(f"/subscriptions/{found.id}").text


def test_the_end_of_one(api, operator):
    number = api.subscribe()
    assert "cannot be undone" in operator.get(f"/subscriptions/{number}/delete").text
    assert kept(api, number).status is SubscriptionStatus.ENABLED
    answer = operator.post(f"/subscriptions/{number}/delete")
    assert f"Subscription {number} is deleted" in operator.notice(answer)
    assert kept(api, number).status is SubscriptionStatus.DELETED
    assert operator.get(f"/subscriptions/{number}").status_code == 404


@pytest.mark.parametrize("number", ["0", "9" * 19, "9" * 30])
def test_numbers_that_are_none(operator, number):
    assert operator.get(f"/subscriptions/{number}").status_code == 404


def test_a_filter_is_tried_before_it_is_saved(api, operator):
    for total in (50, 150):
        api.events.publish("order.created", {"total": total})
    form = {**NEW, "filter": "data.total:[100 TO *]", "try": "filter"}
    answer = operator.post("/subscriptions/new", **form)
    assert answer.status_code == 200
    assert "1 of the latest 2 events pass" in answer.text
    assert api.ledger.read(lambda view: view.subscriptions.all()) == []
    wrong = operator.post("/subscriptions/new", **{**form, "filter": "status:success"})
    assert wrong.status_code == 400
    assert "belongs to an attempt" in html.unescape(wrong.text)
    number = made(operator.post("/subscriptions/new", **{**NEW, "filter": "data.a:1"}))
    assert kept(api, number).filter == "data.a:1"
    page = operator.get(f"/subscriptions/{number}").text
    assert "data.a:1" in page
    again = operator.post(f"/subscriptions/{number}/edit", **{**form, "filter": "nothing"})
    assert "0 of the latest 2 events pass" in again.text
    assert kept(api, number).filter == "data.a:1"
