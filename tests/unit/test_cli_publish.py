"""`asyncevents publish` and `published`."""

from __future__ import annotations

import json

import pytest

from asyncevents_core import AsyncEvents


def test_publish_prints_the_id(ready):
    made = ready.id_of("publish", "example.created", '{"id": 1}')
    (row,) = ready.rows("published")
    assert (row["event_id"], row["event_name"], row["data"]) == (made, "example.created", {"id": 1})
    assert row["state"] == "open"
    assert made in ready("published").output


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["exmple.created", "{}"], 1, "example.created"),
        (["example.created", "{"], 2, "JSON"),
        (["example.created", "[" * 100_000], 2, "nested too deeply"),
        (["example.created", "[" * 101 + "]" * 101], 1, "nested more than 100 levels deep"),
        (["example.created", '{"a": {"b": 1, "b": 1}}'], 2, "an object has 'b' twice"),
        (["example.created", "9" * 5000], 2, "it has a number of too many digits"),
        (["example.created", "NaN"], 1, "not a JSON number"),
        (["example.created", "1e999"], 1, "inf is not a JSON number"),
        (["example.created", '{"\\ud800": 1}'], 1, "not valid Unicode"),
        (["example.created", "{}", "--event-id", "a\x00"], 1, "event_id must"),
        (["example.created", "{}", "--tenant", "a "], 1, "tenant must"),
        (["example.created", '"\\ud800"'], 1, "not valid Unicode"),
        (["example.created"], 2, "NAME and JSON"),
        ([], 2, "NAME and JSON"),
        (["example.created", "{}", "--file", "x"], 2, "--file"),
        (["--file", "missing.jsonl"], 1, "No such file"),
        (["--file", "."], 1, "directory"),
    ],
)
def test_publish_refuses(ready, arguments, code, text):
    assert text in ready("publish", *arguments, code=code).output
    assert ready.rows("published") == []


def test_an_event_id_is_published_once(ready):
    arguments = ["publish", "example.created", '{"id": 1}', "--event-id", "mine"]
    assert ready.id_of(*arguments) == ready.id_of(*arguments)
    arguments[2] = '{"id": 2}'
    assert "mine" in ready(*arguments, code=1).output
    (row,) = ready.rows("published")
    assert (row["external_id"], row["data"]) == ("mine", {"id": 1})


def test_a_file_that_is_interrupted_says_how_far_it_came(ready, folder, monkeypatch):
    line = '{"event_name": "example.created", "data": 1}\n'
    (folder / "events.jsonl").write_text("nonsense\n" + line * 700)
    publish_many = AsyncEvents.publish_many

    def interrupted(events, requests):
        if len(requests) < 499:
            raise KeyboardInterrupt
        return publish_many(events, requests)

    monkeypatch.setattr(AsyncEvents, "publish_many", interrupted)
    output = ready("publish", "--file", "events.jsonl", code=1).output
    assert "interrupted: the first 500 lines are done (499 published, 1 refused)" in output
    assert len(ready.rows("published", "--limit", "1000")) == 499


LINES = [
    (b'{"event_name": "example.created", "data": {"n": 1}}', None),
    (b"not json", "Expecting value"),
    (b"[]", "expected an object"),
    (b'{"event_name": "example.created"}', '"data" is missing'),
    (b'{"event_name": "example.created", "data": 1, "extra": 1}', "unknown keys: extra"),
    (b'{"event_name": "example.craeted", "data": 1}', "example.created"),
    (b'{"event_name": "example.created", "data": "\xff"}', "utf-8"),
    (b'{"event_name": "example.created", "data": 1, "tenant": 5}', '"tenant" must be a text'),
    (b"[" * 100_000, "nested too deeply"),
    (b'{"event_name": "example.created", "data": {"a": [{"b": 1, "b": 2}]}}', "has 'b' twice"),
    (b'{"event_name": "example.created", "data": 1, "data": 2}', "has 'data' twice"),
    (b'{"event_name": "example.created", "data": ' + b"9" * 5000 + b"}", "too many digits"),
    (b'{"event_name": "example.created", "data": 1, "event_id": "\\u0000"}', "event_id must"),
    (b'{"event_name": "example.created", "data": 1, "tenant": "\\ud800"}', "tenant must"),
    (b'{"event_name": "\\ud800", "data": 1}', "name must"),
    (b"   ", None),
    (b"", None),
    (b'{"event_name": "example.created", "data": {"n": 2}, "tenant": "t"}', None),
]


def test_bad_lines_of_a_file_are_reported_by_number_and_good_ones_published(folder, ready):
    (folder / "some.jsonl").write_bytes(b"\n".join(line for line, _ in LINES))
    found = ready("publish", "--file", "some.jsonl", code=1).stderr.splitlines()
    bad = [(number, text) for number, (_, text) in enumerate(LINES, start=1) if text]
    reported = {line.partition(":")[0]: line for line in found if line.startswith("line ")}
    assert len(reported) == len(bad)
    for number, text in bad:
        assert text in reported[f"line {number}"]
    assert found[-1] == f"2 published, {len(bad)} refused"
    assert [(one["data"], one["tenant"]) for one in ready.rows("published")] == [
        ({"n": 2}, "t"),
        ({"n": 1}, None),
    ]


def test_a_file_larger_than_a_batch(folder, ready):
    lines = [{"event_name": "example.created", "data": n} for n in range(1201)]
    (folder / "many.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert "1201 published, 0 refused" in ready("publish", "--file", "many.jsonl").stderr
    rows = ready.rows("published", "--limit", "2000")
    assert [one["data"] for one in rows] == list(range(1200, -1, -1))
    page = ready.rows("published", "--limit", "3", "--before", rows[99]["event_id"])
    assert [one["data"] for one in page] == [1100, 1099, 1098]
    assert ready.rows("published", "--name", "other") == []


def test_published_of_one_name(ready, settings):
    settings(EVENTS='{"a": {}, "b": {}}')
    for name in ("a", "b", "a"):
        ready("publish", name, "{}")
    assert [one["event_name"] for one in ready.rows("published", "--name", "a")] == ["a", "a"]
    (row,) = ready.rows("published", "--name", "a", "--limit", "1")
    (older,) = ready.rows("published", "--name", "a", "--before", row["event_id"])
    assert older["event_id"] < row["event_id"]
