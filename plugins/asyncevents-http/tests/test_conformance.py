"""The suite that core ships, on the sink `http` and a real receiver."""

from __future__ import annotations

from http_conformance import HttpConformance


class TestHttpSink(HttpConformance):
    """Over HTTP/1.1."""
