"""What is exported with its payload: in batches, however many rows there are and how large."""

from __future__ import annotations

import csv
import io
import json

import pytest

from asyncevents_core.domain import log_csv
from asyncevents_core.domain.trace import LogBatch, LogFilter
from asyncevents_core.engine.searching import export
from asyncevents_core.engine.searching.export import BATCH_BYTES, batches_of_log
from asyncevents_core.engine.searching.pages import pages_of_log
from asyncevents_core.forms import LogRowForm, PayloadRowForm
from asyncevents_core.testing.ledger import make_ledger
from tests.search.steps import attempts

BODY = b'{"specversion": "1.0", "data": {"text": "%s"}}'


class Counting:
    """A ledger that counts its reads."""

    def __init__(self, ledger):
        self._ledger = ledger
        self.reads = 0

    def read(self, work):
        self.reads += 1
        return self._ledger.read(work)


@pytest.fixture
def ledger(tmp_path):
    made = make_ledger(tmp_path)
    yield made
    made.close()


def exported(ledger, *, payload=True):
    return list(batches_of_log(ledger, pages_of_log(ledger, LogFilter()), payload=payload))


def test_each_row_has_the_payload_of_its_event(ledger):
    for text in (b"one", b"two", b"three"):
        attempts(ledger, 2, body=BODY % text)
    (batch,) = exported(ledger)
    texts = [
        json.loads(batch.payloads[one.event_id])["data"]["text"]
        for one in sorted(batch.rows, key=lambda one: one.log_id)
    ]
    assert texts == ["one", "one", "two", "two", "three", "three"]


def test_there_is_no_query_for_each_row(ledger):
    attempts(ledger, 1500)
    counting = Counting(ledger)
    batches = exported(counting)
    assert sum(len(one.rows) for one in batches) == 1500
    # Two pages; for each of them the rows, the sizes, the payloads.
    assert counting.reads == 6
    counting = Counting(ledger)
    assert [one.payloads for one in exported(counting, payload=False)] == [None, None]
    assert counting.reads == 2


def test_batches_are_small_however_large_payloads_are(ledger, monkeypatch):
    monkeypatch.setattr(export, "BATCH_BYTES", 1000)
    sizes = [10, 400, 400, 400, 5000, 10, 990]
    for size in sizes:
        attempts(ledger, 1, body=BODY % (b"x" * size))
    found = exported(ledger)
    rows = [one.log_id for batch in found for one in batch.rows]
    assert sorted(rows) == sorted(set(rows))
    assert len(rows) == len(sizes)
    for batch in found:
        held = sum(len(batch.payloads[one.event_id]) for one in batch.rows)
        assert held <= 1000 or len(batch.rows) == 1


def test_a_payload_counts_as_often_as_there_are_rows_of_it(ledger, monkeypatch):
    attempts(ledger, 1, body=BODY % (b"x" * 600))
    (page,) = pages_of_log(ledger, LogFilter())
    monkeypatch.setattr(export, "BATCH_BYTES", 1300)
    sizes = [len(one.rows) for one in batches_of_log(ledger, [page * 5], payload=True)]
    assert sizes == [2, 2, 1]


def test_a_payload_that_is_not_kept_any_more_is_empty(ledger):
    attempts(ledger, 1)
    (batch,) = exported(ledger)
    (gone,) = PayloadRowForm.of_batch(LogBatch(rows=batch.rows, payloads={}), json.loads)
    assert gone.payload is None
    text = log_csv.lines(LogBatch(rows=batch.rows, payloads={})).decode()
    assert text.endswith(",\r\n")


def test_columns_of_csv_are_those_of_json_and_the_payload(ledger):
    attempts(ledger, 2, body=BODY % '=1+1 žluť, \\"quoted\\"'.encode())
    (batch,) = exported(ledger)
    text = (log_csv.header(payload=True) + log_csv.lines(batch)).decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    forms = PayloadRowForm.of_batch(batch, json.loads)
    assert list(rows[0]) == [*log_csv.COLUMNS, "payload"]
    assert [json.loads(one["payload"]) for one in rows] == [one.payload for one in forms]
    assert rows[0]["payload"].encode() == batch.payloads[batch.rows[0].event_id]
    plain = [LogRowForm.of(one) for one in batch.rows]
    assert [one.log_id for one in plain] == [one.log_id for one in forms]


def test_an_export_holds_one_batch_at_a_time(ledger):
    attempts(ledger, 3, body=BODY % (b"x" * (BATCH_BYTES // 2)))
    counting = Counting(ledger)
    batches = batches_of_log(counting, pages_of_log(counting, LogFilter()), payload=True)
    assert counting.reads == 0
    first = next(batches)
    assert (len(first.rows), counting.reads) == (1, 3)
    assert [len(one.rows) for one in batches] == [1, 1]
    assert counting.reads == 5
