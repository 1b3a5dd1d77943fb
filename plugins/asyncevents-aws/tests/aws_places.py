"""Queues, topics, buses and streams on moto, and what has arrived there."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import boto3
from attrs import define, field
from botocore.config import Config

REGION = "eu-central-1"
ACCOUNT = "123456789012"
KEYS = {"access_key_id": "AKIAEXAMPLE", "secret_access_key": "a-secret-key"}


def client(service: str, url: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=KEYS["access_key_id"],
        aws_secret_access_key=KEYS["secret_access_key"],
        config=Config(retries={"total_max_attempts": 1}),
    )


@define
class Place:
    """A target, and a function that returns the messages or records since the last call."""

    target: str
    _fetch: Callable[[], list[Any]]
    _body: Callable[[Any], bytes]
    messages: list[Any] = field(factory=list)

    _bodies: list[bytes] = field(factory=list)

    def bodies(self) -> list[bytes]:
        """Return the bodies of all that has arrived so far."""
        while more := self._fetch():
            self.messages += more
            self._bodies += [self._body(one) for one in more]
        return list(self._bodies)

    def wait_for(self, count: int) -> list[bytes]:
        until = time.monotonic() + 20
        while len(self.bodies()) < count and time.monotonic() < until:
            time.sleep(0.02)
        return self.bodies()


class Places:
    """Makes them on moto; targets lead through the proxy."""

    def __init__(self, moto_url: str, proxy_url: str) -> None:
        self._url = moto_url
        self._proxy = proxy_url
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = client(service, self._url)
        return self._clients[service]

    def close(self) -> None:
        for one in self._clients.values():
            one.close()

    def queue(self, *, fifo: bool = False) -> Place:
        url, _ = self._new_queue(fifo=fifo)
        return self._reading(f"{self._proxy}/{ACCOUNT}/{url.rpartition('/')[2]}", url, _raw)

    def topic(self, *, fifo: bool = False) -> Place:
        url, queue_arn = self._new_queue(fifo=fifo)
        kind = {"FifoTopic": "true"} if fifo else {}
        arn = self.client("sns").create_topic(Name=_name(fifo), Attributes=kind)["TopicArn"]
        self.client("sns").subscribe(
            TopicArn=arn,
            Protocol="sqs",
            Endpoint=queue_arn,
            Attributes={"RawMessageDelivery": "true"},
        )
        return self._reading(arn, url, _raw)

    def bus(self) -> Place:
        url, queue_arn = self._new_queue(fifo=False)
        name, events = _name(False), self.client("events")
        arn = events.create_event_bus(Name=name)["EventBusArn"]
        events.put_rule(
            Name=name, EventBusName=name, EventPattern=json.dumps({"source": [{"prefix": ""}]})
        )
        events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "q", "Arn": queue_arn}])
        return self._reading(arn, url, _detail)

    def stream(self) -> Place:
        kinesis, name = self.client("kinesis"), _name(False)
        kinesis.create_stream(StreamName=name, ShardCount=1)
        described = kinesis.describe_stream(StreamName=name)["StreamDescription"]
        position = [
            kinesis.get_shard_iterator(
                StreamName=name,
                ShardId=described["Shards"][0]["ShardId"],
                ShardIteratorType="TRIM_HORIZON",
            )["ShardIterator"]
        ]

        def fetch() -> list[Any]:
            answer = kinesis.get_records(ShardIterator=position[0], Limit=1000)
            position[0] = answer["NextShardIterator"]
            return list(answer["Records"])

        return Place(described["StreamARN"], fetch, lambda record: record["Data"])

    def bucket(self) -> Place:
        s3, name = self.client("s3"), _name(False)
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        taken: set[str] = set()

        def fetch() -> list[Any]:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=name)
            keys = [one["Key"] for page in pages for one in page.get("Contents", ())]
            fresh = [key for key in keys if key not in taken]
            taken.update(fresh)
            return [{"Key": key, **s3.get_object(Bucket=name, Key=key)} for key in fresh]

        return Place(f"s3://{name}/orders", fetch, lambda found: found["Body"].read())

    def _new_queue(self, *, fifo: bool) -> tuple[str, str]:
        sqs = self.client("sqs")
        kind = {"FifoQueue": "true"} if fifo else {}
        url = sqs.create_queue(
            QueueName=_name(fifo), Attributes={**kind, "MaximumMessageSize": "1048576"}
        )["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, attributes["Attributes"]["QueueArn"]

    def _reading(self, target: str, url: str, body: Callable[[Any], bytes]) -> Place:
        sqs = self.client("sqs")

        def fetch() -> list[Any]:
            answer = sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                AttributeNames=["All"],
            )
            found = list(answer.get("Messages", []))
            for one in found:
                # One by one: that frees the next of a FIFO queue's group.
                sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
            return found

        return Place(target, fetch, body)


def _name(fifo: bool) -> str:
    return f"orders-{uuid.uuid4().hex[:12]}" + (".fifo" if fifo else "")


def _raw(message: Any) -> bytes:
    return str(message["Body"]).encode()


def _detail(message: Any) -> bytes:
    """EventBridge hands the detail on as an object: written as asyncevents writes JSON."""
    detail = json.loads(message["Body"])["detail"]
    data = json.dumps(detail.pop("data"), separators=(",", ":"), ensure_ascii=False)
    return f'{json.dumps(detail)[:-1]}, "data": {data}}}'.encode()
