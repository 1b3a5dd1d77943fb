"""What is given to a token, or to a user: resources, perhaps within a tenant."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from asyncevents_core.domain.access import (
    ALL,
    PUBLISH_SOME,
    Actor,
    Resource,
    publish_mistake,
)
from asyncevents_core.domain.limits import tenant_mistake
from asyncevents_core.errors import AccessDenied, InvalidValue, suggestion


def check_rights(
    resources: Sequence[str], tenant: str | None, *, known: Collection[str], what: str
) -> None:
    """Raise `InvalidValue` unless `what`, such as "a token", may have them.

    `known` are the resources of the event definitions.
    """
    if mistake := tenant_mistake(tenant):
        raise InvalidValue(f"tenant {mistake}", field="tenant")
    if not resources:
        raise InvalidValue(f"{what} needs at least one resource", field="resources")
    own = [one.value for one in Resource]
    all_known = {*own, ALL, *known}
    for one in resources:
        if one.startswith(PUBLISH_SOME) and one not in all_known:
            if mistake := publish_mistake(one):
                raise InvalidValue(
                    f"the events of a resource {PUBLISH_SOME}… {mistake}", field="resources"
                )
        elif one not in all_known:
            raise InvalidValue(
                f"no resource {one!r}{suggestion(one, all_known)}: asyncevents has "
                f"{', '.join([*own, ALL])}, {PUBLISH_SOME}EVENTS for some of them; "
                f"the events have {', '.join(sorted(known)) or 'none'}",
                field="resources",
            )


def require_rights(
    by: Actor, resources: Sequence[str], tenant: str | None, *, to: str, what: str
) -> None:
    """Raise `AccessDenied` for what `by` does not have: nobody can give that, or take it over.

    `to` says what for, `what` what an operator is asked for: "tokens".
    """
    by.require(resources, to=to)
    if not by.sees(tenant) or by.allowances:
        raise AccessDenied(f"you are bound to a tenant or to sinks: ask an operator for {what}")
