"""Where in a distributed trace something belongs: W3C Trace Context.

By https://www.w3.org/TR/trace-context/, level 1, and for CloudEvents by their extension
"Distributed Tracing". A trace in this sense is the application's, and goes through many systems;
a delivery's trace is that of asyncevents.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Self

from attrs import frozen

_PARENT: Final = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_STATE: Final = re.compile(r"[\x20-\x7e]{1,512}")
_SAMPLED: Final = 1
LONGEST: Final = 600
"""Characters of `TraceContext.text` at most."""


@frozen(kw_only=True)
class TraceContext:
    """The values of the headers ``traceparent`` and ``tracestate``."""

    traceparent: str
    tracestate: str | None = None

    @classmethod
    def of(cls, traceparent: str | None, tracestate: str | None = None) -> Self | None:
        """Return what headers say; None where there is none, or none that can be.

        A ``tracestate`` that cannot be is left out, as the specification says.
        """
        if traceparent is None or _PARENT.fullmatch(traceparent) is None:
            return None
        if tracestate is not None and _STATE.fullmatch(tracestate) is None:
            tracestate = None
        return cls(traceparent=traceparent, tracestate=tracestate)

    @classmethod
    def among(cls, attributes: Mapping[str, object]) -> Self | None:
        """Return what headers or attributes by lower-case names say; None as `of`.

        Values may be anything: they come from others.
        """
        parent, state = attributes.get("traceparent"), attributes.get("tracestate")
        if not isinstance(parent, str):
            return None
        return cls.of(parent, state if isinstance(state, str) else None)

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """Return what `text` was made of; None for None, and for what was never one."""
        if text is None:
            return None
        traceparent, _, tracestate = text.partition(" ")
        return cls.of(traceparent, tracestate or None)

    @property
    def text(self) -> str:
        """It as one text, of `LONGEST` characters at most."""
        return " ".join(filter(None, (self.traceparent, self.tracestate)))

    @property
    def trace_id(self) -> str:
        """The id of the whole trace, 32 hexadecimal digits."""
        return self.traceparent.split("-")[1]

    @property
    def is_sampled(self) -> bool:
        """Whether its beginning was recorded."""
        return bool(int(self.traceparent[-2:], 16) & _SAMPLED)

    @property
    def attributes(self) -> tuple[tuple[str, str], ...]:
        """Names and values, as those of headers and of attributes of CloudEvents."""
        parent = ("traceparent", self.traceparent)
        return (parent,) if self.tracestate is None else (parent, ("tracestate", self.tracestate))
