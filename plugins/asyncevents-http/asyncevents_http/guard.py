"""Which addresses may be connected to: none that only this network can reach, unless allowed.

Subscribers choose targets, so without this a webhook could be pointed at what is reachable
from the worker only: databases, admin pages, a cloud's metadata service.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Final

from attrs import field, frozen

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Prefixes that carry an IPv4 address: RFC 6052 (NAT64), RFC 8215 (local NAT64), and 6to4, which
# RFC 7526 withdrew; Python before 3.13 takes it for public.
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
_SIX_TO_FOUR: Final = ipaddress.IPv6Network("2002::/16")

_NOT_PUBLIC: Final[tuple[Network, ...]] = (
    _LOCAL_NAT64,
    _SIX_TO_FOUR,
    # Site-local addresses, which RFC 3879 withdrew, and "IPv4-translated" ones (RFC 2765).
    ipaddress.IPv6Network("fec0::/10"),
    ipaddress.IPv6Network("::ffff:0:0:0/96"),
    # Azure's platform, which each of its virtual machines reaches.
    ipaddress.IPv4Network("168.63.129.16/32"),
)
"""What Python takes for public, and only some networks reach."""

_LABEL: Final = re.compile(r"[a-z0-9_-]{1,63}", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_LONGEST_NAME: Final = 253


class AddressRefused(Exception):
    """The target resolves to an address that the settings do not allow."""


class HostMalformed(Exception):
    """A host that is neither an address nor a name that DNS can have."""


@frozen
class Guard:
    """Decides by address, or by host name where the host itself is allowed. Immutable.

    `allow` holds networks ("127.0.0.0/8", "10.1.2.3") and hosts ("localhost", "*.internal").
    """

    allow: tuple[str, ...]
    _networks: tuple[Network, ...] = field(init=False)
    _hosts: tuple[str, ...] = field(init=False)

    @_networks.default
    def _parse_networks(self) -> tuple[Network, ...]:
        return tuple(network for one in self.allow if (network := _network(one)))

    @_hosts.default
    def _parse_hosts(self) -> tuple[str, ...]:
        return tuple(one.lower() for one in self.allow if _network(one) is None)

    def allows_host(self, host: str) -> bool:
        """Tell whether a host is allowed by its name, whatever it resolves to."""
        host = host.lower().rstrip(".")
        return any(
            host == one or (one.startswith("*.") and host.endswith(one[1:])) for one in self._hosts
        )

    def check(self, host: str, addresses: Sequence[str]) -> list[str]:
        """Return the addresses that may be connected to. Raises `AddressRefused` if none may."""
        if self.allows_host(host):
            return list(addresses)
        allowed = [one for one in addresses if self._allows(ipaddress.ip_address(_bare(one)))]
        if not allowed:
            found = ", ".join(one for one in addresses if one != host)
            raise AddressRefused(
                f"{host} is {f'{found}, ' if found else ''}an address that is not public. "
                "If it is meant, add the host or its network to SINKS['http']['allow']"
            )
        return allowed

    def check_written(self, host: str) -> None:
        """Check a URL's host, in ASCII, before anything looks it up.

        Raises `AddressRefused` if it is an address that may not be used, `HostMalformed` if it
        is neither an address nor a name.
        """
        address = literal(host)
        if address is None:
            check_name(host)
        else:
            self.check(host, [str(address)])

    def _allows(self, address: Address) -> bool:
        if any(address in network for network in self._networks):
            return True
        return is_public(address)


def is_public(address: Address) -> bool:
    """Tell whether an address, and the IPv4 address it may wrap, is one of the internet."""
    if not address.is_global or address.is_multicast or address.is_unspecified:
        return False
    if any(address in network for network in _NOT_PUBLIC):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not address.is_reserved
    return all(is_public(one) for one in _wrapped(address))


def literal(host: str) -> Address | None:
    """Return the address that a URL's host is, if it is one ("[::1]" too)."""
    try:
        return ipaddress.ip_address(_bare(host))
    except ValueError:
        return None


def check_name(host: str) -> None:
    """Raise `HostMalformed` unless `host` is a name that DNS can have.

    One that ends in a number is none ("2130706433", "127.1", "0x7f.1"; the URL Standard, "ends
    in a number"): operating systems, and some versions of aiohttp without a look-up, take it
    for an address.
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


def _wrapped(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """Return the IPv4 addresses inside an IPv6 address: mapped, Teredo, NAT64, compatible."""
    found = [] if address.ipv4_mapped is None else [address.ipv4_mapped]
    if address.teredo is not None:
        found += address.teredo
    if address in _NAT64 or int(address) >> 32 == 0:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return found


def _bare(text: str) -> str:
    """Strip the brackets of a URL and the zone of a link-local address."""
    return text.strip("[]").split("%")[0]


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
