"""Amazon's services on this machine: queues, topics, buses and streams, made and read back."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import count
from uuid import UUID

import boto3

from asyncevents_aws.kinds import (
    EventBridgeSinkType,
    KinesisSinkType,
    SnsSinkType,
    SqsSinkType,
)
from asyncevents_core import testing
from asyncevents_core.domain.payload import envelope, to_json

REGION = "eu-central-1"
ACCOUNT = "123456789012"
KEYS = {"access_key_id": "AKIATEST", "secret_access_key": "sk-test-secret"}
TOKEN = "session-token-of-the-tests"
_numbers = count()


class Amazon:
    """Makes things on a server, under names of their own, and reads what arrived there."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = boto3.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION
        )
        self._clients = {}

    def settings(self, **more) -> dict:
        """Return what a sink's configuration needs to reach it, however busy the machine is."""
        return {"endpoint_url": self.url, "region": REGION, "timeout": 60.0, **KEYS, **more}

    def client(self, service):
        if service not in self._clients:
            self._clients[service] = self._session.client(service, endpoint_url=self.url)
        return self._clients[service]

    def close(self) -> None:
        for one in self._clients.values():
            one.close()

    def queue(self, *, fifo=False, **attributes) -> str:
        """Return the URL of a new queue."""
        name = _name() + (".fifo" if fifo else "")
        if fifo:
            attributes["FifoQueue"] = "true"
        return self.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def arn_of(self, queue_url: str) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue_url.rpartition('/')[2]}"

    def messages(self, queue_url: str) -> list[dict]:
        """Take all messages that are there."""
        taken = []
        while True:
            answer = self.client("sqs").receive_message(
                QueueUrl=queue_url,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                AttributeNames=["All"],
                WaitTimeSeconds=0,
            )
            found = answer.get("Messages", [])
            if not found:
                return taken
            taken += found
            self.client("sqs").delete_message_batch(
                QueueUrl=queue_url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": one["ReceiptHandle"]}
                    for number, one in enumerate(found)
                ],
            )

    def topic(self, *, fifo=False) -> str:
        """Return the ARN of a new topic."""
        attributes = {"FifoTopic": "true"} if fifo else {}
        name = _name() + (".fifo" if fifo else "")
        return self.client("sns").create_topic(Name=name, Attributes=attributes)["TopicArn"]

    def hear(self, topic: str, queue_url: str, *, raw=True, policy=None) -> None:
        """Subscribe a queue to a topic."""
        attributes = {"RawMessageDelivery": json.dumps(raw)}
        if policy is not None:
            attributes["FilterPolicy"] = json.dumps(policy)
        self.client("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=self.arn_of(queue_url), Attributes=attributes
        )

    def bus(self, queue_url: str, pattern=None) -> str:
        """Return the name of a new bus, of which a rule sends all that matches to a queue."""
        name = _name()
        events = self.client("events")
        events.create_event_bus(Name=name)
        events.put_rule(
            Name="all",
            EventBusName=name,
            EventPattern=json.dumps(pattern or {"account": [ACCOUNT]}),
        )
        target = {"Id": "queue", "Arn": self.arn_of(queue_url)}
        events.put_targets(Rule="all", EventBusName=name, Targets=[target])
        return name

    def stream(self, *, shards=1) -> str:
        """Return the name of a new stream."""
        name = _name()
        self.client("kinesis").create_stream(StreamName=name, ShardCount=shards)
        return name

    def records(self, stream: str) -> list[dict]:
        """Return all records of a stream."""
        kinesis = self.client("kinesis")
        shards = kinesis.describe_stream(StreamName=stream)["StreamDescription"]["Shards"]
        found = []
        for shard in shards:
            iterator = kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            found += kinesis.get_records(ShardIterator=iterator, Limit=10_000)["Records"]
        return found


def sent_as(detail: dict) -> bytes:
    """Return the bytes of a CloudEvent from its content: EventBridge hands on the content."""
    occurred = datetime.fromisoformat(detail["time"])
    return envelope(
        event_id=UUID(detail["id"]),
        name=detail["type"],
        source=detail["source"],
        occurred_at=round(occurred.timestamp() * 1_000_000),
        tenant=detail.get("tenant"),
        data=to_json(detail["data"]),
    )


def _name() -> str:
    return f"made-{next(_numbers)}"


def client_of(sink, target, options=None):
    """Return the client with which a sink will send to a target within 15 s."""
    request = make_request(kind=sink.name, target=target, options=options)
    settings = sink._route(request.target, request.options).settings
    return sink._clients.get(settings, 15.0)


_KINDS = {
    "eventbridge": EventBridgeSinkType(),
    "kinesis": KinesisSinkType(),
    "sns": SnsSinkType(),
    "sqs": SqsSinkType(),
}


def make_request(*, target, kind=None, **wanted):
    """Return a request for a sink, by its type or name; else for the one that has such targets."""
    if kind is None:
        arn = target.split(":")[2] if target.startswith("arn:") else ""
        kind = (
            {"events": "eventbridge"}.get(arn)
            or arn
            or ("sqs" if "//" in target else "eventbridge")
        )
    if isinstance(kind, str):
        kind = _KINDS[kind]
    return testing.make_request(sink_type=kind, target=target, **wanted)
