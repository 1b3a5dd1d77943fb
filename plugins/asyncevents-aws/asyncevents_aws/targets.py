"""What the five sinks deliver to, read from a subscription's target. No I/O."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from attrs import frozen

from asyncevents_core.errors import InvalidTarget

_ARN: Final = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):(?P<service>[a-z0-9]+):(?P<region>[a-z0-9-]+)"
    r":(?P<account>[^:]+):(?P<resource>[^:\s]+)"
)
_ACCOUNT: Final = re.compile(r"\d{12}")
_BUS: Final = re.compile(r"[.\-_A-Za-z0-9]{1,256}")
_QUEUE: Final = re.compile(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo")
_TOPIC: Final = re.compile(r"[A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo")
_STREAM: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
# Of each partition the one for IPv4, and the one for both kinds of addresses ("dual-stack"):
# partitions.json of botocore, which the tests compare with.
_SUFFIXES: Final = (
    *("amazonaws.com", "api.aws"),
    *("amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    *("amazonaws.eu", "api.amazonwebservices.eu"),
    *("c2s.ic.gov", "api.aws.ic.gov"),
    *("sc2s.sgov.gov", "api.aws.scloud"),
    *("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    *("csp.hci.ic.gov", "api.aws.hci.ic.gov"),
)
_SUFFIX: Final = "|".join(map(re.escape, _SUFFIXES))
# sqs.REGION.amazonaws.com, sqs-fips…, VPCE.sqs.REGION.vpce.amazonaws.com, sqs.REGION.api.aws
_SQS_HOST: Final = re.compile(
    rf"(?:[a-z0-9-]+\.)?sqs(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?:vpce\.)?(?:{_SUFFIX})"
)
_OLD_SQS_HOST: Final = re.compile(rf"(?:(?P<region>[a-z0-9-]+)\.)?queue\.(?:{_SUFFIX})")
_FIFO: Final = ".fifo"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET: Final = re.compile(r"(?!.*\.\.)(?![0-9.]+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ACCESS_POINT: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,48}[a-z0-9]")
_OBJECT: Final = "object/"
_S3: Final = "s3://"
_LONGEST_PREFIX: Final = 300


@frozen(kw_only=True)
class Target:
    """`region` is the one that the target names; None where it names none."""

    region: str | None


@frozen(kw_only=True)
class Bus(Target):
    """An event bus. `name` may be an ARN; `of_rule` says whether an ARN of a rule was given."""

    name: str
    of_rule: bool = False


@frozen(kw_only=True)
class Queue(Target):
    """A queue; without a `url` it has to be asked for."""

    name: str
    account: str
    url: str | None = None

    @property
    def fifo(self) -> bool:
        """Whether it is a FIFO queue."""
        return self.name.endswith(_FIFO)


@frozen(kw_only=True)
class Topic(Target):
    """A topic."""

    arn: str

    @property
    def fifo(self) -> bool:
        """Whether it is a FIFO topic."""
        return self.arn.endswith(_FIFO)


@frozen(kw_only=True)
class Stream(Target):
    """A stream, by its name or its ARN."""

    name: str | None = None
    arn: str | None = None


@frozen(kw_only=True)
class Bucket(Target):
    """A bucket, or the ARN of an access point, and what keys begin with."""

    name: str
    prefix: str

    def key(self, rest: str) -> str:
        """Return a whole key."""
        return f"{self.prefix}/{rest}" if self.prefix else rest


def read_bus(text: str) -> Bus:
    """Read NAME, arn:…:event-bus/NAME or arn:…:rule/NAME. Raises `InvalidTarget`.

    The last one is how mageos-async-events documents targets: NAME is the bus. The account of
    an ARN is not checked; where it is not an account, the bus is looked for in one's own.
    """
    if not text.startswith("arn:"):
        return Bus(name=_matching(_BUS, text, "bus name", text), region=None)
    arn = _read_arn(text, "events", "arn:aws:events:REGION:ACCOUNT:event-bus/NAME")
    kind, _, rest = arn["resource"].partition("/")
    if kind == "rule":
        name = rest.partition("/")[0]
        bus = _matching(_BUS, name, "bus name", text)
        return Bus(name=bus, region=arn["region"], of_rule=True)
    if kind != "event-bus":
        raise InvalidTarget(f"{text!r} is not an event bus: its ARN ends in event-bus/NAME")
    name = _matching(_BUS, rest, "bus name", text)
    whole = _ACCOUNT.fullmatch(arn["account"]) is not None
    return Bus(name=text if whole else name, region=arn["region"])


def read_queue(text: str, *, endpoint_url: str | None) -> Queue:
    """Read a queue's URL or ARN. Raises `InvalidTarget`.

    A URL is one of Amazon's, or one at the endpoint that is configured instead.
    """
    if text.startswith("arn:"):
        arn = _read_arn(text, "sqs", "arn:aws:sqs:REGION:ACCOUNT:NAME")
        return Queue(
            name=_matching(_QUEUE, arn["resource"], "queue name", text),
            account=_account(arn["account"], text),
            region=arn["region"],
        )
    try:
        parts = urlsplit(text)
        host = parts.netloc
    except ValueError as error:
        raise InvalidTarget(f"{text!r} is not a URL: {error}") from error
    if parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        raise InvalidTarget(
            f"{text!r} is neither the URL nor the ARN of a queue "
            "(https://sqs.REGION.amazonaws.com/ACCOUNT/NAME, arn:aws:sqs:REGION:ACCOUNT:NAME)"
        )
    account, _, name = parts.path.removeprefix("/").rpartition("/")
    queue = Queue(
        name=_matching(_QUEUE, name, "queue name", text),
        account=account,
        url=text,
        region=_region_of_host(host),
    )
    if endpoint_url is not None and host == urlsplit(endpoint_url).netloc:
        return queue
    if queue.region is None or parts.scheme != "https":
        raise InvalidTarget(
            f"{text!r}: {host or 'nothing'} is not a host of Amazon SQS, reached with https; "
            "for another server set SINKS['sqs']['endpoint_url'] to it"
        )
    _account(account, text)
    return queue


def read_topic(text: str) -> Topic:
    """Read a topic's ARN. Raises `InvalidTarget`."""
    arn = _read_arn(text, "sns", "arn:aws:sns:REGION:ACCOUNT:NAME")
    _account(arn["account"], text)
    _matching(_TOPIC, arn["resource"], "topic name", text)
    return Topic(arn=text, region=arn["region"])


def read_stream(text: str) -> Stream:
    """Read a stream's name or ARN. Raises `InvalidTarget`."""
    if not text.startswith("arn:"):
        return Stream(name=_matching(_STREAM, text, "stream name", text), region=None)
    arn = _read_arn(text, "kinesis", "arn:aws:kinesis:REGION:ACCOUNT:stream/NAME")
    _account(arn["account"], text)
    kind, _, name = arn["resource"].partition("/")
    if kind != "stream":
        raise InvalidTarget(f"{text!r} is not a stream: its ARN ends in stream/NAME")
    _matching(_STREAM, name, "stream name", text)
    return Stream(arn=text, region=arn["region"])


def read_bucket(text: str, *, endpoint_url: str | None) -> Bucket:
    """Read s3://BUCKET/PREFIX or arn:…:accesspoint/NAME/object/PREFIX. Raises `InvalidTarget`.

    The prefix may be missing. Access points have hosts of their own, which only Amazon has.
    """
    if not text.startswith("arn:"):
        if not text.startswith(_S3):
            raise InvalidTarget(
                f"{text!r} is neither a bucket (s3://BUCKET/PREFIX) nor the ARN of an access point"
            )
        name, _, prefix = text.removeprefix(_S3).partition("/")
        bucket = _matching(_BUCKET, name, "bucket name", text)
        return Bucket(name=bucket, prefix=_prefix(prefix, text), region=None)
    arn = _read_arn(text, "s3", "arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME")
    _account(arn["account"], text)
    kind, _, rest = arn["resource"].partition("/")
    name, slash, prefix = rest.partition("/")
    if kind != "accesspoint" or (slash and not prefix.startswith(_OBJECT)):
        raise InvalidTarget(
            f"{text!r} is not an access point: its ARN ends in accesspoint/NAME, perhaps with "
            "/object/PREFIX after it"
        )
    if endpoint_url is not None:
        raise InvalidTarget(
            f"{text!r}: an access point cannot be reached while SINKS['s3']['endpoint_url'] is set"
        )
    _matching(_ACCESS_POINT, name, "name of an access point", text)
    return Bucket(
        name=text.removesuffix(slash + prefix),
        prefix=_prefix(prefix.removeprefix(_OBJECT), text),
        region=arn["region"],
    )


def _prefix(written: str, text: str) -> str:
    prefix = written.removesuffix("/")
    wrong = {"", ".", ".."} & set(prefix.split("/")) if prefix else set()
    if wrong or not prefix.isprintable() or len(prefix.encode()) > _LONGEST_PREFIX:
        raise InvalidTarget(
            f"{text!r}: {written!r} is not a prefix: up to {_LONGEST_PREFIX} bytes, and no part "
            "between / is empty, . or .."
        )
    return prefix


def _read_arn(text: str, service: str, form: str) -> dict[str, str]:
    found = _ARN.fullmatch(text)
    if found is None or found["service"] != service:
        raise InvalidTarget(f"{text!r} does not have the form {form}")
    return found.groupdict()


def _account(account: str, text: str) -> str:
    return _matching(_ACCOUNT, account, "account id (12 digits)", text)


def _matching(pattern: re.Pattern[str], part: str, what: str, text: str) -> str:
    if pattern.fullmatch(part) is None:
        raise InvalidTarget(f"{text!r}: {part!r} is not a valid {what}")
    return part


def _region_of_host(host: str) -> str | None:
    """Return the region that a host of Amazon SQS stands for.

    https://docs.aws.amazon.com/general/latest/gr/sqs-service.html; the older names without a
    region are those of us-east-1.
    """
    found = _SQS_HOST.fullmatch(host)
    if found is not None:
        return found["region"]
    old = _OLD_SQS_HOST.fullmatch(host)
    return None if old is None else old["region"] or "us-east-1"
