"""Elasticsearch as the index: its indices and names, what is refused, settings."""

from __future__ import annotations

import json
import string
import urllib.request

import pytest
from attrs import evolve

from asyncevents_core.adapters.elasticsearch import (
    ElasticsearchConfig,
    ElasticsearchIndexerType,
)
from asyncevents_core.adapters.elasticsearch.documents import LAYOUT
from asyncevents_core.adapters.lucene import parse_query
from asyncevents_core.domain.query.nodes import (
    Bound,
    MatchAll,
    Pattern,
    RangeQuery,
    RegexQuery,
    Wild,
)
from asyncevents_core.errors import IndexUnavailable, InvalidQuery, MissingExtra
from asyncevents_core.structuring import structure
from asyncevents_core.testing.conformance.indexer_base import document, documents, hits, said
from tests.absent import without
from tests.search.documents import DOCUMENTS
from tests.search.steps import asyncevents


@pytest.fixture
def config(elasticsearch):
    prefix = elasticsearch.new_prefix()
    yield ElasticsearchConfig(urls=[elasticsearch.url], index=prefix, replicas=0, rollover=10)
    elasticsearch.forget(prefix)


@pytest.fixture
def indexer(config):
    with ElasticsearchIndexerType().open(config) as opened:
        yield opened


@pytest.fixture
def cluster(config):
    """Ask the node itself: a path to what it answers."""

    def ask(path, *, method="GET", body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(config.urls[0] + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    return ask


@pytest.fixture
def held(cluster, config):
    """Return how many documents each index holds, by its number."""

    def held() -> dict[int, int]:
        found = cluster(f"/_cat/indices/{config.index}.*?format=json")
        return {int(one["index"].split(".")[2]): int(one["docs.count"]) for one in found}

    return held


def test_each_range_of_attempts_has_an_index_of_its_own(indexer, held):
    indexer.upsert(documents(*range(1, 36)))
    assert held() == {0: 9, 1: 10, 2: 10, 3: 6}
    assert hits(indexer) == list(range(35, 0, -1))


def test_an_attempt_is_replaced_where_it_is_however_old(indexer, held):
    indexer.upsert(documents(*range(1, 36)))
    indexer.upsert(documents(3, 17, response="again"))
    assert held() == {0: 9, 1: 10, 2: 10, 3: 6}
    assert hits(indexer, said("again")) == [17, 3]


def test_an_index_whose_attempts_are_gone_is_removed(indexer, held):
    indexer.upsert(documents(*range(1, 36)))
    indexer.delete(range(1, 15))
    assert held() == {1: 5, 2: 10, 3: 6}
    indexer.delete(range(15, 36))
    assert held() == {3: 0}
    indexer.upsert(documents(2, 36))
    assert hits(indexer) == [36, 2]


def test_another_rollover_counts_from_the_next_rebuild_on(indexer, config, held):
    indexer.upsert(documents(*range(1, 26)))
    with ElasticsearchIndexerType().open(evolve(config, rollover=100)) as later:
        later.upsert(documents(5, 26))
        assert held() == {0: 9, 1: 10, 2: 7}
        rebuild = later.rebuild()
        rebuild.fill(documents(*range(1, 120)), cursor=119)
        rebuild.finish()
        assert held() == {0: 99, 1: 20}
        assert hits(indexer) == list(range(119, 0, -1))


def test_names_that_begin_alike_are_kept_apart(indexer, config, elasticsearch):
    other = evolve(config, index=f"{config.index}-staging")
    with ElasticsearchIndexerType().open(other) as staging:
        indexer.upsert(documents(1, 2))
        staging.upsert(documents(3))
        assert (hits(indexer), hits(staging)) == ([2, 1], [3])
        staging.rebuild().finish()
        assert (hits(indexer), hits(staging)) == ([2, 1], [])


def test_other_tools_read_plain_fields_and_no_payload(indexer, config, cluster):
    indexer.upsert([evolve(document(1), tenant="north")])
    (hit,) = cluster(f"/{config.index}/_search?q=event_name:example.created")["hits"]["hits"]
    assert hit["_id"] == "1"
    assert hit["_source"] == {
        "log_id": 1,
        "uuid": "00000000-0000-0000-0000-000000000001",
        "event_name": "example.created",
        "success": False,
        "started_at": "2026-09-21T14:13:21.000+00:00",
        "started_at_us": 1790000001000000,
        "duration": 0.25,
        "duration_us": 250000,
        "fate": "retrying",
        "outcome": "retryable",
        "http_status": 200,
        "detail": "HTTP 200",
        "attempt": 1,
        "subscription_id": 7,
        "sink": "http",
        "tenant": "north",
        "target": "https://receiver.example/hook",
    }


def test_payloads_make_no_fields(indexer, config, cluster):
    indexer.upsert(documents(1))
    before = cluster(f"/{config.index}/_mapping")
    (about,) = before.values()
    assert len(about["mappings"]["properties"]) == 24
    wild = {f"key{number}": {"value": number} for number in range(2000)}
    assert list(indexer.upsert([document(2, data=wild), document(3, data={"key1": "text"})])) == []
    assert cluster(f"/{config.index}/_mapping") == before
    assert hits(indexer, parse_query("data.key1999.value:1999")) == [2]


def test_what_the_server_refuses_is_told_and_its_older_version_is_gone(indexer):
    indexer.upsert(documents(1, 2, 3))
    wrong = evolve(document(2), attempt=2**70)
    (refused,) = indexer.upsert([document(1, response="new"), wrong])
    assert refused.log_id == 2
    assert "attempt" in refused.reason
    assert "out of range" in refused.reason
    assert hits(indexer) == [3, 1]
    assert hits(indexer, said("new")) == [1]


def test_words_below_long_paths_are_found_as_others(indexer):
    deep = "a-rather-long-name." * 20 + "end"
    wide = "\N{MATHEMATICAL FRAKTUR CAPITAL A}" + "\N{GOTHIC LETTER AHSA}" * 98
    data = {deep: ["blue kettle", "red toaster"], "middle" * 15: f"{wide} kettle"}
    indexer.upsert([document(1, data=data)])
    for found in (
        f'data.{deep}:"blue kettle"',
        f'data.{deep}:"kettle blue"~2',
        f"data.{deep}:ketle~1",
        f"data.{deep}:toast*",
        'data.*.end:"red toaster"',
        "data.*.end:(+toaster +kettle)",
        f'data.{"middle" * 15}:"{wide} kettle"',
        f"data.{'middle' * 15}:kettle",
        'data.data.middle*:"kettle"',
    ):
        assert hits(indexer, parse_query(found)) == [1], found
    for missing in (f'data.{deep}:"kettle red"~50', f'data.{deep}:"blue toaster"'):
        assert hits(indexer, parse_query(missing)) == [], missing


def test_indices_of_another_layout_are_made_anew_by_a_reindex(indexer, config, cluster):
    indexer.upsert(documents(1))
    meta = {"_meta": {"layout": 0, "rollover": 10}}
    cluster(f"/{config.index}/_mapping", method="PUT", body=meta)
    with pytest.raises(IndexUnavailable, match="`asyncevents reindex` makes the index anew"):
        indexer.upsert(documents(2))
    with (
        ElasticsearchIndexerType().open(config) as other,
        pytest.raises(IndexUnavailable, match="made by another version of asyncevents"),
    ):
        other.search(MatchAll(), limit=1)
    rebuild = indexer.rebuild()
    indexer.upsert(documents(2))
    assert hits(indexer) == [2]
    rebuild.fill(documents(1), cursor=1)
    rebuild.finish()
    assert hits(indexer) == [2, 1]


def test_an_index_that_was_deleted_by_hand_is_made_again(indexer, config, cluster):
    indexer.upsert(documents(1, 11))
    (index,) = cluster(f"/{config.index}/_search?q=log_id:1")["hits"]["hits"]
    cluster(f"/{index['_index']}", method="DELETE")
    assert hits(indexer) == [11]
    indexer.upsert(documents(2))
    assert hits(indexer) == [11, 2]


def test_what_a_kill_while_switching_left_behind_is_removed(indexer, config, cluster):
    indexer.upsert(documents(1))
    (old,) = cluster(f"/{config.index}/_alias")
    rebuild = indexer.rebuild()
    rebuild.fill(documents(2), cursor=2)
    rebuild.finish()
    meta = {"layout": LAYOUT, "rollover": 10}
    cluster(f"/{old}", method="PUT", body={"mappings": {"_meta": meta}})
    assert hits(indexer) == [2]
    indexer.upsert(documents(3))
    indexer.rebuild().abandon()
    assert old not in cluster(f"/{config.index}.*/_alias")
    assert hits(indexer) == [3, 2]


def test_a_cluster_that_is_not_there_is_one_line():
    gone = ElasticsearchConfig(urls=["http://127.0.0.1:1"])
    with (
        ElasticsearchIndexerType().open(gone) as opened,
        pytest.raises(IndexUnavailable, match=r"^Elasticsearch cannot be reached: HTTPConnection"),
    ):
        opened.search(MatchAll(), limit=1)


def test_what_upsert_returned_for_survives_a_kill_of_the_server(indexer, config, elasticsearch):
    indexer.upsert(documents(1, 2, 3))
    indexer.delete([2])
    elasticsearch.kill()
    try:
        with pytest.raises(IndexUnavailable, match="cannot be reached"):
            indexer.upsert(documents(4))
    finally:
        elasticsearch.start()
    assert hits(indexer) == [3, 1]
    indexer.upsert(documents(4))
    assert hits(indexer) == [4, 3, 1]


def test_an_expression_beyond_what_lucene_can_do_is_refused_with_a_reason(indexer):
    indexer.upsert(DOCUMENTS)
    query = RegexQuery(field="data.data.name", text=".*a.{190}b.{190}")
    with pytest.raises(InvalidQuery, match="Elasticsearch says"):
        indexer.search(query, limit=1)
    assert indexer.count() == len(DOCUMENTS)


def test_any_character_begins_and_ends_a_class(indexer):
    signs = string.punctuation
    indexer.upsert([document(n, data={"sign": sign}) for n, sign in enumerate(signs, 1)])
    for low in signs:
        inside = [n for n, sign in enumerate(signs, 1) if sign >= low]
        query = RegexQuery(field="data.data.sign", text=f"[\\{low}-\\~]")
        assert hits(indexer, query) == inside[::-1]
        outside = RegexQuery(field="data.data.sign", text=f"[^\\{low}-\\~]")
        assert hits(indexer, outside) == list(range(inside[0] - 1, 0, -1))


def test_what_is_longer_than_one_expression_is_searched_in_parts(indexer):
    indexer.upsert([document(1, data={"key": "kettle"})])
    query = parse_query(f"data.*:[{'k' * 70} TO {'m' * 70}]")
    assert isinstance(query, RangeQuery)
    assert indexer.search(query, limit=1, timeout=60).total == 0
    query = parse_query(f"data.*:[{'ke' + 'k' * 70} TO {'m' * 70}]")
    assert indexer.search(query, limit=1, timeout=60).total == 1


def test_what_is_much_longer_is_refused_with_a_reason(indexer):
    indexer.upsert(DOCUMENTS)
    lower, upper = (Bound(text=400 * char, inclusive=True) for char in "km")
    field = Pattern(("data.", Wild.ANY))
    with pytest.raises(InvalidQuery, match="a shorter pattern, or a shorter bound"):
        indexer.search(RangeQuery(field=field, lower=lower, upper=upper), limit=1)


def test_long_bounds_are_no_matter_where_a_field_is_named(indexer):
    indexer.upsert([document(1, data={"key": "k" * 450})])
    for field in ("data.key:", ""):
        assert hits(indexer, parse_query(f"{field}[{'k' * 400} TO {'m' * 400}]")) == [1]


def test_a_worker_indexes_and_commands_search_check_and_index_anew(project, tmp_path, config):
    options = {"urls": list(config.urls), "index": config.index, "replicas": 0}
    with (tmp_path / "search_settings.py").open("a") as file:
        file.write(f"\nINDEXER = 'elasticsearch'\nINDEXERS = {{'elasticsearch': {options!r}}}\n")
    for number in range(5):
        project.publish("order.created", {"id": number, "items": [{"sku": f"A-{number}"}]})
    assert asyncevents("worker", "--drain").returncode == 0
    for _ in range(2):
        done = asyncevents("logs", "data.data.items.sku: A-3", "--json")
        (row,) = [json.loads(line) for line in done.stdout.splitlines()]
        assert (row["event_name"], row["outcome"]) == ("order.created", "delivered")
        assert asyncevents("reindex").returncode == 0

    findings = [json.loads(line) for line in asyncevents("check", "--json").stdout.splitlines()]
    (found,) = [one for one in findings if one["what"] == "search"]
    assert found["detail"] == "elasticsearch: 5 attempts indexed, 0 wait"


def test_without_the_extra_it_says_how_to_install_it(monkeypatch):
    without(monkeypatch, "elasticsearch", "asyncevents_core.adapters.elasticsearch.")
    with pytest.raises(MissingExtra, match=r"asyncevents-core\[elasticsearch\]"):
        ElasticsearchIndexerType().open(ElasticsearchConfig())


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"urls": []}, "one URL at least"),
        ({"urls": "http://localhost:9200"}, "urls: expected a list, got str"),
        ({"urls": ["localhost:9200"]}, "is not a URL such as https://es1.example:9200"),
        ({"urls": ["https://me:secret@es1"]}, "credentials belong into username and password"),
        ({"index": "Shop"}, "lower-case letters"),
        ({"index": "shop.events"}, "lower-case letters"),
        ({"username": "me"}, "username and password are given together"),
        ({"username": "me", "password": "p", "api_key": "k"}, "not both"),
        ({"client_key": "key.pem"}, "belongs to a client_cert"),
        ({"ca_certs": "ca.pem"}, "with https:// only"),
        ({"rollover": 0}, "rollover"),
        ({"bulk_bytes": 1}, "bulk_bytes"),
        ({"shard": 1}, "no such option"),
    ],
    ids=str,
)
def test_a_mistake_in_the_settings_is_named(values, problem):
    problems = []
    structure(ElasticsearchConfig, values, "INDEXERS.elasticsearch", problems)
    assert len(problems) == 1
    assert problem in problems[0]
    assert "secret@" not in problems[0]


def test_secrets_are_not_shown():
    shown = repr(ElasticsearchConfig(username="me", password="hidden"))
    assert "hidden" not in shown
    assert "hidden" not in repr(ElasticsearchConfig(api_key="hidden"))
