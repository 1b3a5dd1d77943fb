"""`Publish` and `AsyncPublish`: what belongs to which transaction, and what warns."""

from __future__ import annotations

import asyncio
import warnings
from contextlib import suppress

import pytest
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from asgi_shop import asynchronous, published
from asyncevents_asgi import AsyncPublish, Publish, PublishedAfterCommit
from asyncevents_asgi.publishing import publish_of
from asyncevents_core import PublishRequest
from asyncevents_core.errors import UnknownEvent


def test_it_belongs_to_the_transaction(events, engine):
    with Session(engine) as session, session.begin():
        publish = Publish(events, session)
        made = publish("order.created", {"number": 1}, tenant="acme", event_id="first")
        assert published(events) == []
    assert published(events) == [{"number": 1}]
    with Session(engine) as session, session.begin():
        assert (
            Publish(events, session)(
                "order.created", {"number": 1}, tenant="acme", event_id="first"
            )
            == made
        )
    with suppress(KeyError), Session(engine) as session, session.begin():
        Publish(events, session)("order.created", {"number": 2})
        raise KeyError
    assert published(events) == [{"number": 1}]


def test_it_belongs_to_the_savepoint(events, engine):
    with Session(engine) as session, session.begin():
        publish = Publish(events, session)
        publish("order.created", {"number": 1})
        with suppress(KeyError), session.begin_nested():
            publish("order.created", {"number": 2})
            raise KeyError
        with session.begin_nested():
            publish("order.created", {"number": 3})
    assert published(events) == [{"number": 1}, {"number": 3}]


async def test_it_is_the_same_of_an_async_session(events, url):
    engine = asynchronous(url)
    async with AsyncSession(engine) as session, session.begin():
        publish = AsyncPublish(events, session)
        await publish("order.created", {"number": 1})
        with suppress(KeyError):
            async with session.begin_nested():
                await publish("order.created", {"number": 2})
                raise KeyError
        async with session.begin_nested():
            await publish("order.created", {"number": 3})
    with suppress(KeyError):
        async with AsyncSession(engine) as session, session.begin():
            await AsyncPublish(events, session)("order.created", {"number": 4})
            raise KeyError
    assert published(events) == [{"number": 1}, {"number": 3}]


def test_several_together(events, engine):
    with Session(engine) as session, session.begin():
        publish = Publish(events, session)
        both = PublishRequest(name="order.created", data={"number": 2})
        assert len(publish.many([("order.created", {"number": 1}), both])) == 2
        with pytest.raises(UnknownEvent):
            publish.many([("order.created", {"number": 3}), ("order.craeted", {})])
    assert sorted(one["number"] for one in published(events)) == [1, 2]


async def test_several_together_in_an_async_session(events, url):
    async with AsyncSession(asynchronous(url)) as session, session.begin():
        publish = AsyncPublish(events, session)
        assert len(await publish.many([("order.created", {"number": 1})] * 2)) == 2
    assert published(events) == [{"number": 1}] * 2


def test_registries_and_connections(events, engine, url):
    registry = scoped_session(sessionmaker(engine), scopefunc=lambda: 1)
    publish = publish_of(events, registry)
    assert type(publish) is Publish
    publish("order.created", {"number": 1})
    registry.commit()
    registry.remove()
    with engine.begin() as connection:
        publish = publish_of(events, connection)
        assert type(publish) is Publish
        publish("order.created", {"number": 2})

    async def of_asyncio():
        made = async_scoped_session(
            async_sessionmaker(asynchronous(url)), scopefunc=asyncio.current_task
        )
        publish = publish_of(events, made)
        assert type(publish) is AsyncPublish
        await publish("order.created", {"number": 3})
        await made.commit()
        await made.remove()
        async with asynchronous(url).begin() as connection:
            publish = publish_of(events, connection)
            assert type(publish) is AsyncPublish
            await publish("order.created", {"number": 4})

    asyncio.run(of_asyncio())
    assert [one["number"] for one in published(events)] == [1, 2, 3, 4]


@pytest.mark.parametrize("wrong", [None, "session", sessionmaker()])
def test_what_is_no_session(events, wrong):
    with pytest.raises(TypeError, match="is no session: give the dependency that returns"):
        publish_of(events, wrong)


def test_the_wrong_one_of_both(events, engine):
    with Session(engine) as session, pytest.raises(TypeError, match="for that there is Publish"):
        AsyncPublish(events, session)


def test_what_is_published_after_the_commit_is_warned_of(events, engine):
    session = Session(engine)
    publish = Publish(events, session)
    publish("order.created", {"number": 1})
    session.commit()
    publish("order.created", {"number": 2})
    with pytest.warns(PublishedAfterCommit, match="the event is lost") as warned:
        session.close()
    assert published(events) == [{"number": 1}]
    # At the line that published it.
    (one,) = warned
    assert one.filename == __file__
    assert 'publish("order.created", {"number": 2})' in _line(one.lineno)


async def test_so_it_is_in_an_async_session(events, url):
    session = AsyncSession(asynchronous(url))
    publish = AsyncPublish(events, session)
    async with session.begin():
        await publish("order.created", {"number": 1})
    await publish("order.created", {"number": 2})
    with pytest.warns(PublishedAfterCommit) as warned:
        await session.close()
    assert published(events) == [{"number": 1}]
    (one,) = warned
    assert 'await publish("order.created", {"number": 2})' in _line(one.lineno)


def _line(number):
    with open(__file__) as lines:
        return lines.read().splitlines()[number - 1]


def test_what_is_meant_is_not_warned_of(events, engine):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Session(engine) as session:
            publish = Publish(events, session)
            publish("order.created", {"number": 1})
            # A test that never commits.
        with Session(engine) as session:
            publish = Publish(events, session)
            with session.begin():
                with session.begin_nested():
                    publish("order.created", {"number": 2})
                publish("order.created", {"number": 3})
            publish("order.created", {"number": 4})
            session.commit()
            publish("order.created", {"number": 5})
            session.rollback()
        # The same session in the next request.
        with Session(engine) as session:
            Publish(events, session)
            session.commit()
            Publish(events, session)("order.created", {"number": 6})
    assert [one["number"] for one in published(events)] == [2, 3, 4]
