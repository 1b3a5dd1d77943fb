"""What a tenant or a token may do with sinks, and what of the operator's it may use for that."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote

from attrs import Attribute, field, frozen

ANY: Final = "*"
"""Stands for every sink, and at the end of a pattern for everything."""

_SCHEME: Final = "://"
# What begins another part of a URL or of an ARN; some parsers read a backslash as a slash.
_WITHIN_A_PART: Final = r"[^/?#@:\\]*"


def pattern_mistake(pattern: str) -> str | None:
    """Say why a text is no pattern of targets; None where it is one."""
    if not pattern or not pattern.isprintable() or " " in pattern:
        return "a pattern is not empty, and has no spaces or control characters"
    scheme, found, rest = pattern.partition(_SCHEME)
    if found and ANY in scheme:
        return "the scheme has no *: write https://*"
    if found and rest.endswith(ANY) and rest != ANY and "/" not in rest:
        # https://example.com* would also be https://example.com.evil.example.
        return f"it ends within the host: write {pattern.rstrip(ANY)}/*"
    return None


def matches(pattern: str, target: str) -> bool:
    """Tell whether a target has the form of a pattern.

    ``*`` stands for any characters but ``/ ? # @ : \\``, and at the end for any at all. The
    scheme and the host of a URL are compared without regard to case; a URL with the segments
    ``.`` or ``..``, which lead elsewhere, matches no pattern but ``*``.
    """
    if pattern == ANY:
        return True
    if _SCHEME in target:
        target = _with_lower_host(target)
        if any(unquote(one) in {".", ".."} for one in re.split(r"[/\\?#]", target)):
            return False
    return _compiled(pattern).fullmatch(target) is not None


def _compiled(pattern: str) -> re.Pattern[str]:
    if _SCHEME in pattern:
        pattern = _with_lower_host(pattern)
    open_end = pattern.endswith(ANY)
    parts = (pattern[:-1] if open_end else pattern).split(ANY)
    inner = _WITHIN_A_PART.join(re.escape(one) for one in parts)
    return re.compile(inner + ".*" if open_end else inner, re.DOTALL)


def _with_lower_host(url: str) -> str:
    scheme, _, rest = url.partition(_SCHEME)
    host = re.match(r"[^/?#]*", rest)
    end = host.end() if host else 0
    return f"{scheme.lower()}{_SCHEME}{rest[:end].lower()}{rest[end:]}"


def _patterns(_: object, attribute: Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
    for number, one in enumerate(value):
        if mistake := pattern_mistake(one):
            raise ValueError(f"{attribute.name}[{number}]: {mistake}")


@frozen(kw_only=True)
class SinkAllowance:
    """What is allowed with one sink: targets by pattern, and privileges.

    `privileges` are of those that `SinkType.privileges` names, such as ``profile:reports``; a
    ``*`` at the end stands for the rest. Without any, only what uses nothing of the operator's.
    """

    targets: tuple[str, ...] = field(default=(ANY,), validator=_patterns)
    privileges: tuple[str, ...] = field(default=(), validator=_patterns)


@frozen(kw_only=True)
class Allowance:
    """What somebody may subscribe: `sinks` by name, ``*`` for those that are not named.

    `whose` says in errors who that is: "tenant 'acme'", "this token".
    """

    whose: str
    sinks: Mapping[str, SinkAllowance]

    def refusal(self, sink: str, target: str, privileges: Sequence[str]) -> str | None:
        """Say why a subscription is not allowed; None where it is.

        `privileges` are those that it would use.
        """
        allowed = self.sinks.get(sink, self.sinks.get(ANY))
        if allowed is None:
            known = ", ".join(sorted(self.sinks)) or "none"
            return f"{self.whose} may not use the sink {sink!r} (allowed: {known})"
        if not any(matches(one, target) for one in allowed.targets):
            known = ", ".join(allowed.targets) or "none"
            return f"{self.whose} may not send to this target with {sink!r} (allowed: {known})"
        missing = [
            one for one in privileges if not any(matches(may, one) for may in allowed.privileges)
        ]
        if missing:
            return (
                f"{self.whose} may not use {', '.join(missing)} of the operator: give credentials "
                "of your own in the options, or ask for the privilege"
            )
        return None


TenantSinks = Mapping[str, Mapping[str, SinkAllowance]]
"""What each tenant may do with which sink; ``*`` stands for tenants that are not named."""

_SAFE: Final = {ANY: SinkAllowance()}
"""What is allowed unless the settings say otherwise: whatever uses nothing of the operator's."""


def tenant_allowances(tenant: str | None, rules: TenantSinks) -> tuple[Allowance, ...]:
    """Return what bounds a tenant; nothing bounds who has none."""
    if tenant is None:
        return ()
    sinks = rules.get(tenant, rules.get(ANY, _SAFE))
    return (Allowance(whose=f"tenant {tenant!r}", sinks=sinks),)
