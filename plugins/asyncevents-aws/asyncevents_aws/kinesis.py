"""The sink `kinesis`: PutRecords."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from asyncevents_aws.expressions import Event, partition_key
from asyncevents_aws.failures import of_entry, unanswered
from asyncevents_aws.options import MIB, KinesisOptions
from asyncevents_aws.sink import AwsSink, Item, Route
from asyncevents_aws.targets import Stream, read_stream
from asyncevents_core.plugin import BatchLimits, DeliveryRequest, Outcome

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

_LONGEST_KEY: Final = 256 * 4
"""Bytes of 256 characters."""


class KinesisSink(
    AwsSink[Stream, KinesisOptions, "KinesisClient", "PutRecordsRequestEntryTypeDef"]
):
    """Puts records into streams.

    500 records and 10 MiB a call, partition keys included: PutRecords in botocore's model of
    Kinesis (2013-12-02).
    """

    name = "kinesis"
    service = "kinesis"
    limits = BatchLimits(entries=500, bytes=10 * MIB)

    def size(self, request: DeliveryRequest) -> int:
        """See `BatchingSink`."""
        return len(request.body) + _LONGEST_KEY

    def _read_target(self, text: str) -> Stream:
        return read_stream(text)

    def _limit(self, route: Route[Stream, KinesisOptions]) -> int:
        return route.options.max_bytes

    def _item(
        self, route: Route[Stream, KinesisOptions], event: Event, number: int
    ) -> Item[PutRecordsRequestEntryTypeDef]:
        key = partition_key(route.options.partition_key, event)
        body = event.request.body
        entry: PutRecordsRequestEntryTypeDef = {"Data": body, "PartitionKey": key}
        return Item(number=number, entry=entry, size=len(body) + len(key.encode()))

    def _send(
        self,
        route: Route[Stream, KinesisOptions],
        items: Sequence[Item[PutRecordsRequestEntryTypeDef]],
        client: Callable[[], KinesisClient],
    ) -> Sequence[Outcome]:
        records = [item.entry for item in items]
        stream = route.target
        if stream.arn is not None:
            answer = client().put_records(StreamARN=stream.arn, Records=records)
        else:
            answer = client().put_records(StreamName=stream.name or "", Records=records)
        return [_outcome(one) for _, one in zip_longest(items, answer["Records"])][: len(items)]


def _outcome(record: Mapping[str, Any] | None) -> Outcome:
    if record is None:
        return unanswered().outcome()
    if record.get("ErrorCode"):
        return of_entry(record["ErrorCode"], record.get("ErrorMessage")).outcome()
    return Outcome.delivered(f"{record.get('ShardId')}, {record.get('SequenceNumber')}")
