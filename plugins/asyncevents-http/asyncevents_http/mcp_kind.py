"""The type of the sink `mcp`. Loads no HTTP client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from asyncevents_core.errors import InvalidOptions
from asyncevents_core.plugin import DeliveryRequest, SentRequest, Sink, SinkType
from asyncevents_http.headers import SIGNATURE
from asyncevents_http.kind import HttpSinkType
from asyncevents_http.mcp_messages import McpConfig, McpOptions, headers_of, message_of

_HTTP: Final = HttpSinkType()
_LONGEST_ID: Final = 200


class McpSinkType(SinkType[McpConfig, McpOptions]):
    """Registers the sink `mcp`: callbacks of AI agents."""

    name = "mcp"
    title = "Callback of an AI agent (MCP Events)"
    config_class = McpConfig
    options_class = McpOptions
    signs = True

    def validate_target(self, target: str, config: McpConfig) -> None:
        """See `SinkType`: as the sink `http`."""
        _HTTP.validate_target(target, config)

    def validate_options(self, options: McpOptions, target: str, config: McpConfig) -> None:
        """See `SinkType`: the id goes into a header."""
        one = options.subscription_id
        if not (one.isascii() and one.isprintable() and 0 < len(one.strip()) <= _LONGEST_ID):
            raise InvalidOptions(f"subscription_id: 1 to {_LONGEST_ID} characters of ASCII")

    def privileges(self, options: McpOptions, target: str, config: McpConfig) -> Sequence[str]:
        """See `SinkType`: none, as of the sink `http`."""
        return ()

    def request_of(
        self, request: DeliveryRequest, config: McpConfig, *, at: float
    ) -> SentRequest | None:
        """See `SinkType`."""
        message = message_of(request, config)
        headers = headers_of(request, message, config, timestamp=int(at))
        return SentRequest(
            method="POST",
            url=request.target,
            headers=tuple((name.decode(), value.decode()) for name, value in headers),
            body=message.body,
            signed=(SIGNATURE.decode(),),
        )

    def open(self, config: McpConfig) -> Sink:
        """See `SinkType`."""
        from asyncevents_http.mcp_sink import McpSink

        return McpSink(config)
