"""What is installed: sinks, resolvers, retry managers, indexers, and whether they work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen
from litestar import get
from litestar.response import Template

from asyncevents_core.domain.access import Resource
from asyncevents_core.health import Part, parts
from asyncevents_core.web.access import needs
from asyncevents_core.web.api.parameters import GivenBackend
from asyncevents_core.web.pages.frame import GivenFrame, shown

PATH: Final = "/plugins"


@frozen(kw_only=True)
class Plugins:
    """Everything that plugins register; `problems` are plugins that cannot be used, in words."""

    parts: Sequence[Part]
    problems: Sequence[str]


@get(PATH, opt=needs(Resource.MANAGE, unbound=True))
async def list_(backend: GivenBackend, frame: GivenFrame) -> Template:
    """List what plugins register. Sinks are opened and closed for it; nothing is connected."""
    runtime = backend.runtime
    found = await backend.run(lambda: list(parts(runtime)))
    problems = [str(one) for one in runtime.plugins.problems]
    return shown(frame, "plugins.html", Plugins(parts=found, problems=problems))


HANDLERS: Final = [list_]
