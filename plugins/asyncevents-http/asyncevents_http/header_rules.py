"""Which headers a subscription may add to its requests, and what may stand in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

MOST_HEADERS: Final = 32
LONGEST_NAME: Final = 128
LONGEST_VALUE: Final = 4096
LONGEST_IN_ALL: Final = 16_384
"""Characters of names and values together: servers commonly refuse heads of 8 to 32 KB."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")

_CONNECTION: Final = "it belongs to the connection, which the sink manages"
_FRAMING: Final = "it says where the body ends, which the sink does"
_SIGNED: Final = "it belongs to the signature, which only the sink can make"
_OWN: Final = "the sink writes it, and receivers rely on it"
_TRACE: Final = "the sink writes where the attempt belongs in its trace"
_PROXY: Final = "it is meant for a proxy, which SINKS['http']['proxy'] configures"

_PROTECTED: Final[Mapping[str, str]] = {
    "host": "it is the host of the target",
    "content-length": _FRAMING,
    "transfer-encoding": _FRAMING,
    "trailer": _FRAMING,
    "te": _CONNECTION,
    "connection": _CONNECTION,
    "keep-alive": _CONNECTION,
    "upgrade": _CONNECTION,
    "http2-settings": _CONNECTION,
    "expect": "the sink sends the body at once",
    "content-encoding": "the body is sent as it is",
    "accept-encoding": "answers are read as they come",
    "content-type": "the option content_type says it",
    "x-magento-signature": "the option magento_signature adds it",
    "signature": _SIGNED,
    "signature-input": _SIGNED,
    "content-digest": _SIGNED,
    "traceparent": _TRACE,
    "tracestate": _TRACE,
}
_PREFIXES: Final[Mapping[str, str]] = {
    "proxy-": _PROXY,
    "webhook-": _OWN,
    "asyncevents-": _OWN,
    "ce-": "the option mode with binary writes the attributes of the event",
}
_SECRET: Final = frozenset({"authorization", "cookie"})


def check_headers(headers: Mapping[str, str], *, secret: bool) -> None:
    """Raise ValueError for the first header that cannot be sent; its value is never shown."""
    if len(headers) > MOST_HEADERS:
        raise ValueError(f"there are at most {MOST_HEADERS} headers, here are {len(headers)}")
    for name, value in headers.items():
        check_name(name, secret=secret)
        check_value(name, value)
    if sum(len(name) + len(value) for name, value in headers.items()) > LONGEST_IN_ALL:
        raise ValueError(f"headers have at most {LONGEST_IN_ALL} characters together")
    check_different(headers)


def check_name(name: str, *, secret: bool) -> None:
    """Raise ValueError for what is no name of a header, and for one that is not to be given."""
    if len(name) > LONGEST_NAME or _TOKEN.fullmatch(name) is None:
        raise ValueError(
            f"{name[:LONGEST_NAME]!r} is no name of a header: it has 1 to {LONGEST_NAME} letters, "
            "digits and !#$%&'*+-.^_`|~"
        )
    lowered = name.lower()
    why = _PROTECTED.get(lowered) or next(
        (text for prefix, text in _PREFIXES.items() if lowered.startswith(prefix)), None
    )
    if why is not None:
        raise ValueError(f"{name} cannot be given: {why}")
    if lowered in _SECRET and not secret:
        raise ValueError(
            f"{name} is a secret: give it in secret_headers, or in the options for "
            "authentication, so that it is not shown"
        )


def check_value(name: str, value: str) -> None:
    """Raise ValueError for what the value of a header cannot be. It is not shown."""
    if len(value) > LONGEST_VALUE:
        raise ValueError(f"{name}: a value has at most {LONGEST_VALUE} characters")
    if _VALUE.fullmatch(value) is None:
        raise ValueError(
            f"{name}: a value has printable ASCII characters, spaces and tabs only, no line ends"
        )
    if value != value.strip():
        raise ValueError(f"{name}: spaces around a value are not sent; remove them")


def check_different(names: Iterable[str]) -> None:
    """Raise ValueError where two names are one header: upper and lower case are the same."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other is not name:
            raise ValueError(f"{other} and {name} are the same header; give it once")
