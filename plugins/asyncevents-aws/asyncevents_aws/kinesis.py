"""The sink `kinesis`: PutRecords, up to 500 in a call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from asyncevents_aws.config import MIB, KinesisConfig
from asyncevents_aws.expressions import Event, partition_key
from asyncevents_aws.failures import of_code, too_large
from asyncevents_aws.options import KinesisOptions
from asyncevents_aws.sink import AwsSink, Entry
from asyncevents_aws.targets import Stream, read_stream
from asyncevents_core import BatchLimits, DeliveryRequest, Outcome

# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
MOST_ENTRIES: Final = 500
MOST_BYTES: Final = 10 * MIB


class KinesisSink(AwsSink[KinesisConfig, KinesisOptions, Stream]):
    """Puts records into a stream."""

    service = "kinesis"
    what = "one call of PutRecords"
    options_class = KinesisOptions

    def __init__(self, config: KinesisConfig) -> None:
        super().__init__(config, BatchLimits(entries=MOST_ENTRIES, bytes=MOST_BYTES))

    def read(self, target: str) -> Stream:
        """See `AwsSink`."""
        return read_stream(target)

    def region(self, target: Stream) -> str | None:
        """See `AwsSink`."""
        return target.region

    def size(self, request: DeliveryRequest) -> int:
        """See `BatchingSink`."""
        return len(request.body) + len(self._key(request, self.options(request)).encode())

    def deliver_batch(
        self, requests: Sequence[DeliveryRequest], deadline: float
    ) -> Sequence[Outcome]:
        """See `BatchingSink`: a record has a limit of its own, below that of a call."""
        most = self.config.max_bytes
        sizes = [self.size(one) for one in requests]
        fitting = [one for one, size in zip(requests, sizes, strict=True) if size <= most]
        sent = iter(super().deliver_batch(fitting, deadline))
        return [
            next(sent) if size <= most else too_large(size, most, "a record of the stream")
            for size in sizes
        ]

    def entry(
        self, number: int, request: DeliveryRequest, target: Stream, options: KinesisOptions
    ) -> Entry:
        """See `AwsSink`."""
        return {"Data": request.body, "PartitionKey": self._key(request, options)}

    def call(self, client: Any, target: Stream, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """See `AwsSink`: results come in the order of the records."""
        where = {"StreamName": target.name} if target.arn is None else {"StreamARN": target.arn}
        answer = client.put_records(Records=entries, **where)
        return [
            of_code(one["ErrorCode"], one.get("ErrorMessage", ""), ours=False)
            if one.get("ErrorCode")
            else Outcome.delivered(
                f"record {one.get('SequenceNumber', '?')} in {one.get('ShardId', '?')}", status=200
            )
            for one in answer["Records"]
        ]

    def _key(self, request: DeliveryRequest, options: KinesisOptions) -> str:
        return partition_key(options.partition_key, Event(request))
