"""People who sign in to the pages, and their sessions."""

from __future__ import annotations

import enum
import ipaddress
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from attrs import field, frozen

from asyncevents_core.domain.credential import Credential, new_credential, read_credential
from asyncevents_core.domain.instant import micros
from asyncevents_core.domain.limits import LONGEST_TOKEN_NAME, text_mistake

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 1024
LONGEST_SESSION: Final = 30 * 86_400.0
"""Seconds; then one signs in again, however much one has done meanwhile."""
_LONGEST_FOLDED: Final = 255
_LONGEST_NETWORK: Final = 64
_SESSION: Final = "aes_"
_LINK: Final = "ael_"

EVERYBODY: Final = "*"
"""The group in WEB_GROUPS of all whom a proxy or an OpenID provider signs in."""


class Source(enum.StrEnum):
    """Who says that somebody is who they are."""

    PASSWORD = "password"  # noqa: S105 - a word
    LINK = "link"
    PROXY = "proxy"
    OPENID = "openid"


@frozen(kw_only=True)
class User:
    """Somebody who signs in with a password or a link; times are microseconds since the epoch.

    `name` is theirs alone, whatever its case. `tenant` binds them as it binds a token.
    """

    id: UUID
    name: str
    password_hash: str = field(repr=False)
    resources: tuple[str, ...]
    tenant: str | None = None
    created_at: int = 0
    disabled_at: int | None = None
    password_changed_at: int = 0
    signed_in_at: int | None = None

    @property
    def who(self) -> str:
        """What the audit log calls them."""
        return f"user {self.name} {self.id}"


@frozen(kw_only=True)
class Session:
    """Somebody who is signed in; times are microseconds since the epoch.

    `user_id` is None, and `groups` say what they may do, where a proxy or an OpenID provider
    vouches for them. `digest` is that of the text in the cookie, `csrf` what their forms carry.
    """

    id: UUID
    digest: bytes = field(repr=False)
    user_id: UUID | None
    name: str
    source: Source
    groups: tuple[str, ...] = ()
    csrf: str = field(repr=False)
    created_at: int = 0
    seen_at: int = 0
    expires_at: int = 0

    def is_over(self, now: int, idle: float) -> bool:
        """Tell whether it has expired, or nobody has used it for `idle` seconds."""
        return now >= self.expires_at or now >= self.seen_at + micros(idle)


@frozen(kw_only=True)
class SignInLink:
    """A way to sign in once, without a password; times are microseconds since the epoch."""

    id: UUID
    digest: bytes = field(repr=False)
    user_id: UUID
    expires_at: int


@frozen(kw_only=True)
class GroupRights:
    """What the people of a group may do: `resources`, bound to a tenant or not."""

    resources: tuple[str, ...]
    tenant: str | None = None


def rights_of(groups: Iterable[str], known: Mapping[str, GroupRights]) -> GroupRights | None:
    """Return what the groups of one person give together; None: nothing, or tenants that differ.

    A group that is bound to a tenant binds all that the others give. The group `EVERYBODY` has
    everybody in it.
    """
    found = [known[one] for one in dict.fromkeys((*groups, EVERYBODY)) if one in known]
    tenants = {one.tenant for one in found if one.tenant is not None}
    resources = tuple(dict.fromkeys(each for one in found for each in one.resources))
    if not resources or len(tenants) > 1:
        return None
    return GroupRights(resources=resources, tenant=next(iter(tenants), None))


def folded_name(name: str) -> str:
    """Return what two names have in common that are the same but for case and for form."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def user_name_mistake(name: object) -> str | None:
    """Check the name of a user."""
    if mistake := text_mistake(name, LONGEST_TOKEN_NAME):
        return mistake
    folded = folded_name(str(name))
    if len(folded) > _LONGEST_FOLDED:
        return f"is longer than {_LONGEST_FOLDED} characters when it is folded"
    if folded != folded.strip() or name != str(name).strip():
        return "must not begin or end with a space"
    return None


def normalized_password(password: str) -> str:
    """Return a password as it is hashed: the same, however a keyboard composes its letters."""
    return unicodedata.normalize("NFKC", password)


def password_mistake(password: str, name: str) -> str | None:
    """Check a new password of the user `name`; what is returned does not show it."""
    count = len(normalized_password(password))
    if len(password) > LONGEST_PASSWORD or count > LONGEST_PASSWORD:
        return f"must have {LONGEST_PASSWORD} characters at most"
    if count < SHORTEST_PASSWORD:
        return f"must have {SHORTEST_PASSWORD} characters at least, not {count}"
    if folded_name(password) == folded_name(name):
        return "must not be the user's name"
    try:
        password.encode()
    except UnicodeEncodeError:
        return "must be a text that UTF-8 can write"
    return None


def network_of(address: str) -> str:
    """Return what an address has in common with others of the same line: of IPv6 its /64.

    Whoever has one address of such a network has all of them. What is no address stays.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:_LONGEST_NETWORK]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.ip_network((found, 64), strict=False))
        found = found.ipv4_mapped
    return str(found)


def new_session_text() -> Credential:
    """Return the text of a new session, which begins with ``aes_``."""
    return new_credential(_SESSION)


def read_session_text(text: str) -> Credential | None:
    """Read a cookie; None if it cannot be a session's."""
    return read_credential(text, _SESSION)


def new_link_code() -> Credential:
    """Return the code of a new link, which begins with ``ael_``."""
    return new_credential(_LINK)


def read_link_code(text: str) -> Credential | None:
    """Read the code of a link; None if it cannot be one."""
    return read_credential(text, _LINK)
