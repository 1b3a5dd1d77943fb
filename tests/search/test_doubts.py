"""What a query is probably meant as: doubts are said, and nothing is sent again for their sake."""

from __future__ import annotations

import itertools
import re

import pytest
from click.testing import CliRunner

from asyncevents_core.adapters.lucene import Lucene, parse_query
from asyncevents_core.cli.app import cli
from asyncevents_core.domain.access import Actor
from asyncevents_core.domain.query.explaining import explained
from asyncevents_core.domain.query.fields import FIELDS
from asyncevents_core.engine.replaying.by_query import count_found, found_filter, replay_found
from asyncevents_core.errors import InvalidQuery
from tests.search.documents import attempt

CHEAT_SHEET = "In a QUERY"
BY = Actor.trusted("veronica")

WIDER = [
    ("event_name:order.* and success:false", "and", "AND in capital letters"),
    ("event_name:order.* And success:false", "And", "AND in capital letters"),
    ("a or b", "or", "OR in capital letters"),
    ("event_name:a not success:true", "not", "NOT in capital letters"),
    ("not success:true", "not", "NOT in capital letters"),
    ("(a and b) OR c", "and", "AND in capital letters"),
    ("event_name:(a and b)", "and", "AND in capital letters"),
    ("+a and +b", "and", "AND in capital letters"),
    ("success=false", "success=false", "success:false"),
    ("data.data.sku=A-1 AND a", "data.data.sku=A-1", "data.data.sku:A-1"),
    ("data.path:/var/log/x", "/var/log/x", "read as a regular expression"),
    ("/api/v1/orders", "/api/v1/orders", "read as a regular expression"),
    ("-5", "-5", 'the number goes into quotes: "-5"'),
    ("(-3.25 OR 12)", "-3.25", 'the number goes into quotes: "-3.25"'),
    ("1 TO 5", "TO", "a range stands in brackets"),
    ("data.total:(1 TO 5)", "TO", "a range stands in brackets"),
]
FINE = [
    "a AND b", "a && b", "NOT a", "!a", "a OR b", '"and"', "data.name:and", "data.name:not",
    '"a and b"', "\\and", "android", "/ord.*/", "data.name:/ord.*/", "data.name:/ord.*/ AND a",
    "attempt:>=5", "created:<=now-1d", '"a=b"', "data.name:a=b", "data.name:[a TO b]",
    "data.name:[and TO or]", "data.name:[TO TO b]", "data.name:TO", "TO",
    "data.total:(-3.25 OR 12)", "data.total:-5",
    "data.total:>-5", "-a", "-5a", "NOT 5", '"-5"', "\\-5", "data.a.b:1 OR data.a.c:2",
    "data.a.b:1 AND data.a.b:2", "data.a:1 AND data.b:2", "event_name:a AND data.a.b:2", "*:*",
    "1=2", "data.name:CK*", 'data.name:"CK\\*"',
]  # fmt: skip


ID = "01a20d2c-2402-7887-a2df-6b0b075426a8"


@pytest.mark.parametrize(
    "text", ["data.id:42", 'data.id:"A-42"', "a AND data.id:[1 TO *]", "data.id:>5"]
)
def test_an_id_that_no_event_has_is_probably_one_of_the_payload(text):
    (doubt,) = Lucene().doubts(text)
    assert (doubt.found, doubt.position) == ("data.id", text.index("data.id"))
    assert "data.data.id" in doubt.hint


@pytest.mark.parametrize(
    "text",
    [f"data.id:{ID}", f'data.id:"{ID.upper()}"', "data.id:01a2*", "data.id:*", "data.data.id:42",
     "event_id:42", f"data.id:({ID} OR {ID})"],
)  # fmt: skip
def test_the_id_of_an_event_is_no_doubt(text):
    assert not Lucene().doubts(text)


@pytest.mark.parametrize(("text", "found", "hint"), WIDER)
def test_what_is_doubtful_and_would_find_more(text, found, hint):
    parse_query(text)
    (doubt, *_) = [one for one in Lucene().doubts(text) if one.widens]
    assert (doubt.found, doubt.position) == (found, text.index(found))
    assert hint in doubt.hint
    assert f"position {doubt.position + 1}" in str(doubt)


@pytest.mark.parametrize("text", FINE)
def test_what_is_not(text):
    parse_query(text)
    assert list(Lucene().doubts(text)) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [("data.total:(12 -3.25)", "-3.25"), ("kettle -5", "-5"), ("data.a:(x AND -1e5)", "-1e5")],
)
def test_a_number_that_is_excluded_is_doubtful(text, found):
    (doubt,) = Lucene().doubts(text)
    assert (doubt.found, doubt.position, doubt.widens) == (found, text.index(found), False)


@pytest.mark.parametrize(
    "text",
    [
        "data.items.sku:A AND data.items.qty:>1",
        "data.data.items.sku:A AND data.data.items.qty:>1 AND success:true",
        "+data.items.sku:A -data.items.qty:1",
        "a OR (data.items.sku:A AND data.items.qty:>1)",
        "data.items.sku:A AND (data.items.qty:1 OR data.items.qty:2)",
    ],
)
def test_conditions_on_the_items_of_an_array_are_doubtful(text):
    (doubt,) = Lucene().doubts(text)
    assert doubt.found in {"data.items", "data.data.items"}
    assert text[doubt.position :].startswith(doubt.found)
    assert "may be met by another item" in doubt.hint
    assert not doubt.widens


@pytest.mark.parametrize("text", ['data.name:"CK*"', '"te?t"', 'a AND "x *"'])
def test_wildcards_in_quotes_are_doubtful_and_find_less(text):
    (doubt,) = Lucene().doubts(text)
    assert not doubt.widens
    assert "within quotes it stands for itself" in doubt.hint


@pytest.mark.parametrize("text", [one for one, *_ in WIDER])
def test_nothing_is_sent_again_for_a_doubtful_query(ledger, search, text):
    wanted = found_filter(ledger, text)
    with pytest.raises(InvalidQuery, match="position"):
        count_found(ledger, search, wanted)
    with pytest.raises(InvalidQuery, match="position"):
        replay_found(ledger, search, wanted, by=BY)
    # To look is not to send.
    search.page(text, limit=1)


def test_fields_that_no_attempt_has_are_doubtful(search):
    reading = search.reading("data.sku:A AND data.data.total:>5 AND success:true AND data.x*:1")
    assert [(one.found, one.widens) for one in reading.doubts] == [
        ("data.sku", False),
        ("data.data.total", False),
    ]
    assert "no attempt in the index has such a field" in reading.doubts[0].hint


def test_a_field_that_is_further_down_is_suggested(indexer, search):
    indexer.upsert([attempt(1, "a.b", "2026-11-23T10:00:00", {"items": [{"sku": "A"}]})])
    reading = search.reading("data.sku:A AND data.qty:1 AND data.items.sku:A")
    assert [one.hint for one in reading.doubts] == [
        "no attempt in the index has such a field",
        "no attempt in the index has such a field; data.data.*.sku is there, further down",
    ]


def cheat_sheet():
    """Return what the command's help says of the language, line by line."""
    text = CliRunner().invoke(cli, ["logs", "--help"], prog_name="asyncevents").output
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if CHEAT_SHEET in line)
    return list(itertools.takewhile(str.strip, lines[start:])), lines


def test_the_help_has_the_language_in_80_columns():
    sheet, lines = cheat_sheet()
    assert max(map(len, lines)) <= 80
    text = "\n".join(sheet)
    for construct in (
        "AND",
        "NOT",
        "*",
        "?",
        "~",
        "TO",
        "_exists_",
        "now-",
        "/",
        '"',
        "-3.25",
        "\\",
    ):
        assert construct in text
    assert all(name in text for name in (*FIELDS, "data."))


def test_what_the_help_shows_is_understood_without_doubt():
    sheet, _ = cheat_sheet()
    rows = [re.split(r" {2,}", line.strip(), maxsplit=1) for line in sheet[1:]]
    queries = [row[0] for row in rows if len(row) == 2]
    assert len(queries) >= 10
    for query in queries:
        parse_query(query)
        assert list(Lucene().doubts(query)) == [], query


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("*:*", ["every attempt"]),
        ("success:false", ["success is “false”"]),
        ("a", ["event_name, uuid or anything in the payload is “a”"]),
        (
            "event_name:order.* AND NOT success:true",
            ["all of:", "  event_name has the form “order.*”", "none of:", "  success is “true”"],
        ),
        ("NOT success:true", ["everything but:", "  success is “true”"]),
        ("uuid:a OR data.sku:B", ["at least one of:", "  uuid is “a”", "  data.data.sku is “B”"]),
        ("attempt:[2 TO 5}", ["attempt is from “2” below “5”"]),
        ("attempt:>2", ["attempt is above “2”"]),
        ('data.a:"b c"~3', ["data.data.a has the words “b c”, moved by 3 places at most"]),
        ('data.a:"b c"~1', ["data.data.a has the words “b c”, moved by 1 place at most"]),
        ("data.a:/b+/", ["data.data.a matches the regular expression /b+/"]),
        ("data.a:word~2", ["data.data.a has a word like “word” (2 letters)"]),
        (
            "data.t:(-3.25 OR 12)",
            ["at least one of:", "  data.data.t is “-3.25”", "  data.data.t is “12”"],
        ),
        ("data.t:[TO TO b]", ["data.data.t is from “TO” to “b”"]),
        (
            "uuid:a OR (uuid:b OR (uuid:c OR uuid:d))",
            ["at least one of:", *(f"  uuid is “{one}”" for one in "abcd")],
        ),
        ("data.a:word~1", ["data.data.a has a word like “word” (1 letter)"]),
        ("_exists_:data.a", ["data.data.a has a value"]),
    ],
)  # fmt: skip
def test_how_a_query_is_read(text, lines):
    assert list(explained(parse_query(text))) == lines


@pytest.mark.parametrize(
    ("of_the_log", "older"),
    [
        ("started_at:>now-1d", "created:>now-1d"),
        ("started_at:2026-11", "created:2026-11"),
        ("fate:(retrying OR dead_lettered)", "status:(retrying OR dead_lettered)"),
        ("target:*.example*", "recipient_url:*.example*"),
        ("_exists_:target", "_exists_:recipient_url"),
        ("event_id:abc", "data.id:abc"),
    ],
)
def test_the_names_of_the_log_mean_the_same(of_the_log, older):
    now = 1_780_000_000_000_000
    assert parse_query(of_the_log, now=now) == parse_query(older, now=now)
