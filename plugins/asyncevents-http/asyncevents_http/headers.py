"""The headers of a request: what stays the same, and what each attempt has of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from asyncevents_core.plugin import TraceContext
from asyncevents_http.basic import basic, bearer
from asyncevents_http.config import HttpConfig
from asyncevents_http.modes import BATCHED_TYPE, FORMS, STRUCTURED_TYPE
from asyncevents_http.options import HttpOptions

if TYPE_CHECKING:
    from asyncevents_http.wire.exchange import Headers

AUTHORIZATION: Final = b"authorization"
SIGNATURE: Final = b"webhook-signature"
MAGENTO_SIGNATURE: Final = b"x-magento-signature"


def content_type_of(options: HttpOptions) -> str:
    """Return the media type of the bodies of a subscription."""
    if options.content_type is not None:
        return options.content_type
    form = FORMS.get(options.mode)
    if form is not None:
        return form.content_type
    return BATCHED_TYPE if options.mode == "batched" else STRUCTURED_TYPE


def common_headers(options: HttpOptions, config: HttpConfig) -> Headers:
    """Return the headers that all requests of a subscription have."""
    own = [*options.headers.items(), *options.secret_headers.items()]
    given = {name.lower() for name, _ in own}
    headers = [(b"content-type", content_type_of(options).encode())]
    if "user-agent" not in given:
        headers.append((b"user-agent", config.user_agent.encode()))
    # The response is kept as it comes.
    headers.append((b"accept-encoding", b"identity"))
    headers += [(name.lower().encode(), value.encode()) for name, value in own]
    return headers + credentials(options)


def credentials(options: HttpOptions) -> Headers:
    """Return the header that says who sends, where that is known without asking anybody."""
    if options.username is not None and options.password is not None:
        return [(AUTHORIZATION, basic(options.username, options.password))]
    if options.bearer_token is not None:
        return [(AUTHORIZATION, bearer(options.bearer_token))]
    if options.api_key is not None:
        return [(options.api_key_header.lower().encode(), options.api_key.encode())]
    return []


def trace_headers(context: TraceContext) -> Headers:
    """Return the headers that say where an attempt belongs in the application's trace."""
    return [(name.encode(), value.encode()) for name, value in context.attributes]


def secret_names(options: HttpOptions) -> Sequence[str]:
    """Return the names of headers that not everybody gets to see, in lower case."""
    own = [name.lower() for name in options.secret_headers]
    if options.api_key is not None:
        own.append(options.api_key_header.lower())
    return [*own, AUTHORIZATION.decode()]
