"""Elasticsearch that is busy, slow, gone, or asks who is there: a real node behind a proxy."""

from __future__ import annotations

import datetime
import ipaddress
import logging
import ssl

import pytest
from attrs import evolve
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from elasticsearch import Elasticsearch

from asyncevents_core.adapters.elasticsearch import (
    ElasticsearchConfig,
    ElasticsearchIndexerType,
)
from asyncevents_core.adapters.elasticsearch.bulk import PAUSES, Action, Bulk
from asyncevents_core.domain.query.nodes import MatchAll
from asyncevents_core.engine.searching.feed import IndexFeed
from asyncevents_core.errors import IndexUnavailable, InvalidQuery, SearchTimeout
from asyncevents_core.testing.conformance.indexer_base import document, documents, hits, said
from tests.search.proxy import (
    answering,
    forwarded_then_reset,
    hanging,
    items_busy,
    running,
)
from tests.search.steps import attempts

BUSY = answering(429, "the queue is full", "es_rejected_execution_exception")


@pytest.fixture
def proxy(elasticsearch):
    with running(elasticsearch.url) as started:
        yield started


@pytest.fixture
def config(elasticsearch, proxy):
    prefix = elasticsearch.new_prefix()
    yield ElasticsearchConfig(urls=[proxy.url], index=prefix, replicas=0, request_timeout=30.0)
    elasticsearch.forget(prefix)


@pytest.fixture
def indexer(config):
    with ElasticsearchIndexerType().open(config) as opened:
        opened.upsert(documents(1))
        yield opened


@pytest.fixture
def queued(ledger):
    """A ledger with five attempts that wait for the index."""
    attempts(ledger, 5)
    return ledger


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def bulk(proxy, pauses):
    with Elasticsearch(proxy.url, retry_on_status=()) as client:
        yield Bulk(client, size=10_000_000, parallel=2, sleep=pauses.append)


@pytest.fixture
def alias(indexer, config, proxy):
    """The alias to write to."""
    with Elasticsearch(proxy.url) as client:
        (about,) = client.indices.get_alias(index=f"{config.index}.*").body.values()
    return next(one for one in about["aliases"] if one.endswith(".write"))


def bulks(proxy):
    return [one for one in proxy.calls if one.endswith("/_bulk")]


def test_a_busy_cluster_is_asked_again_after_a_pause(indexer, proxy):
    proxy.fail("/_bulk", BUSY, times=2)
    assert list(indexer.upsert(documents(2, 3))) == []
    assert hits(indexer) == [3, 2, 1]


def test_documents_that_it_is_too_busy_for_are_sent_again_alone(indexer, proxy):
    proxy.fail("/_bulk", items_busy(3), times=2)
    before = len(bulks(proxy))
    assert list(indexer.upsert(documents(2, 3, 4))) == []
    assert len(bulks(proxy)) == before + 3
    assert hits(indexer) == [4, 3, 2, 1]


def test_pauses_grow_and_end(bulk, alias, proxy, pauses):
    proxy.fail("/_bulk", BUSY, times=100)
    with pytest.raises(IndexUnavailable, match="too busy to write: the queue is full"):
        bulk.write([Action("index", alias, 5, b'{"log_id":5}')])
    assert tuple(pauses) == PAUSES
    assert len(bulks(proxy)) == len(PAUSES) + 2


def test_no_document_is_lost_while_another_is_refused_and_a_third_has_to_wait(indexer, proxy):
    proxy.fail("/_bulk", items_busy(4))
    wrong = evolve(document(3), attempt=2**70)
    (refused,) = indexer.upsert([document(2), wrong, document(4)])
    assert refused.log_id == 3
    assert hits(indexer) == [4, 2, 1]


def test_requests_are_no_larger_than_the_settings_say(config, proxy):
    with ElasticsearchIndexerType().open(evolve(config, bulk_bytes=20_000)) as indexer:
        data = {"text": "word " * 500}
        assert list(indexer.upsert([document(one, data=data) for one in range(1, 31)])) == []
        assert len(bulks(proxy)) > 10
        assert hits(indexer) == list(range(30, 0, -1))


def test_what_is_too_large_for_the_cluster_is_sent_in_parts(indexer, proxy):
    proxy.fail("/_bulk", answering(413, "too large"))
    assert list(indexer.upsert(documents(2, 3, 4))) == []
    assert hits(indexer) == [4, 3, 2, 1]


def test_a_document_that_is_too_large_by_itself_is_refused(indexer, proxy):
    proxy.fail("/_bulk", answering(413, "too large"))
    (refused,) = indexer.upsert(documents(1))
    assert refused.log_id == 1
    assert "more than the cluster takes" in refused.reason
    assert hits(indexer) == []


def test_a_connection_that_breaks_is_unavailable_and_repeating_doubles_nothing(indexer, proxy):
    proxy.fail("/_bulk", forwarded_then_reset, times=10)
    with pytest.raises(IndexUnavailable, match="cannot be reached"):
        indexer.upsert(documents(1, 2, response="new"))
    proxy.heal()
    indexer.upsert(documents(1, 2, response="new"))
    assert hits(indexer, said("new")) == [2, 1]
    assert indexer.count() == 2


def test_an_answer_that_does_not_come_is_unavailable(config, proxy):
    with ElasticsearchIndexerType().open(evolve(config, request_timeout=0.5)) as indexer:
        proxy.fail("/_bulk", hanging, times=10)
        with pytest.raises(IndexUnavailable, match="timed out"):
            indexer.upsert(documents(1))


def test_a_search_that_is_not_answered_in_time_says_so(indexer, proxy):
    assert hits(indexer) == [1]
    proxy.fail("/_search", hanging)
    with pytest.raises(SearchTimeout, match=r"longer than 0\.2 s"):
        indexer.search(MatchAll(), limit=1, timeout=0.2)
    assert hits(indexer) == [1]


def test_a_search_that_the_cluster_gave_up_says_so(indexer, proxy):
    half = {"timed_out": True, "hits": {"total": {"value": 0, "relation": "eq"}, "hits": []}}
    proxy.fail("/_search", lambda request: request.answer(200, half))
    with pytest.raises(SearchTimeout):
        indexer.search(MatchAll(), limit=1)
    proxy.fail("/_search", answering(504, "Time exceeded", "search_timeout_exception"))
    with pytest.raises(SearchTimeout):
        indexer.search(MatchAll(), limit=1)


@pytest.mark.parametrize("status", [404, 503])
def test_a_search_that_meets_a_switch_of_generations_is_asked_again(indexer, proxy, status):
    assert hits(indexer) == [1]
    proxy.fail("/_search", answering(status, "no such index"))
    assert hits(indexer) == [1]


def test_parts_of_the_index_that_are_gone_make_no_half_answers(indexer, proxy):
    proxy.fail("/_search", answering(503, "all shards failed"), times=10)
    with pytest.raises(IndexUnavailable, match="cannot be searched: all shards failed"):
        indexer.search(MatchAll(), limit=1)


def test_a_query_that_the_cluster_refuses_is_invalid(indexer, proxy):
    proxy.fail("/_search", answering(400, "maxClauseCount is set to 1", "too_many_clauses"))
    with pytest.raises(InvalidQuery, match="Elasticsearch says maxClauseCount"):
        indexer.search(MatchAll(), limit=1)


def test_one_that_is_no_elasticsearch_is_named(indexer, proxy):
    proxy.fail("/_search", lambda request: request.send(200, {}, b"{}"))
    with pytest.raises(IndexUnavailable, match="not Elasticsearch"):
        indexer.search(MatchAll(), limit=1)


def test_what_waits_is_indexed_once_the_cluster_is_back(indexer, proxy, queued):
    feed = IndexFeed(queued, indexer)
    proxy.down = True
    for _ in range(3):
        with pytest.raises(IndexUnavailable, match="cannot be reached"):
            feed.step()
        with pytest.raises(IndexUnavailable, match="cannot be reached"):
            indexer.search(MatchAll(), limit=1)
    assert queued.read(lambda view: view.index.backlog()).waiting == 5
    proxy.down = False
    assert feed.step() == 5
    assert indexer.count() == 5
    assert queued.read(lambda view: view.index.backlog()).waiting == 0


def test_what_the_cluster_refuses_is_set_aside_and_reported(indexer, proxy, queued, caplog):
    refusing = answering(413, "too large")
    proxy.fail("/_bulk", refusing, times=9)
    with caplog.at_level(logging.WARNING):
        assert IndexFeed(queued, indexer).step() == 5
    proxy.heal()
    aside = [one for one in caplog.records if "set aside" in one.message]
    assert len(aside) == 5
    assert "more than the cluster takes" in aside[0].reason
    assert queued.read(lambda view: view.index.backlog()).set_aside == 5


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({"api_key": "bXk6a2V5"}, "ApiKey bXk6a2V5"),
        ({"username": "me", "password": "mine"}, "Basic bWU6bWluZQ=="),
    ],
    ids=["api_key", "password"],
)
def test_credentials_are_sent_and_wrong_ones_are_named_but_not_shown(
    config, proxy, settings, header
):
    proxy.authorization = header
    with ElasticsearchIndexerType().open(evolve(config, **settings)) as indexer:
        indexer.upsert(documents(1))
        assert hits(indexer) == [1]
        proxy.authorization = "another"
        with pytest.raises(IndexUnavailable, match="refuses the credentials") as caught:
            indexer.search(MatchAll(), limit=1)
        assert not {"bXk6a2V5", "mine"} & set(str(caught.value).split())


def test_what_is_not_allowed_is_named(indexer, proxy):
    reason = "action [indices:data/write/bulk] is unauthorized for API key"
    proxy.fail("/_bulk", answering(403, reason, "security_exception"))
    with pytest.raises(IndexUnavailable, match=r"does not allow it \(403\): action .* unauth"):
        indexer.upsert(documents(2))


class Certificates:
    """One that signs itself, for 127.0.0.1 and for who connects."""

    def __init__(self, folder):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        now = datetime.datetime.now(datetime.UTC)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.certificate = folder / "certificate.pem"
        self.key = folder / "key.pem"
        self.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def server(self, *, ask: bool) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if ask:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.certificate)
        return context


@pytest.fixture
def certificates(tmp_path):
    return Certificates(tmp_path)


def reached(config, **settings):
    with ElasticsearchIndexerType().open(evolve(config, **settings)) as indexer:
        return list(indexer.upsert(documents(1))) == [] and hits(indexer) == [1]


def test_certificates_are_verified_by_those_of_the_settings(elasticsearch, config, certificates):
    with running(elasticsearch.url, certificates.server(ask=False)) as secure:
        config = evolve(config, urls=[secure.url])
        assert reached(config, ca_certs=str(certificates.certificate))
        assert reached(config, verify_certs=False)
        with pytest.raises(IndexUnavailable, match=r"(?i)certificate.verify.failed"):
            reached(config)


def test_a_certificate_tells_who_connects(elasticsearch, config, certificates):
    with running(elasticsearch.url, certificates.server(ask=True)) as secure:
        trusted = str(certificates.certificate)
        config = evolve(config, urls=[secure.url], ca_certs=trusted)
        assert reached(config, client_cert=trusted, client_key=str(certificates.key))
        with pytest.raises(IndexUnavailable):
            reached(config)


def test_a_certificate_that_cannot_be_read_is_named(config, tmp_path):
    gone = str(tmp_path / "gone.pem")
    config = evolve(config, urls=["https://127.0.0.1:1"], ca_certs=gone)
    with pytest.raises(IndexUnavailable, match=r"ca_certs: cannot be read: .*gone\.pem"):
        reached(config)
