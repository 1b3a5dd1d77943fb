"""Which addresses are public: a table of one's own, so that every interpreter says the same.

Python's `ipaddress` changed its mind between releases (6to4, 2001::/23, 3fff::/20, 192.0.0.0/24).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

REGISTRIES_OF: Final = "2025-10-09"
"""When IANA last changed the two registries as they are here."""

SPECIAL: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(one)
    for one in (
        # https://www.iana.org/assignments/iana-ipv4-special-registry/: all of it, also the few
        # blocks that are reachable from everywhere, since nobody's webhook is an anycast relay.
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "240.0.0.0/4",
        # Multicast: https://www.iana.org/assignments/multicast-addresses/
        "224.0.0.0/4",
        # Azure's platform, which each of its virtual machines reaches.
        "168.63.129.16/32",
        # https://www.iana.org/assignments/iana-ipv6-special-registry/: what of it is within
        # 2000::/3. 2001::/23 holds Teredo, ORCHID, benchmarking, AMT, AS112.
        "2001::/23",
        "2001:db8::/32",
        "2002::/16",
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)

GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""The only part of IPv6 from which addresses are assigned: RFC 4291, section 2.4."""

LINK_LOCAL: Final[tuple[Network, ...]] = (
    ipaddress.IPv4Network("169.254.0.0/16"),
    ipaddress.IPv6Network("fe80::/10"),
)

METADATA: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(one)
    for one in (
        "100.100.100.200/32",  # Alibaba Cloud
        "168.63.129.16/32",  # Azure
        "192.0.0.192/32",  # Oracle Cloud
        "fd00:ec2::254/128",  # Amazon; 253 and 123 are its resolver and its clock
        "fd20:ce::254/128",  # Google Cloud
    )
)
"""Where clouds give credentials to whoever asks, besides 169.254.169.254."""

METADATA_HOSTS: Final = frozenset(
    {
        "instance-data",
        "instance-data.ec2.internal",
        "metadata",
        "metadata.goog",
        "metadata.google.internal",
        "metadata.platformequinix.com",
        "metadata.tencentyun.com",
    }
)

_NAT64: Final = (
    # RFC 6052, RFC 8215: the last 32 bits are an IPv4 address.
    ipaddress.IPv6Network("64:ff9b::/96"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
)


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the internet.

    An IPv4-mapped IPv6 address, which systems connect to by IPv4, is what its IPv4 address is.
    """
    address = unmapped(address)
    if isinstance(address, ipaddress.IPv6Address) and address not in GLOBAL_UNICAST:
        return False
    return not within(address, SPECIAL)


def unmapped(address: Address) -> Address:
    """Return the IPv4 address that ``::ffff:a.b.c.d`` stands for; others as they are."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def translated(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address to which a NAT64 gateway translates an address, if it does."""
    if isinstance(address, ipaddress.IPv6Address) and within(address, _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def is_delicate(address: Address) -> bool:
    """Tell whether an address is link-local or a cloud's metadata service."""
    return within(address, LINK_LOCAL) or within(address, METADATA)


def names_delicate(network: Network, address: Address) -> bool:
    """Tell whether a network that is allowed means this delicate address, not just everything."""
    blocks = (block for block in (*LINK_LOCAL, *METADATA) if address in block)
    return address in network and any(network.prefixlen >= one.prefixlen for one in blocks)


def within(address: Address, networks: Iterable[Network]) -> bool:
    """Tell whether an address is in one of these networks."""
    return any(address in network for network in networks)
