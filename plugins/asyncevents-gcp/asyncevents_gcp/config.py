"""What operators configure, and what a subscription may choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import Attribute, field, frozen, validators

from asyncevents_core.plugin import HELP, SECRET

BY_SUBSCRIPTION: Final = "subscription"
BY_EVENT: Final = "event"
PAYLOAD: Final = "data."
STRUCTURED: Final = "structured"
BINARY: Final = "binary"

# What Pub/Sub takes in one request: https://cloud.google.com/pubsub/quotas#resource_limits
LARGEST_REQUEST: Final = 10_000_000
MOST_MESSAGES: Final = 1000


@frozen(kw_only=True)
class CredentialSet:
    """One way to authenticate, and the project of topics that are named without one.

    Without `credentials_json` and `credentials_file` it is the SDK's own chain; the JSON goes
    before the file. Hashable: a client is kept for each.
    """

    project: str | None = None
    credentials_file: str | None = None
    credentials_json: str | None = field(default=None, repr=False, metadata={SECRET: True})


@frozen(kw_only=True)
class SubscriberKey(CredentialSet):
    """A key that a subscription brings along. It may only name what is Google's."""


@frozen(kw_only=True)
class PubSubConfig:
    """SINKS["pubsub"]. Times are seconds, sizes bytes.

    `credentials` are named sets that subscriptions refer to; `endpoint` is HOST:PORT, or
    http://HOST:PORT of an emulator, which is spoken to in plain text and without credentials;
    `clients` is how many clients, one for each set of credentials, are kept open; those in use
    always are.
    """

    project: str | None = None
    credentials_file: str | None = None
    credentials_json: str | None = field(default=None, repr=False, metadata={SECRET: True})
    credentials: Mapping[str, CredentialSet] = field(factory=dict)
    endpoint: str | None = None
    timeout: float = field(default=15.0, validator=validators.gt(0))
    batch_latency: float = field(default=0.002, validator=[validators.ge(0), validators.le(0.1)])
    batch_messages: int = field(
        default=100, validator=[validators.ge(1), validators.le(MOST_MESSAGES)]
    )
    batch_bytes: int = field(
        default=1_000_000, validator=[validators.ge(1), validators.le(LARGEST_REQUEST)]
    )
    clients: int = field(default=32, validator=validators.ge(1))


def _ordering_key(_: Any, attribute: Attribute[str | None], value: str | None) -> None:
    if value in {None, BY_SUBSCRIPTION, BY_EVENT}:
        return
    if not value.startswith(PAYLOAD) or "" in value.split("."):
        raise ValueError(
            f"{value!r} is none of '{BY_SUBSCRIPTION}', '{BY_EVENT}' and a path into the payload"
            f" such as '{PAYLOAD}customer.id'"
        )


@frozen(kw_only=True)
class PubSubOptions:
    """What a subscription may choose.

    `ordering_key` is "subscription", "event" (its name), or a path into the payload such as
    "data.customer.id"; `content_mode` is "structured" or "binary"; `credentials` names a set of
    the configuration; `credentials_json` is the key of a service account.
    """

    ordering_key: str | None = field(
        default=None,
        validator=_ordering_key,
        metadata={
            HELP: "The ordering key: subscription, event (its name), or a path such as "
            "data.customer.id."
        },
    )
    content_mode: str = field(
        default=STRUCTURED,
        validator=validators.in_((STRUCTURED, BINARY)),
        metadata={
            HELP: "structured: the whole CloudEvent; binary: its data, the rest as attributes."
        },
    )
    credentials: str | None = field(
        default=None,
        metadata={
            HELP: "A named set of credentials in the settings, instead of a key of your own."
        },
    )
    credentials_json: str | None = field(
        default=None,
        repr=False,
        metadata={SECRET: True, HELP: "The key of a service account at Google, as JSON."},
    )


def credentials_of(config: PubSubConfig, options: PubSubOptions) -> CredentialSet:
    """Return what a subscription authenticates with.

    Raises `LookupError` where it names a set that the configuration does not have (any more).
    """
    if options.credentials_json is not None:
        return SubscriberKey(credentials_json=options.credentials_json)
    if options.credentials is None:
        return CredentialSet(
            project=config.project,
            credentials_file=config.credentials_file,
            credentials_json=config.credentials_json,
        )
    if options.credentials not in config.credentials:
        known = ", ".join(sorted(config.credentials)) or "none"
        raise LookupError(
            f"SINKS['pubsub']['credentials'] has no set {options.credentials!r}; it has: {known}"
        )
    return config.credentials[options.credentials]
