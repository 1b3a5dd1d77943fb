"""Secrets for tests: put into every field that is marked as one."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote, quote_plus

import attrs

from asyncevents_core.ports.sink import SECRET

T = TypeVar("T")

SOME_SECRET: Final = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQh"  # noqa: S105 - for tests only
"""A secret that also is a valid verification token."""


_HEXADECIMAL: Final = "in hexadecimal"


def secret_fields(cls: type) -> dict[str, Any]:
    """Return the fields of an attrs class that are marked as secret, with their types."""
    kind: Any = cls
    return {
        one.name: one.type
        for one in attrs.fields(attrs.resolve_types(kind))
        if one.metadata.get(SECRET)
    }


def with_secret(config: T, secret: str) -> T:
    """Return a configuration with `secret` in each secret field that takes text.

    What the class's validators raise passes through.
    """
    instance: Any = config
    changed: T = attrs.evolve(instance, **_filled(type(config), secret))
    return changed


def options_with_secret(
    cls: type, options: Mapping[str, object], secret: str
) -> Mapping[str, object]:
    """Return options with `secret` in each secret field of their class that takes text."""
    return {**options, **_filled(cls, secret)}


def forms_shown(secret: str, text: str) -> list[str]:
    """Return the forms in which a text shows a secret: none where it is well hidden.

    Looks for it as it is, escaped, URL-encoded, and in hexadecimal and base64, also as a part of
    something longer; for what stands behind a prefix such as ``whsec_``, and what that encodes.
    """
    folded = text.lower()
    found: list[str] = []
    for what, raw in _parts(secret):
        for form, written in _forms(raw):
            is_there = written.lower() in folded if form == _HEXADECIMAL else written in text
            if is_there:
                found.append(f"{what} {form}")
    return found


def _parts(secret: str) -> Iterator[tuple[str, bytes]]:
    yield "the secret", secret.encode()
    _, _, rest = secret.rpartition("_")
    if rest != secret:
        yield "the secret without its prefix", rest.encode()
        try:
            yield "the key in the secret", base64.b64decode(rest, validate=True)
        except binascii.Error:
            return


def _forms(raw: bytes) -> Iterator[tuple[str, str]]:
    yield _HEXADECIMAL, raw.hex()
    text = raw.decode(errors="backslashreplace")
    yield "as it is", text
    yield "escaped", ascii(text)[1:-1]
    for encode in (quote, quote_plus):
        for safe in ("", "/"):
            yield "URL-encoded", encode(text, safe=safe)
    # How base64 looks depends on what stands before: three ways, less what neighbours change.
    for before in range(3):
        encoded = base64.b64encode(b"." * before + raw).rstrip(b"=").decode()
        core = encoded[(0, 2, 3)[before] : len(encoded) - 1]
        yield "in base64", core
        yield "in base64 for URLs", core.replace("+", "-").replace("/", "_")


def _filled(cls: type, secret: str) -> dict[str, object]:
    filled: dict[str, object] = {}
    for name, kind in secret_fields(cls).items():
        written = str(kind)
        if kind is str or written.replace(" ", "") in {"str|None", "typing.Optional[str]"}:
            filled[name] = secret
        elif written.startswith("tuple[str"):
            filled[name] = (secret,)
    return filled
