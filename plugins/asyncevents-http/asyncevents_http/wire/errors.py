"""Why there was no answer. Each says so in words that a log can have.

WireError
├── CannotResolve
├── CannotConnect
│   ├── ProxyDenied
│   └── ProxyWantsCredentials
├── TlsFailed
│   └── IdentityUnusable
├── NoAnswer
└── TooSlow
"""

from __future__ import annotations

import os


class WireError(Exception):
    """No answer came, and the text says why."""


class CannotResolve(WireError):
    """The host's name was not found."""


class CannotConnect(WireError):
    """No connection was opened."""


class ProxyDenied(CannotConnect):
    """The proxy does not let a connection to this host pass."""


class ProxyWantsCredentials(CannotConnect):
    """The proxy wants credentials, or others (407)."""


class TlsFailed(WireError):
    """The other side speaks no TLS, or its certificate is not to be trusted."""


class IdentityUnusable(TlsFailed):
    """The client certificate cannot be presented."""


class NoAnswer(WireError):
    """The connection ended, or broke, before a status; or what came is no HTTP."""


class TooSlow(WireError):
    """The time was over before there was a status."""


def in_words(error: BaseException) -> str:
    """Return the system's words ("Connection refused"); asyncio's repeat the address."""
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
