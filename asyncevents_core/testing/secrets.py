"""Secrets for tests: put into every field that is marked as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import attrs

from asyncevents_core.ports.sink import SECRET

T = TypeVar("T")

SOME_SECRET: Final = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQh"  # noqa: S105 - for tests only
"""A secret that also is a valid verification token."""


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


def _filled(cls: type, secret: str) -> dict[str, object]:
    filled: dict[str, object] = {}
    for name, kind in secret_fields(cls).items():
        written = str(kind)
        if kind is str or written.replace(" ", "") in {"str|None", "typing.Optional[str]"}:
            filled[name] = secret
        elif written.startswith("tuple[str"):
            filled[name] = (secret,)
    return filled
