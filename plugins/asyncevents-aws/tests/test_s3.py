"""Objects in S3: keys, what is kept with them, batches, and what errors mean."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from attrs import evolve
from botocore.awsrequest import AWSResponse
from botocore.stub import Stubber

from amazon import ACCOUNT, KEYS, REGION
from asyncevents_aws.config import S3Config
from asyncevents_aws.expressions import Event
from asyncevents_aws.failures import CODES
from asyncevents_aws.keys import KeyTemplate, batch_id_of, template_of
from asyncevents_aws.kinds import S3SinkType
from asyncevents_aws.targets import Bucket, read_bucket
from asyncevents_core.plugin import Failure, OutcomeKind
from asyncevents_core.testing import make_request as make

CORPUS = Path(__file__).parents[4] / "shared" / "data" / "github-events.jsonl"
KIND = S3SinkType()
POINT = f"arn:aws:s3:{REGION}:{ACCOUNT}:accesspoint/orders"
DATA = {"id": 42, "paid": True, "customer": {"id": "c-7", "name": "Grüße"}, "path": "../a b/ü"}


def make_request(*, target="s3://orders/in", **wanted):
    return make(sink_type=KIND, target=target, **wanted)


@pytest.fixture
def bucket(places):
    return places.bucket()


@pytest.fixture
def sink(settings):
    made = KIND.open(S3Config(**settings))
    yield made
    made.close()


def put(sink, *requests):
    outcomes = sink.deliver_batch(requests, 15.0)
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}, outcomes
    return outcomes


def only(bucket):
    (body,) = bucket.bodies()
    (found,) = bucket.messages
    return body, found


def test_an_object_is_the_cloudevent(sink, bucket):
    request = make_request(target=bucket.target, tenant="acme")
    (outcome,) = put(sink, request)
    body, found = only(bucket)
    key = f"orders/2026-01-01/000000000000-sales.order.created-{request.delivery_id}.json"
    assert (body, found["Key"]) == (request.body, key)
    assert outcome.detail == f"object {key}"
    assert found["ContentType"] == "application/cloudevents+json"
    assert found["Metadata"] == {
        "event_id": str(request.event_id),
        "event_name": "sales.order.created",
        "delivery_id": str(request.delivery_id),
        "tenant": "acme",
    }


def test_the_same_attempt_again_writes_the_same_object(sink, bucket):
    request = make_request(target=bucket.target)
    put(sink, request)
    put(sink, evolve(request, attempt=2))
    assert bucket.bodies() == [request.body]


def test_other_deliveries_of_an_event_are_objects_of_their_own(sink, bucket):
    request = make_request(target=bucket.target)
    put(sink, request)
    put(sink, evolve(request, delivery_id=make_request().delivery_id))
    assert bucket.bodies() == [request.body] * 2


@pytest.mark.parametrize(
    ("template", "key"),
    [
        ("{date}/{event_name}/{delivery_id}.json", "2026-01-01/sales.order.created/{id}.json"),
        ("year=2026/{hour}/{time}-{delivery_id}", "year=2026/00/000000000000-{id}"),
        ("{tenant}/{subscription}/{delivery_id}", "_/1/{id}"),
        ("{data.customer.id}/{data.id}-{data.paid}/{delivery_id}", "c-7/42-true/{id}"),
        ("{data.customer.name}/{delivery_id}", "Gr__e/{id}"),
        ("{data.path}/{delivery_id}", ".._a_b__/{id}"),
        ("{data.nothing}/{data.customer}/{delivery_id}", "_/_/{id}"),
    ],
)
def test_keys_are_made_from_the_event(sink, bucket, template, key):
    request = make_request(target=bucket.target, data=DATA, options={"key": template})
    put(sink, request)
    _, found = only(bucket)
    assert found["Key"] == "orders/" + key.replace("{id}", str(request.delivery_id))


@pytest.mark.parametrize("dots", [".", "..", "..."])
def test_a_value_of_dots_leads_nowhere_else(sink, bucket, dots):
    options = {"key": "{tenant}/{delivery_id}"}
    request = make_request(target=bucket.target, tenant=dots, options=options)
    put(sink, request)
    _, found = only(bucket)
    assert found["Key"] == f"orders/_/{request.delivery_id}"


def test_a_long_value_is_cut_and_the_longest_key_is_taken(sink, bucket):
    target = f"{bucket.target}/{'p' * 290}"
    template = "/".join(["{data.long}"] * 4 + ["{delivery_id}"])
    request = make_request(target=target, data={"long": "x" * 500}, options={"key": template})
    put(sink, request)
    _, found = only(bucket)
    assert found["Key"].count("x") == 4 * 128


def test_keys_sort_by_time():
    template = template_of(None, batch=False)
    early, late = make_request(event_name="b"), make_request(event_name="a")
    late = evolve(late, body=late.body.replace(b"00:00:00", b"00:00:01"))
    assert b"00:00:01" in late.body
    assert template.fill(Event(early)) < template.fill(Event(late))


def test_what_is_kept_with_an_object(sink, bucket, calls):
    options = {
        "storage_class": "STANDARD_IA",
        "kms_key": "alias/events",
        "content_type": "application/json; charset=utf-8",
        "metadata": ["data.customer.id", "data.customer.name", "data.id", "data.paid", "data.no"],
    }
    put(sink, make_request(target=bucket.target, data=DATA, options=options))
    _, found = only(bucket)
    assert found["StorageClass"] == "STANDARD_IA"
    assert found["ContentType"] == "application/json; charset=utf-8"
    assert found["ServerSideEncryption"] == "aws:kms"
    kept = {name: value for name, value in found["Metadata"].items() if name.startswith("data")}
    # S3 takes ASCII only.
    assert kept == {"data.customer.id": "c-7", "data.id": "42", "data.paid": "true"}
    (params,) = [params for name, params in calls if name == "PutObject"]
    assert params["SSEKMSKeyId"] == "alias/events"


def test_metadata_stays_within_two_kilobytes(sink, bucket):
    data = {f"{letter * 100}": letter * 250 for letter in "abcdef"}
    options = {"metadata": [f"data.{name}" for name in data]}
    put(sink, make_request(target=bucket.target, data=data, options=options))
    _, found = only(bucket)
    kept = found["Metadata"]
    assert sum(len(name) + len(value) for name, value in kept.items()) <= 2048
    assert 4 < len(kept) < 9


def test_a_bucket_without_a_prefix(sink, bucket):
    target = bucket.target.removesuffix("/orders")
    for one in (target, f"{target}/"):
        put(sink, make_request(target=one, options={"key": "{delivery_id}"}))
    assert len(bucket.bodies()) == 2
    assert not any("/" in one["Key"] for one in bucket.messages)


BATCH = {"batch": True}


def test_a_batch_is_one_object_of_lines(sink, bucket, calls):
    requests = [make_request(target=bucket.target, data=n, options=BATCH) for n in range(5)]
    outcomes = put(sink, *requests)
    body, found = only(bucket)
    assert body == b"".join(one.body + b"\n" for one in requests)
    assert found["ContentType"] == "application/x-ndjson"
    assert found["Metadata"] == {"events": "5"}
    batch_id = batch_id_of(one.delivery_id for one in requests)
    assert found["Key"] == f"orders/2026-01-01/000000000000-{batch_id}.jsonl"
    assert {one.detail for one in outcomes} == {f"object {found['Key']}"}
    assert [name for name, _ in calls] == ["PutObject"]


def test_the_same_batch_again_writes_the_same_object(sink, bucket):
    requests = [make_request(target=bucket.target, data=n, options=BATCH) for n in range(3)]
    put(sink, *requests)
    put(sink, *reversed([evolve(one, attempt=2) for one in requests]))
    assert len(bucket.bodies()) == 1
    put(sink, *requests[:2])
    assert len(bucket.bodies()) == 2


def test_one_that_is_too_large_does_not_spoil_a_batch(sink, bucket):
    options = {"batch": True, "max_bytes": 1000}
    requests = [
        make_request(target=bucket.target, data="x" * size, options=options) for size in (1, 999, 2)
    ]
    outcomes = sink.deliver_batch(requests, 15.0)
    assert [one.kind.value for one in outcomes] == ["delivered", "permanent", "delivered"]
    assert outcomes[1].detail.startswith("too large: ")
    body, _ = only(bucket)
    assert body.splitlines() == [requests[0].body, requests[2].body]


def test_other_targets_and_options_are_other_batches(sink):
    group = sink.group
    first = make_request(options=BATCH)
    assert group(first) == group(make_request(options=BATCH))
    assert group(first) != group(make_request(target="s3://orders/out", options=BATCH))
    assert group(first) != group(make_request(options={**BATCH, "key": "{batch_id}"}))
    assert group(make_request()) != group(make_request())


def test_a_batch_that_the_bucket_refuses_is_the_fate_of_all(sink):
    requests = [make_request(target="s3://fail-denied/x", options=BATCH) for _ in range(3)]
    outcomes = sink.deliver_batch(requests, 15.0)
    assert {one.kind for one in outcomes} == {OutcomeKind.PERMANENT}


@pytest.mark.parametrize(
    ("target", "bucket"),
    [
        ("s3://orders", Bucket(name="orders", prefix="", region=None)),
        ("s3://or.de-rs1/a/b/", Bucket(name="or.de-rs1", prefix="a/b", region=None)),
        (POINT, Bucket(name=POINT, prefix="", region=REGION)),
        (f"{POINT}/object/a/b", Bucket(name=POINT, prefix="a/b", region=REGION)),
    ],
)
def test_targets(target, bucket):
    assert read_bucket(target, endpoint_url=None) == bucket


def test_an_access_point_is_called_where_it_is():
    """Not on moto, which knows none: the SDK says where the request would go."""
    sink = KIND.open(S3Config(**KEYS))
    request = make_request(target=f"{POINT}/object/in", options={"key": "{delivery_id}"})
    settings = sink._route(request.target, request.options).settings
    urls = []

    def answer(request, **_):
        urls.append(request.url)
        return AWSResponse(request.url, 200, {}, SimpleNamespace(stream=lambda: iter([b""])))

    sink._clients.get(settings, 15.0).meta.events.register("before-send.s3.PutObject", answer)
    outcome = sink.deliver(request, 15.0)
    sink.close()
    assert outcome.kind is OutcomeKind.DELIVERED, outcome
    host = f"orders-{ACCOUNT}.s3-accesspoint.{REGION}.amazonaws.com"
    assert urls == [f"https://{host}/in/{request.delivery_id}"]


@pytest.fixture(scope="module")
def stubbed_sink():
    made = KIND.open(S3Config(region=REGION, **KEYS))
    yield made
    made.close()


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_its_outcome(stubbed_sink, code):
    request = make_request()
    settings = stubbed_sink._route(request.target, request.options).settings
    with Stubber(stubbed_sink._clients.get(settings, 15.0)) as stub:
        stub.add_client_error("put_object", code, "something went wrong", 400)
        outcome = stubbed_sink.deliver(request, 15.0)
        stub.assert_no_pending_responses()
    assert outcome.detail.startswith(f"{CODES[code]}: {code}: ")


def test_a_missing_bucket_is_an_unknown_target(sink):
    outcome = sink.deliver(make_request(target="s3://no-such-bucket/x"), 15.0)
    assert outcome.kind is OutcomeKind.PERMANENT
    assert outcome.detail.startswith(f"{Failure.UNKNOWN_TARGET}: NoSuchBucket: ")


@pytest.mark.parametrize(
    "written", ["{date}", "a//{delivery_id}", "{delivery_id}\n", "é{event_id}"]
)
def test_a_template_that_is_none_is_refused(written):
    with pytest.raises(ValueError, match=r".+"):
        KeyTemplate(written)


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus ../shared/data is not here")
@pytest.mark.parametrize("options", [{}, BATCH], ids=["objects", "lines"])
async def test_every_payload_arrives_unchanged(settings, bucket, threaded, options):
    lines = [json.loads(line) for line in CORPUS.read_text().splitlines()]
    assert len(lines) == 184
    sink = threaded(KIND, S3Config(**settings))
    requests = [
        make_request(
            target=bucket.target, event_name=one["event_name"], data=one["data"], options=options
        )
        for one in lines
    ]
    outcomes = await asyncio.gather(*(sink.deliver(one, 60.0) for one in requests))
    assert {one.kind for one in outcomes} == {OutcomeKind.DELIVERED}
    found = [line for body in bucket.bodies() for line in body.splitlines()]
    assert sorted(found) == sorted(one.body for one in requests)
    assert (len(bucket.bodies()) == 184) is not bool(options)
