"""Credentials as headers have them."""

from __future__ import annotations

import base64


def basic(name: str, password: str) -> bytes:
    """Return the credentials of basic authentication (RFC 7617, in UTF-8)."""
    return b"Basic " + base64.b64encode(f"{name}:{password}".encode())


def bearer(token: str) -> bytes:
    """Return the credentials that a bearer token is (RFC 6750)."""
    return b"Bearer " + token.encode()
