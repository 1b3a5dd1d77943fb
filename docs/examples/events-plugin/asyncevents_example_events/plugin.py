"""The events of this library, and the service of one of them."""

from __future__ import annotations

from asyncevents_core.plugin import EventDefinition, hookimpl

ASYNCEVENTS_PLUGIN_API = 1


@hookimpl
def asyncevents_register_events() -> list[EventDefinition]:
    """Register two events."""
    return [
        EventDefinition(
            name="example.newsletter.sent",
            service="asyncevents_example_events.plugin:newsletter",
            title="A newsletter was sent",
        ),
        EventDefinition(name="example.newsletter.bounced", title="A newsletter came back"),
    ]


def newsletter(number: int) -> dict[str, object]:
    """Return what subscribers learn of a newsletter."""
    return {"number": number, "subject": f"Newsletter no. {number}"}
