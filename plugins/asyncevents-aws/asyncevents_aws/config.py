"""SINKS["eventbridge"], SINKS["sqs"], SINKS["sns"], SINKS["kinesis"] and SINKS["s3"]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen, validators

from asyncevents_core.plugin import HELP, SECRET

_SECRET: Final = {SECRET: True}


@frozen(kw_only=True)
class Credentials:
    """One way to sign requests: a profile, or a pair of keys; neither is the SDK's own chain.

    Raises ValueError where it is both, or half of a pair.
    """

    profile: str | None = field(
        default=None,
        metadata={HELP: "A profile in the SDK's files on the workers, instead of keys."},
    )
    access_key_id: str | None = field(
        default=None, metadata={HELP: "A key of your own, together with its secret."}
    )
    secret_access_key: str | None = field(
        default=None, repr=False, metadata={**_SECRET, HELP: "The secret of the access key."}
    )
    session_token: str | None = field(
        default=None,
        repr=False,
        metadata={**_SECRET, HELP: "Only for temporary keys: the token that belongs to them."},
    )

    def __attrs_post_init__(self) -> None:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key are given together")
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("session_token belongs to an access_key_id; give that, too")
        if self.profile is not None and self.access_key_id is not None:
            raise ValueError("give a profile or an access_key_id, not both")

    @property
    def given(self) -> bool:
        """Whether there is anything but the SDK's own chain."""
        return self.profile is not None or self.access_key_id is not None

    @property
    def alone(self) -> Credentials:
        """The same without what a subclass adds: equal for all that sign alike."""
        return Credentials(
            profile=self.profile,
            access_key_id=self.access_key_id,
            secret_access_key=self.secret_access_key,
            session_token=self.session_token,
        )


@frozen(kw_only=True)
class AwsConfig(Credentials):
    """What all five have. `timeout` is seconds for one request, below SINK_DEADLINE.

    `region` is used where neither target nor subscription names one; `endpoint_url` replaces
    Amazon's endpoint; `credentials` are named sets to which subscriptions refer.
    """

    region: str | None = None
    endpoint_url: str | None = None
    timeout: float = field(default=10.0, validator=validators.gt(0))
    credentials: Mapping[str, Credentials] = field(factory=dict, repr=False, metadata=_SECRET)


@frozen(kw_only=True)
class EventBridgeConfig(AwsConfig):
    """SINKS["eventbridge"].

    `source` is the Source of all events, by default the host of the CloudEvent's source;
    `check_bus` asks for each bus once whether it exists, which PutEvents does not tell.
    """

    source: str | None = field(
        default=None,
        validator=validators.optional([validators.min_len(1), validators.max_len(256)]),
    )
    check_bus: bool = False


@frozen(kw_only=True)
class SqsConfig(AwsConfig):
    """SINKS["sqs"]."""


@frozen(kw_only=True)
class SnsConfig(AwsConfig):
    """SINKS["sns"]."""


@frozen(kw_only=True)
class KinesisConfig(AwsConfig):
    """SINKS["kinesis"]."""


@frozen(kw_only=True)
class S3Config(AwsConfig):
    """SINKS["s3"]."""
