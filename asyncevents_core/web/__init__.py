"""The REST API, from the extra `web`.

``create_app(events.runtime)`` returns it as an ASGI application, to be served or mounted.
"""

from asyncevents_core.errors import MissingExtra

try:
    from asyncevents_core.web.app import create_app
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] not in {"litestar", "msgspec"}:
        raise
    raise MissingExtra("the REST API", extra="web") from error

__all__ = ["create_app"]
