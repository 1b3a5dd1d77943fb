"""The sink `s3`: PutObject, one object for each event or for each batch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from asyncevents_aws.expressions import Event
from asyncevents_aws.keys import batch_id_of, template_of
from asyncevents_aws.options import MIB, S3Options
from asyncevents_aws.sink import AwsSink, Item, Route
from asyncevents_aws.targets import Bucket, read_bucket
from asyncevents_core.plugin import BatchLimits, DeliveryRequest, Outcome

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CLOUDEVENT: Final = "application/cloudevents+json"
LINES: Final = "application/x-ndjson"
_NEWLINE: Final = b"\n"
_LONGEST_VALUE: Final = 256
_METADATA: Final = 2048
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html: bytes in all."""


@frozen(kw_only=True)
class Line:
    """An event of an object: the object's whole content, or a line of it."""

    event: Event = field(repr=False)
    body: bytes = field(repr=False)


class S3Sink(AwsSink[Bucket, S3Options, "S3Client", Line]):
    """Puts objects into buckets.

    An object has one event, or with the option `batch` what is waiting for the same target: at
    most 1000 events and 16 MiB, so that a batch stays in memory.
    """

    name = "s3"
    service = "s3"
    limits = BatchLimits(entries=1000, bytes=16 * MIB)

    def group(self, request: DeliveryRequest) -> Hashable:
        """See `BatchingSink`: without `batch` each request is a call of its own."""
        options: S3Options = request.options
        return super().group(request) if options.batch else request.delivery_id

    def size(self, request: DeliveryRequest) -> int:
        """See `BatchingSink`."""
        return len(request.body) + len(_NEWLINE)

    def _read_target(self, text: str) -> Bucket:
        return read_bucket(text, endpoint_url=self._aws.endpoint_url)

    def _limit(self, route: Route[Bucket, S3Options]) -> int:
        return route.options.max_bytes

    def _item(self, route: Route[Bucket, S3Options], event: Event, number: int) -> Item[Line]:
        body = event.request.body + (_NEWLINE if route.options.batch else b"")
        return Item(number=number, entry=Line(event=event, body=body), size=len(body))

    def _send(
        self,
        route: Route[Bucket, S3Options],
        items: Sequence[Item[Line]],
        client: Callable[[], S3Client],
    ) -> Sequence[Outcome]:
        options, first = route.options, items[0].entry.event
        template = template_of(options.key, batch=options.batch)
        if options.batch:
            batch_id = batch_id_of(item.entry.event.request.delivery_id for item in items)
            key = template.fill(first, batch_id)
            metadata = {"events": str(len(items))}
        else:
            # One item: `group` keeps others away.
            key = template.fill(first)
            metadata = metadata_of(first, options.metadata)
        key = route.target.key(key)
        client().put_object(
            Bucket=route.target.name,
            Key=key,
            Body=b"".join(item.entry.body for item in items),
            ContentType=options.content_type or (LINES if options.batch else CLOUDEVENT),
            Metadata=metadata,
            **_storing(options),
        )
        return [Outcome.delivered(f"object {key}")] * len(items)


def metadata_of(event: Event, paths: Sequence[str]) -> dict[str, str]:
    """Return the user-defined metadata: ids, name, tenant, and what stands at the paths.

    S3 takes ASCII only, and 2 KiB in all; values that do not fit are left out.
    """
    request = event.request
    found: dict[str, Any] = {
        "event_id": str(request.event_id),
        "event_name": request.event_name,
        "delivery_id": str(request.delivery_id),
        "tenant": request.tenant,
        **{path: event.at(path) for path in paths},
    }
    made: dict[str, str] = {}
    left = _METADATA
    for name, value in found.items():
        text = _text(value)
        if text and len(name) + len(text) <= left:
            made[name] = text
            left -= len(name) + len(text)
    return made


def _text(value: Any) -> str:
    """Return a text, a number or a truth as S3 takes it; "" for what it does not."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    if isinstance(value, int | float):
        value = str(value)
    fits = isinstance(value, str) and value.isascii() and value.isprintable()
    # S3 and the signature know nothing of spaces around a value.
    return value if fits and value == value.strip() and len(value) <= _LONGEST_VALUE else ""


def _storing(options: S3Options) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if options.storage_class is not None:
        made["StorageClass"] = options.storage_class
    if options.kms_key is not None:
        made["ServerSideEncryption"] = "aws:kms"
        made["SSEKMSKeyId"] = options.kms_key
    return made
