"""Tools beside those that read the log: what there is, and sending again."""

from __future__ import annotations

from attrs import field, frozen

from asyncevents_core.domain.access import Resource
from asyncevents_core.engine.replaying.replay import replay_visible
from asyncevents_core.ports.sink import HELP
from asyncevents_core.web.api.schemas.catalog import EventDefinitionList
from asyncevents_core.web.api.schemas.pages import Accepted
from asyncevents_core.web.mcp.door import Door
from asyncevents_core.web.mcp.tool import Tool, uuid_of


@frozen(kw_only=True)
class NoArguments:
    """Nothing has to be said."""


class ListEvents(Tool[NoArguments]):
    """What can be subscribed to."""

    name = "list_events"
    title = "List the events"
    about = (
        "List the events that the application publishes: when each happens, the JSON Schema of "
        "its payload, examples, and what is deprecated."
    )
    resources = (Resource.VIEW,)
    arguments = NoArguments

    async def answer(self, arguments: NoArguments, door: Door) -> EventDefinitionList:
        """See `Tool`."""
        return EventDefinitionList.of(door.backend.runtime.catalog, door.actor)


@frozen(kw_only=True)
class ReplayArguments:
    """What to send again."""

    uuid: str = field(
        metadata={HELP: "The UUID of a delivery, or of an event whose service failed."}
    )


class ReplayTool(Tool[ReplayArguments]):
    """Sends again. The recipient may have had it before."""

    name = "replay"
    title = "Send a delivery again"
    about = (
        "Send the payload of a delivery again to its recipient, or let an event whose service "
        "failed try again. The recipient may act on it a second time: ask your user first. The "
        "UUID in the answer can be traced."
    )
    resources = (Resource.LOGS_REPLAY,)
    reads_only = False
    arguments = ReplayArguments

    async def answer(self, arguments: ReplayArguments, door: Door) -> Accepted:
        """See `Tool`."""
        identifier = uuid_of("uuid", arguments.uuid)
        backend = door.backend
        made = await backend.run(replay_visible, backend.ledger, identifier, by=door.actor)
        return Accepted(uuid=made)
