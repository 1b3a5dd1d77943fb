"""How people sign in to the pages by a proxy or by OpenID Connect: settings and their checks."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
from attrs import field, frozen, validators

from asyncevents_core.domain.limits import tenant_mistake
from asyncevents_core.domain.user import GroupRights
from asyncevents_core.showing import SECRET

_HEADER: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^`|~-]{1,100}")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_OPENID: Final = "openid"


def issuer_mistake(issuer: str) -> str | None:
    """Say why an address cannot be that of an OpenID provider; None where it can."""
    try:
        parts = urlsplit(issuer)
        host = parts.hostname
    except ValueError:
        return "is no URL"
    if not host or parts.query or parts.fragment or parts.username is not None:
        return "is the provider's address, such as https://login.example.com, and no more"
    if parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK):
        return None
    return "begins with https://; http:// is for a provider on this machine only"


def _issuer(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    if mistake := issuer_mistake(value):
        raise ValueError(f"it {mistake}")


def _scopes(_: object, attribute: attrs.Attribute[Any], value: Sequence[str]) -> None:
    if _OPENID not in value:
        raise ValueError(f"'{_OPENID}' has to be one of them: without it nobody is named")


@frozen(kw_only=True)
class OpenIdOptions:
    """An OpenID provider, by which people sign in: WEB_OPENID."""

    issuer: str = field(validator=_issuer)
    """The provider's address; what it says of itself is at /.well-known/openid-configuration."""
    client_id: str = field(validator=validators.min_len(1))
    """What the provider calls this application."""
    client_secret: str | None = field(
        default=None,
        repr=False,
        validator=validators.optional(validators.min_len(1)),
        metadata={SECRET: True},
    )
    """What the application proves itself with; None: the provider wants nothing but PKCE."""
    scopes: tuple[str, ...] = field(default=("openid", "profile"), validator=_scopes)
    """What the provider is asked for."""
    name_claim: str = field(default="preferred_username", validator=validators.min_len(1))
    """The claim that has the person's name, which the audit log shows."""
    groups_claim: str = field(default="groups", validator=validators.min_len(1))
    """The claim that has the person's groups, a list of texts."""


def header(_: object, attribute: attrs.Attribute[str], value: str) -> None:
    """Check the name of a header. Raises `ValueError`."""
    if _HEADER.fullmatch(value) is None:
        raise ValueError(
            f"{value!r} is no name of a header, such as X-Forwarded-User. None has an underscore: "
            "some servers take it for a hyphen"
        )


def networks(_: object, attribute: attrs.Attribute[Any], value: Sequence[str]) -> None:
    """Check addresses and networks. Raises `ValueError`."""
    for number, one in enumerate(value):
        try:
            ipaddress.ip_network(one)
        except ValueError as error:
            raise ValueError(
                f"[{number}]: {one!r} is no address and no network such as 10.0.0.0/8: {error}"
            ) from error


def groups(_: object, attribute: attrs.Attribute[Any], value: Mapping[str, GroupRights]) -> None:
    """Check what groups may do. Raises `ValueError`."""
    for name, one in value.items():
        if not one.resources:
            raise ValueError(f"[{name!r}].resources: name at least one, such as 'view'")
        if mistake := tenant_mistake(one.tenant):
            raise ValueError(f"[{name!r}].tenant: {mistake}")


def proxy_mistakes(
    user_header: str | None, groups_header: str | None, addresses: Sequence[str]
) -> Iterator[str]:
    """Say what does not go together."""
    if user_header is not None and not addresses:
        yield (
            "WEB_PROXY_ADDRESSES: is required with WEB_PROXY_USER_HEADER: the addresses of the "
            "proxy. From others the header does not count, for anybody can send it"
        )
    if user_header is None and addresses:
        yield "WEB_PROXY_ADDRESSES: is of use with WEB_PROXY_USER_HEADER only"
    if user_header is None and groups_header is not None:
        yield "WEB_PROXY_GROUPS_HEADER: is of use with WEB_PROXY_USER_HEADER only"
    if user_header and groups_header and user_header.lower() == groups_header.lower():
        yield "WEB_PROXY_GROUPS_HEADER: is the same header as WEB_PROXY_USER_HEADER"
