"""The options of the sink `http`."""

from __future__ import annotations

from attrs import Attribute, field, frozen, validators

from asyncevents_core.plugin import DEVELOPMENT, SECRET
from asyncevents_http.guard import Guard, HostMalformed, Rules, check_name
from asyncevents_http.proxy import Proxy, read_proxy


def _rules(_: object, __: Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
    Rules(value)


def _proxy(_: object, __: Attribute[str], value: str) -> None:
    Rules((read_proxy(value, looks_up=False).host,))


def _name(_: object, __: Attribute[str], value: str) -> None:
    try:
        check_name(value)
    except HostMalformed as error:
        raise ValueError(str(error)) from None


@frozen(kw_only=True)
class HttpConfig:
    """SINKS["http"]. Times are seconds.

    `allow` lists networks and hosts that may be reached although they are not public, `deny`
    those that may not; `ports` are the only ones, where it is not empty; `https_only` refuses
    http://. `response_cap` is how many bytes of a response are kept; `magento_signature` adds the
    header `x-magento-signature` for receivers of mageos-async-events; `ca_certs` is a file (PEM) of
    certificates to trust besides those of public authorities; `http2` uses HTTP/2 where
    a recipient has it, which needs the extra `http2`. `proxy` is the URL of a proxy that all
    connections go through, by CONNECT; with `proxy_checks_addresses` it gets names, and decides
    what may be reached. `handshake_origin` is the name that recipients are asked for consent by.
    """

    connect_timeout: float = field(default=5.0, validator=validators.gt(0))
    timeout: float = field(default=15.0, validator=validators.gt(0))
    allow: tuple[str, ...] = field(
        default=(),
        validator=_rules,
        metadata={DEVELOPMENT: ["127.0.0.0/8", "::1/128", "localhost"]},
    )
    deny: tuple[str, ...] = field(default=(), validator=_rules)
    ports: tuple[int, ...] = field(
        default=(),
        validator=validators.deep_iterable(
            validators.and_(validators.ge(1), validators.le(65_535))
        ),
    )
    https_only: bool = False
    response_cap: int = field(default=4096, validator=validators.ge(0))
    magento_signature: bool = False
    user_agent: str = "asyncevents"
    ca_certs: str | None = None
    dns_threads: int = field(default=64, validator=validators.gt(0))
    http2: bool = False
    proxy: str | None = field(
        default=None,
        repr=False,
        validator=validators.optional(_proxy),
        metadata={SECRET: True},
    )
    proxy_checks_addresses: bool = False
    handshake_origin: str = field(default="asyncevents", validator=_name)

    def __attrs_post_init__(self) -> None:
        if self.proxy_checks_addresses and self.proxy is None:
            raise ValueError("proxy_checks_addresses is given without proxy")

    @property
    def tunnel(self) -> Proxy | None:
        """The proxy, read."""
        if self.proxy is None:
            return None
        return read_proxy(self.proxy, looks_up=self.proxy_checks_addresses)

    @property
    def guard(self) -> Guard:
        """What decides which recipients may be reached."""
        return Guard(
            allow=Rules(self.allow),
            deny=Rules(self.deny),
            ports=frozenset(self.ports),
            https_only=self.https_only,
        )
