"""The icons of sinks: a picture of their own each, or a common one."""

from __future__ import annotations

from typing import Final

from litestar import Response, get
from litestar.params import FromPath

from asyncevents_core.errors import PluginError, SettingsError
from asyncevents_core.web.access import RESOURCE, SIGNED_IN
from asyncevents_core.web.api.parameters import GivenBackend

_COMMON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M2 8h9m0 0L7 4m4 4-4 4" '
    'fill="none" stroke="#7a7f99" stroke-width="2" stroke-linecap="round"/>'
    '<circle cx="14" cy="8" r="1.5" fill="#7a7f99"/></svg>'
)


@get("/sinks/{name:str}/icon.svg", opt={RESOURCE: SIGNED_IN})
async def show(name: FromPath[str], backend: GivenBackend) -> Response[str]:
    """Send the icon of a sink; the common one where it has none, or is not there."""
    try:
        icon = backend.runtime.sinks.kind(name).icon
    except (PluginError, SettingsError):
        icon = ""
    return Response(icon or _COMMON, media_type="image/svg+xml")


HANDLERS: Final = [show]
