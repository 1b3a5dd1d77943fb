"""What operators configure, what a subscription may choose, and the targets. No I/O."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from attrs import Attribute, field, frozen, validators

from asyncevents_amqp.messages import Template, check_path
from asyncevents_core.errors import InvalidTarget
from asyncevents_core.plugin import DEVELOPMENT, HELP, SECRET

PORTS: Final = {"amqp": 5672, "amqps": 5671}
MIB: Final = 1024 * 1024
MOST_HEADERS: Final = 20
LONGEST_VHOST: Final = 127
"""Characters that the client takes."""

_FORM: Final = "amqp://HOST[:PORT]/VHOST/EXCHANGE"
_HOST: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", re.IGNORECASE)
_ALLOWED: Final = re.compile(
    r"(?P<host>(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?",
    re.IGNORECASE,
)
_WILDCARD: Final = "*."
# What the client takes, which is a little less than RabbitMQ does.
_EXCHANGE: Final = re.compile(r"[a-zA-Z0-9_.:@#,/+ -]{0,127}")


def _plain(host: str) -> str:
    """Return a host as it is compared: lower case, addresses in their short form."""
    host = host.strip("[]").lower().rstrip(".")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


@frozen
class Allowed:
    """One entry of `AmqpConfig.allow`. Raises ValueError where it is none."""

    written: str
    host: str = field(init=False)
    ports: frozenset[int] = field(init=False)

    @host.default
    def _read_host(self) -> str:
        return _plain(self._parts()["host"])

    @ports.default
    def _read_ports(self) -> frozenset[int]:
        port = self._parts()["port"]
        return frozenset(PORTS.values() if port is None else (int(port),))

    def holds(self, host: str, port: int) -> bool:
        """Tell whether this host and port may be connected to."""
        if port not in self.ports:
            return False
        if self.host.startswith(_WILDCARD):
            return host.endswith(self.host[1:])
        return host == self.host

    def _parts(self) -> re.Match[str]:
        found = _ALLOWED.fullmatch(self.written)
        if found is None:
            raise ValueError(
                f"{self.written!r} is not a host: write HOST, HOST:PORT, *.DOMAIN or [::1]"
            )
        return found


@frozen(kw_only=True)
class Credentials:
    """A user of the broker. Raises ValueError where there is only half of it."""

    username: str | None = field(default=None, metadata={HELP: "A user of the broker."})
    password: str | None = field(
        default=None, repr=False, metadata={SECRET: True, HELP: "The password of the user."}
    )

    def __attrs_post_init__(self) -> None:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password are given together")


def _allow(_: object, __: Attribute[Any], value: tuple[str, ...]) -> None:
    for one in value:
        Allowed(one)


def _between(least: int, most: int) -> Any:
    return validators.and_(validators.ge(least), validators.le(most))


@frozen(kw_only=True)
class AmqpConfig(Credentials):
    """SINKS["amqp"]. Times are seconds.

    `allow` lists the brokers that may be delivered to: HOST or *.DOMAIN for the ports 5672 and
    5671, or HOST:PORT. `credentials` are named sets to which subscriptions refer. `ca_certs` is a
    file (PEM) of certificates to trust besides those of public authorities. `connections` is how
    many unused connections are kept open, one for each broker, virtual host and user;
    `channels` is how many messages of a connection may wait for their confirm at a time.
    """

    allow: tuple[str, ...] = field(
        default=(),
        converter=tuple,
        validator=_allow,
        metadata={DEVELOPMENT: ["localhost", "127.0.0.1"]},
    )
    credentials: Mapping[str, Credentials] = field(
        factory=dict, repr=False, metadata={SECRET: True}
    )
    ca_certs: str | None = None
    timeout: float = field(default=10.0, validator=validators.gt(0))
    heartbeat: int = field(default=30, validator=_between(1, 3600))
    connections: int = field(default=16, validator=validators.ge(1))
    channels: int = field(default=64, validator=_between(1, 1000))


def _routing_key(_: object, __: Attribute[Any], value: str) -> None:
    Template(value)


def _headers(_: object, __: Attribute[Any], value: tuple[str, ...]) -> None:
    if len(value) > MOST_HEADERS:
        raise ValueError(f"at most {MOST_HEADERS} paths")
    for one in value:
        check_path(one)


@frozen(kw_only=True)
class AmqpOptions(Credentials):
    """What a subscription may choose.

    `routing_key` is a text with `{event_name}`, `{tenant}`, `{data.customer.id}` and the like in
    it; `headers` are paths of the payload to be sent as headers, too; `credentials` names a set
    of the configuration.
    """

    routing_key: str = field(
        default="{event_name}",
        validator=_routing_key,
        metadata={HELP: "The routing key, such as shop.{tenant}.{event_name} or {data.id}."},
    )
    headers: tuple[str, ...] = field(
        default=(),
        converter=tuple,
        validator=_headers,
        metadata={
            HELP: f"Up to {MOST_HEADERS} paths of the payload, such as data.customer.id, that are "
            "sent as headers, too."
        },
    )
    persistent: bool = field(
        default=True, metadata={HELP: "Whether durable queues keep the message on disk."}
    )
    mandatory: bool = field(
        default=True, metadata={HELP: "Whether a message that no queue takes is a failure."}
    )
    max_bytes: int = field(
        default=16 * MIB,
        validator=_between(1, 512 * MIB),
        metadata={HELP: "The largest message in bytes: max_message_size of the broker."},
    )
    credentials: str | None = field(
        default=None,
        metadata={HELP: "A named set of credentials in the settings, instead of a user."},
    )

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.credentials is not None and self.username is not None:
            raise ValueError("give credentials or a username, not both")


@frozen(kw_only=True)
class Target:
    """An exchange. An empty `exchange` is the default one, whose routing keys name queues."""

    tls: bool
    host: str
    port: int
    vhost: str
    exchange: str


@frozen(kw_only=True)
class Server:
    """A virtual host of a broker, and as whom: there is a connection for each. Hashable."""

    tls: bool
    host: str
    port: int
    vhost: str
    username: str
    password: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@frozen(kw_only=True)
class Route:
    """What all deliveries of a subscription need. `server` is None where there is no user."""

    server: Server | None
    exchange: str
    routing_key: Template


def read_target(text: str, config: AmqpConfig) -> Target:
    """Read amqp://HOST[:PORT]/VHOST/EXCHANGE. Raises `InvalidTarget`.

    Also where `AmqpConfig.allow` does not have the host and its port.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise InvalidTarget(f"{text!r} is not a URL: {error}") from error
    if parts.username is not None or parts.password is not None:
        raise InvalidTarget(
            "a target must not contain credentials: they would be logged. Give them as the "
            "options username and password, or in SINKS['amqp']"
        )
    if parts.scheme not in PORTS or parts.query or parts.fragment:
        raise InvalidTarget(f"{text!r} does not have the form {_FORM} (or amqps://…)")
    vhost, slash, exchange = parts.path.removeprefix("/").partition("/")
    if not slash or not vhost or "/" in exchange:
        raise InvalidTarget(
            f"{text!r} does not have the form {_FORM}; the virtual host / is written %2F"
        )
    if not _HOST.fullmatch(host) and not _is_address(host):
        raise InvalidTarget(f"{text!r}: {host!r} is not a host")
    target = Target(
        tls=parts.scheme == "amqps",
        host=_plain(host),
        port=PORTS[parts.scheme] if port is None else port,
        vhost=_vhost(vhost, text),
        exchange=_exchange(exchange, text),
    )
    if not any(Allowed(one).holds(target.host, target.port) for one in config.allow):
        raise InvalidTarget(
            f"SINKS['amqp']['allow'] has neither {target.host} (ports 5672, 5671) nor "
            f"{target.host}:{target.port}; add it if it is meant"
        )
    return target


def credentials_of(config: AmqpConfig, options: AmqpOptions) -> Credentials:
    """Return as whom a subscription publishes; perhaps nobody is given.

    Raises `LookupError` where it names a set that the configuration does not have (any more).
    """
    if options.username is not None:
        return options
    if options.credentials is None:
        return config
    if options.credentials not in config.credentials:
        known = ", ".join(sorted(config.credentials)) or "none"
        raise LookupError(
            f"SINKS['amqp']['credentials'] has no set {options.credentials!r}; it has: {known}"
        )
    return config.credentials[options.credentials]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _exchange(written: str, text: str) -> str:
    name = unquote(written)
    if not _EXCHANGE.fullmatch(name):
        raise InvalidTarget(
            f"{text!r}: {name!r} is not the name of an exchange: up to 127 letters, digits, "
            "spaces and -_.:@#,/+"
        )
    return name


def _vhost(written: str, text: str) -> str:
    name = unquote(written)
    # A % would be read once more by the client; U+FFFD is what was no UTF-8.
    wrong = [one for one in name if not one.isprintable() or one in "%\ufffd"]
    if wrong or len(name) > LONGEST_VHOST:
        raise InvalidTarget(f"{text!r}: {written!r} is not the name of a virtual host")
    return name
