"""For applications of FastAPI."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, get_args, get_origin

from fastapi import Depends, params

from asyncevents_asgi.life import lifespan as lifespan
from asyncevents_asgi.publishing import AsyncPublish as AsyncPublish
from asyncevents_asgi.publishing import Publish as Publish
from asyncevents_asgi.publishing import PublishedAfterCommit as PublishedAfterCommit
from asyncevents_asgi.publishing import publish_of
from asyncevents_asgi.starlette import mount as mount
from asyncevents_core import AsyncEvents


def publish_in(
    events: AsyncEvents, session: Any
) -> Callable[..., Awaitable[Publish | AsyncPublish]]:
    """Return a dependency that publishes in the session of the request::

        DbSession = Annotated[AsyncSession, Depends(get_session, scope="function")]
        Publishes = Annotated[AsyncPublish, Depends(publish_in(events, DbSession))]


        @app.post("/orders")
        async def place(order: NewOrder, session: DbSession, publish: Publishes) -> None:
            session.add(Order(number=order.number))
            await publish("order.created", order)

    `session` is the application's own dependency, exactly as its handlers have it: the annotation,
    or the function. With another `scope` than theirs, FastAPI makes a second session. It returns a
    `Session` (then this is `Publish`) or an `AsyncSession` (`AsyncPublish`).
    `app.dependency_overrides` of it count here, too.

    Raises TypeError for what is no dependency, and ValueError for one that FastAPI would call
    again, so that events would be in another transaction than the handler's rows.
    """
    depends: Any = _depends(session)

    async def publish(session: Any = depends) -> Publish | AsyncPublish:
        return publish_of(events, session)

    return publish


def _depends(session: Any) -> params.Depends:
    """Return the dependency that something stands for."""
    found: Any = session
    if get_origin(session) is Annotated:
        kind, *notes = get_args(session)
        found = next((one for one in notes if isinstance(one, params.Depends)), None)
        if found is not None and found.dependency is None:
            # Then FastAPI calls what is annotated.
            found = dataclasses.replace(found, dependency=kind)
    if isinstance(found, params.Depends):
        if not found.use_cache:
            raise ValueError(
                "use_cache=False: each use of this dependency is another session. Leave it out, so "
                "that an event is in the transaction of its handler"
            )
        return found
    if callable(found):
        depends: params.Depends = Depends(found)
        return depends
    raise TypeError(
        f"{session!r} is no dependency: give what the handlers have, as "
        "Annotated[AsyncSession, Depends(get_session)]"
    )
