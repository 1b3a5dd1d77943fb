"""Which recipients may be connected to: none that only this network can reach, unless allowed.

Subscribers choose targets, so without this a webhook could be pointed at what is reachable
from the worker only: databases, admin pages, a cloud's metadata service.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

from attrs import field, frozen

from asyncevents_http.addresses import (
    METADATA_HOSTS,
    Address,
    Network,
    is_delicate,
    is_public,
    names_delicate,
    translated,
    unmapped,
    within,
)

_LABEL: Final = re.compile(r"[a-z0-9_-]{1,63}", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_LONGEST_NAME: Final = 253
_MAPPED_BITS: Final = 96
_WILDCARD: Final = "*."
_SCHEME_PORTS: Final = {"http": 80, "https": 443}


class AddressRefused(Exception):
    """The settings do not allow the target: its address, its host, its port, its scheme."""


class HostMalformed(Exception):
    """A host that is neither an address nor a name that DNS can have."""


@frozen
class Rules:
    """Networks ("127.0.0.0/8", "10.1.2.3") and hosts ("localhost", "*.internal"), read.

    Raises ValueError for what is neither.
    """

    written: tuple[str, ...]
    networks: tuple[Network, ...] = field(init=False)
    hosts: tuple[str, ...] = field(init=False)

    @networks.default
    def _read_networks(self) -> tuple[Network, ...]:
        return tuple(network for one in self.written if (network := _network(one)) is not None)

    @hosts.default
    def _read_hosts(self) -> tuple[str, ...]:
        return tuple(_host(one) for one in self.written if _network(one) is None)

    def name(self, host: str) -> bool:
        """Tell whether they name a host; ``*.internal`` names every host below ``internal``."""
        host = host.lower().rstrip(".")
        return any(
            host == one or (one.startswith(_WILDCARD) and host.endswith(one[1:]))
            for one in self.hosts
        )

    def hold(self, address: Address) -> bool:
        """Tell whether an address is in one of the networks."""
        return within(address, self.networks)


@frozen
class Guard:
    """Decides by address, or by host name where the host itself is named. Immutable.

    `allow` is what may be reached although it is not public, `deny` what may not although it is,
    or although `allow` says so. `ports` are the only ones, where there are any.
    """

    allow: Rules
    deny: Rules = Rules(())
    ports: frozenset[int] = frozenset()
    https_only: bool = False

    def check(self, host: str, addresses: Sequence[str]) -> list[str]:
        """Return the addresses that may be connected to. Raises `AddressRefused` if none may."""
        named = self._allows_host(host)
        allowed = [
            one for one in addresses if self._allows(ipaddress.ip_address(_bare(one)), named)
        ]
        if not allowed:
            found = ", ".join(one for one in addresses if one != host)
            raise AddressRefused(
                f"{host} is {f'{found}, ' if found else ''}an address that is not public, or is "
                "denied. If it is meant, add the host or its network to SINKS['http']['allow']; a "
                "link-local address and a cloud's metadata service by their network"
            )
        return allowed

    def check_written(self, scheme: str, host: str, port: int | None) -> None:
        """Check a URL's scheme, host, in ASCII, and port before anything looks it up.

        Raises `AddressRefused` if it is an address that may not be used, `HostMalformed` if it
        is neither an address nor a name.
        """
        if self.https_only and scheme != "https":
            raise AddressRefused("SINKS['http']['https_only'] allows https:// only")
        used = _SCHEME_PORTS.get(scheme, 0) if port is None else port
        if self.ports and used not in self.ports:
            known = ", ".join(str(one) for one in sorted(self.ports))
            raise AddressRefused(f"port {used} is not one of SINKS['http']['ports']: {known}")
        address = literal(host)
        if address is not None:
            self.check(host, [str(address)])
            return
        check_name(host)
        if self.deny.name(host):
            raise AddressRefused(f"{host} is denied by SINKS['http']['deny']")

    def _allows_host(self, host: str) -> bool:
        """Tell whether a host is allowed by its name, whatever else than delicate it resolves to.

        A cloud's metadata service has names that a wildcard would open: `*.internal` has
        metadata.google.internal.
        """
        return host.lower().rstrip(".") not in METADATA_HOSTS and self.allow.name(host)

    def _allows(self, address: Address, named: bool) -> bool:
        address = unmapped(address)
        if self.deny.hold(address):
            return False
        if is_delicate(address):
            return any(names_delicate(one, address) for one in self.allow.networks)
        if named or is_public(address):
            return True
        if not self.allow.hold(address):
            return False
        # Who allows a NAT64 gateway allows what is public behind it, and what is allowed itself.
        behind = translated(address)
        return behind is None or self._allows(behind, named=False)


def _address(text: str) -> Address:
    return ipaddress.ip_address(_bare(text))


def literal(host: str) -> Address | None:
    """Return the address that a URL's host is, if it is one ("[::1]" too)."""
    try:
        return _address(host)
    except ValueError:
        return None


def check_name(host: str) -> None:
    """Raise `HostMalformed` unless `host` is a name that DNS can have.

    One that ends in a number is none ("2130706433", "127.1", "0x7f.1"; the URL Standard, "ends
    in a number"): operating systems take it for an address.
    """
    labels = host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        raise HostMalformed(
            f"{host[:_LONGEST_NAME]} is a number and no address; "
            "write an address as four decimal numbers (192.0.2.1)"
        )
    if len(host) > _LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise HostMalformed(
            f"{host[:_LONGEST_NAME]!r} is no host name: between its dots must be 1 to 63 letters, "
            f"digits, - and _, and at most {_LONGEST_NAME} characters in all"
        )


def _bare(text: str) -> str:
    """Strip the brackets of a URL and the zone of a link-local address."""
    return text.strip("[]").split("%")[0]


def _network(text: str) -> Network | None:
    """Read a network; None for what does not look like one. Raises ValueError where it is none."""
    looks_like_one = "/" in text or ":" in text or _NUMBER.fullmatch(text.rpartition(".")[2])
    if not looks_like_one:
        return None
    try:
        network = ipaddress.ip_network(text)
        mapped = unmapped(network.network_address)
        if mapped.version != network.version and network.prefixlen >= _MAPPED_BITS:
            # As addresses are compared.
            return ipaddress.ip_network(f"{mapped}/{network.prefixlen - _MAPPED_BITS}")
        return network
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no network: {error}. Write 10.0.0.0/8, fd00::/8, 10.1.2.3, or a host "
            "without scheme and port"
        ) from None


def _host(text: str) -> str:
    """Read a host. Raises ValueError where it is none."""
    name = text.removeprefix(_WILDCARD)
    try:
        check_name(name)
    except HostMalformed:
        raise ValueError(
            f"{text!r} is neither a network (10.0.0.0/8) nor a host (localhost, *.internal)"
        ) from None
    return text.lower().rstrip(".")
