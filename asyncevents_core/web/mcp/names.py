"""What the Model Context Protocol calls things, in one place, for it goes on changing.

The protocol: https://modelcontextprotocol.io/specification. Its events are an extension, SEP-3415.
Fields and codes are those of its design sketch of 2026-02-19 in the repository
modelcontextprotocol/experimental-ext-triggers-events, commit 082166f, which clients speak.
"""

from __future__ import annotations

from typing import Final

PATH: Final = "/mcp"

HANDSHAKE_VERSIONS: Final = ("2025-03-26", "2025-06-18", "2025-11-25")
"""Versions that begin with `initialize`, oldest first."""
STATELESS_VERSIONS: Final = ("2026-07-28",)
"""Versions of which each request stands for itself."""
VERSIONS: Final = (*HANDSHAKE_VERSIONS, *STATELESS_VERSIONS)

EVENTS: Final = "events"
"""The capability, as the design sketch calls it."""
EVENTS_EXTENSION: Final = "io.modelcontextprotocol/events"
"""The same as SEP-3415 calls it, among the extensions."""

VERSION_HEADER: Final = "mcp-protocol-version"
METHOD_HEADER: Final = "mcp-method"
SERVER_INFO: Final = "io.modelcontextprotocol/serverInfo"

INITIALIZE: Final = "initialize"
DISCOVER: Final = "server/discover"
PING: Final = "ping"
TOOLS_LIST: Final = "tools/list"
TOOLS_CALL: Final = "tools/call"
EVENTS_LIST: Final = "events/list"
EVENTS_SUBSCRIBE: Final = "events/subscribe"
EVENTS_UNSUBSCRIBE: Final = "events/unsubscribe"

WEBHOOK: Final = "webhook"
"""The one of the modes of delivery that there is here."""

INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
NOT_FOUND: Final = -32011
FORBIDDEN: Final = -32012
EXHAUSTED: Final = -32013
UNSUPPORTED: Final = -32014
CALLBACK_FAILED: Final = -32015
HEADER_MISMATCH: Final = -32020
UNSUPPORTED_VERSION: Final = -32022

STATUSES: Final = {
    INVALID_REQUEST: 400,
    METHOD_NOT_FOUND: 404,
    INVALID_PARAMS: 400,
    HEADER_MISMATCH: 400,
    UNSUPPORTED_VERSION: 400,
}
"""The HTTP status of an error in the stateless versions, where that is not 200."""
