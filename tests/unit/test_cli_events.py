"""`asyncevents events`: what can be published, described."""

from __future__ import annotations

import json

import pytest

from tests.absent import without

ORDER = {
    "type": "object",
    "properties": {
        "id": {"type": "integer", "description": "Its number."},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
    },
    "required": ["id"],
    "$defs": {"Line": {"type": "object", "properties": {"sku": {"type": "string"}}}},
}
ORDER_CREATED = {
    "title": "An order was placed",
    "version": "2",
    "schema": ORDER,
    "examples": [{"id": 1}],
    "deprecated": "Use order.placed.",
    "sunset": "2020-01-31",
}


@pytest.fixture
def define(ready, settings):
    def change(**changed):
        events = {"order.created": {**ORDER_CREATED, **changed}, "plain": {}}
        settings(EVENTS=json.dumps(events))
        return ready

    return change


def test_alone_it_lists(define):
    run = define()
    assert run("events").stdout == run("events", "list").stdout
    assert run.rows("events") == run.rows("events", "list")
    assert "order.created" in run("events").stdout
    wrong = run("events", "--json", "list", code=2)
    assert "write `asyncevents events list --json`" in wrong.stderr
    found = {one["name"]: one for one in run.rows("events")}
    created, plain = found["order.created"], found["plain"]
    assert (created["schema"], created["examples"]) == (ORDER, [{"id": 1}])
    assert (created["version"], created["deprecated"]) == ("2", "Use order.placed.")
    assert (plain["schema"], plain["examples"], plain["sunset"]) == (None, [], None)


def test_one_is_shown_with_its_properties(define):
    run = define()
    shown = run("events", "show", "order.created").stdout
    for part in ("lines[].sku", "Its number.", "Use order.placed.", "2020-01-31", '"id": 1'):
        assert part in shown
    (row,) = run.rows("events", "show", "order.created")
    assert row in run.rows("events")
    assert "did you mean 'plain'" in run("events", "show", "plaim", code=1).stderr


def test_examples_that_do_not_match_are_told(define):
    run = define(examples=[{"id": 1}, {"id": "anna"}])
    for command in (("events", "show", "order.created"), ("check",)):
        result = run(*command, code=1)
        assert "example 2 does not match its schema: /id" in result.output.replace("\n", "")
        assert "anna" not in result.output.replace('"anna"', "")


def test_check_says_what_is_described_and_what_is_over(define):
    run = define()
    found = {one["detail"]: one["state"] for one in run.rows("check") if one["what"] == "events"}
    assert found == {
        "order.created is deprecated, and may be gone since 2020-01-31": "warning",
        "1 event with a schema; EVENT_SCHEMAS: warn": "ok",
    }


def test_without_the_extra_what_is_not_checked_is_said(define, monkeypatch, settings):
    run = define()
    settings(EVENT_SCHEMAS="off")
    without(monkeypatch, "jsonschema_rs")
    shown = run("events", "show", "order.created")
    assert "not checked: " in shown.stderr
    assert "asyncevents-core[schemas]" in shown.stderr
    settings(EVENT_SCHEMAS="refuse")
    assert "asyncevents-core[schemas]" in run("events", code=1).stderr
    assert "asyncevents-core[schemas]" in run("check", code=1).stdout.replace("\n", "")


FORMS = {"asyncapi": "asyncapi", "openapi": "openapi", "json-schema": "$schema"}


@pytest.mark.parametrize("form", FORMS)
def test_documents_are_printed_or_written(define, folder, form):
    run = define()
    printed = run("events", "export", "--format", form).stdout
    assert FORMS[form] in json.loads(printed)
    run("events", "export", "--format", form, "--output", "events.json")
    assert (folder / "events.json").read_text() == printed
    assert "cannot be written" in run("events", "export", "--output", "no/a.json", code=1).stderr


def test_asyncapi_is_the_default(define):
    assert json.loads(define()("events", "export").stdout)["asyncapi"] == "3.0.0"


@pytest.mark.parametrize("form", FORMS)
def test_changes_are_told_by_their_exit_code(define, form):
    run = define()
    run("events", "export", "--format", form, "--output", "old.json")
    assert run("events", "diff", "old.json").stdout == "nothing has changed\n"
    wider = {**ORDER, "properties": {**ORDER["properties"], "note": {"type": "string"}}}
    run = define(schema=wider)
    assert run.rows("events", "diff", "old.json") == [
        {
            "event_name": "order.created",
            "pointer": "/note",
            "breaking": False,
            "text": "is new",
        }
    ]
    run("events", "export", "--output", "new.json")
    assert "breaking" not in run("events", "diff", "old.json", "new.json").stdout
    found = run("events", "diff", "new.json", "old.json", code=1).stdout
    assert "breaking  order.created /note: is gone" in found
    assert run.rows("events", "diff", "new.json", "old.json", code=1)[0]["breaking"] is True


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "Expecting"), ("[]", "no object"), ("{}", "none of the documents")],
)
def test_what_is_no_document_is_a_wrong_argument(define, folder, text, message):
    run = define()
    (folder / "old.json").write_text(text)
    assert message in run("events", "diff", "old.json", code=2).stderr
    assert "does not exist" in run("events", "diff", "nowhere.json", code=2).stderr
    run("events", "export", "--output", "new.json")
    assert "NEW" in run("events", "diff", "new.json", "old.json", code=2).stderr
