"""TLS to the broker: the certificate is checked, and has to be that of the host in the address."""

from __future__ import annotations

import ssl
from typing import Any, Final

from kombu.connection import Connection

from asyncevents_core.adapters.certificates import trusting
from asyncevents_core.errors import BrokerUnavailable
from asyncevents_core.ports.broker import BrokerOptions
from asyncevents_core.ports.passwords import current

_AMQP: Final = ("amqp", "amqps", "pyamqp")
_SENTINEL: Final = "sentinel"
_REDIS: Final = ("redis", "rediss", _SENTINEL)
_SECURE: Final = ("amqps", "rediss")
_PREFIX: Final = "ssl_"
_CHECKED: Final = {"ssl_cert_reqs": "required"}
"""Nothing was said; without it kombu would warn that nothing is checked."""


class SecureConnection(Connection):
    """kombu's connection, which alone would take any certificate for `rediss://`.

    It also asks for a password each time it connects, where one may change.

    What an address of its own says of TLS (``?ssl_cert_reqs=none``) goes before the options.
    """

    def __init__(self, hostname: str, options: BrokerOptions, **more: Any) -> None:
        self._options = options
        more.setdefault("ssl", _CHECKED if is_secure(hostname) else False)
        super().__init__(hostname, **more)
        self._secure()

    def switch(self, conn_str: str) -> None:
        """Use another one of several addresses: its certificate is that of another host."""
        super().switch(conn_str)
        self._secure()
        self._take_password()

    def connect(self) -> Any:
        """Connect now, with the password that holds now. Raises `BrokerUnavailable` without one.

        So it does at once where a file of certificates cannot be used: clients would not name it.
        """
        self._take_password()
        self._check_files()
        return super().connect()

    def _take_password(self) -> None:
        if self._options.password is not None:
            self.password = current(self._options.password, "BROKER_OPTIONS", BrokerUnavailable)

    def _check_files(self) -> None:
        said = _without_prefix(self.ssl) if isinstance(self.ssl, dict) else {}
        ca_certs, client_cert = said.get("ca_certs"), said.get("certfile")
        if ca_certs is not None or client_cert is not None:
            trusting(
                ca_certs=ca_certs,
                client_cert=client_cert,
                client_key=said.get("keyfile"),
                setting="BROKER_OPTIONS or BROKER_URL",
                unavailable=BrokerUnavailable,
            )

    def clone(self, **kwargs: Any) -> Connection:
        """Return another one like this, which is not open."""
        made: Connection = super().clone(options=self._options, **kwargs)
        return made

    def _secure(self) -> None:
        said = {} if self.ssl is _CHECKED or not isinstance(self.ssl, dict) else dict(self.ssl)
        transport = self.transport_cls
        asked_for = transport in _SECURE or (transport == _SENTINEL and self._options.says_tls)
        if not asked_for and not said:
            # Another one of the addresses may ask for it.
            self.ssl = False
            return
        if transport in _AMQP:
            self.ssl = {**_for_amqp(self._options, self.hostname), **_without_prefix(said)}
            if self.ssl["cert_reqs"] == ssl.CERT_NONE:
                # With a name, also with None, the certificate would have to be for it.
                del self.ssl["server_hostname"]
        elif transport in _REDIS:
            self.ssl = {**_for_redis(self._options), **said}
            if self.ssl["ssl_cert_reqs"] in {"none", ssl.CERT_NONE, None}:
                self.ssl["ssl_check_hostname"] = False


def is_secure(url: str) -> bool:
    """Tell whether an address, or one of several, asks for TLS."""
    return any(one.startswith(tuple(f"{name}://" for name in _SECURE)) for one in url.split(";"))


def _for_amqp(options: BrokerOptions, host: str | None) -> dict[str, Any]:
    return {
        "cert_reqs": ssl.CERT_REQUIRED if options.verify_certificates else ssl.CERT_NONE,
        "ca_certs": options.ca_certs,
        "certfile": options.client_cert,
        "keyfile": options.client_key,
        "server_hostname": host or "localhost",
    }


def _for_redis(options: BrokerOptions) -> dict[str, Any]:
    return {
        "ssl_cert_reqs": "required" if options.verify_certificates else "none",
        "ssl_check_hostname": options.verify_certificates,
        "ssl_ca_certs": options.ca_certs,
        "ssl_certfile": options.client_cert,
        "ssl_keyfile": options.client_key,
    }


def _without_prefix(said: dict[str, Any]) -> dict[str, Any]:
    """Return the names that amqp has for what kombu reads from an address."""
    known = {"cert_reqs", "ca_certs", "certfile", "keyfile"}
    short = {name.removeprefix(_PREFIX): value for name, value in said.items()}
    return {name: value for name, value in short.items() if name in known}
