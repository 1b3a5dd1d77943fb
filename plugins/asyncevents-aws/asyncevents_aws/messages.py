"""What SQS and SNS have in common: bodies, attributes, groups, and answers by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from asyncevents_aws.expressions import Event, group_id
from asyncevents_aws.failures import of_code
from asyncevents_aws.options import MessageOptions
from asyncevents_core import DeliveryRequest, Outcome

_FIFO_GROUP: Final = "subscription"
_MISSING: Final = "InternalFailure"


def body_text(body: bytes) -> str:
    """Return a body as text that SQS takes: two characters that it refuses are escaped.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html;
    JSON escapes all the others by itself, and means the same with these escaped.
    """
    return body.decode().replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def attributes(request: DeliveryRequest, options: MessageOptions) -> dict[str, dict[str, str]]:
    """Return the message attributes: for filter policies, and to find a delivery again."""
    texts = {
        "event_name": request.event_name,
        "event_id": str(request.event_id),
        "delivery_id": str(request.delivery_id),
    }
    if request.tenant:
        texts["tenant"] = request.tenant
    found = {name: {"DataType": "String", "StringValue": value} for name, value in texts.items()}
    if options.attributes:
        event = Event(request)
        for path in options.attributes:
            attribute = _attribute(event.at(path))
            if attribute is not None:
                found[path] = attribute
    return found


def size(request: DeliveryRequest, options: MessageOptions) -> int:
    """Return the bytes that count: the body, and the attributes with names and types."""
    return len(request.body) + sum(
        len(name.encode()) + sum(len(text.encode()) for text in one.values())
        for name, one in attributes(request, options).items()
    )


def ordering(request: DeliveryRequest, options: MessageOptions, *, fifo: bool) -> dict[str, str]:
    """Return group and deduplication id: both for FIFO, elsewhere a group where one is wished.

    The delivery's id removes the duplicates of retries within AWS' five minutes; a replay is a
    delivery of its own and passes.
    """
    if not fifo:
        if options.group_id is None:
            return {}
        return {"MessageGroupId": group_id(options.group_id, Event(request))}
    return {
        "MessageGroupId": group_id(options.group_id or _FIFO_GROUP, Event(request)),
        "MessageDeduplicationId": str(request.delivery_id),
    }


def by_id(answer: Mapping[str, Any], count: int) -> Sequence[Outcome]:
    """Return the outcomes of a batch whose entries' ids are their numbers."""
    outcomes: dict[str, Outcome] = {
        one["Id"]: Outcome.delivered(f"message {one.get('MessageId', '?')}", status=200)
        for one in answer.get("Successful", [])
    }
    for one in answer.get("Failed", []):
        outcomes[one["Id"]] = of_code(
            one["Code"], one.get("Message", ""), ours=bool(one.get("SenderFault", True))
        )
    missing = of_code(_MISSING, "the answer does not mention this entry")
    return [outcomes.get(str(number), missing) for number in range(count)]


def _attribute(value: object) -> dict[str, str] | None:
    if isinstance(value, bool):
        return {"DataType": "String", "StringValue": str(value).lower()}
    if isinstance(value, int | float):
        return {"DataType": "Number", "StringValue": str(value)}
    if isinstance(value, str) and value:
        return {"DataType": "String", "StringValue": body_text(value.encode())}
    return None
