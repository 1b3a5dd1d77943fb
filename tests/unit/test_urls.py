"""Addresses of databases as people paste them."""

from __future__ import annotations

import pytest

from asyncevents_core.adapters.kombu.broker import KombuBroker
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.adapters.sqlalchemy.urls import read_url
from asyncevents_core.errors import BrokerUnavailable, LedgerUnavailable
from asyncevents_core.ports.broker import BrokerConfig


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("postgres://u:p@db/shop", "postgresql+psycopg://u:p@db/shop"),
        ("postgresql://u:p@db/shop", "postgresql+psycopg://u:p@db/shop"),
        ("postgres+psycopg2://db/shop", "postgresql+psycopg2://db/shop"),
        ("mysql://u@db/shop", "mysql+pymysql://u@db/shop"),
        ("mariadb://u@db/shop", "mariadb+pymysql://u@db/shop"),
        ("mysql+mysqldb://u@db/shop", "mysql+mysqldb://u@db/shop"),
        ("sqlite:///a,b.db", "sqlite:///a,b.db"),
        ("postgresql://a,b/shop", "postgresql+psycopg:///shop?host=a:5432&host=b:5432"),
        ("postgres://u:p@a:5433,b/shop?target_session_attrs=read-write",
         "postgresql+psycopg://u:p@/shop?host=a:5433&host=b:5432"
         "&target_session_attrs=read-write"),
        ("postgresql://u:p@[::1]:5432,[::2]/shop",
         "postgresql+psycopg://u:p@/shop?host=%5B::1%5D:5432&host=%5B::2%5D:5432"),
        ("postgresql://u:a,b@db/shop", "postgresql+psycopg://u:a%2Cb@db/shop"),
        ("postgresql://db/shop?options=-c%20a%3Db,c",
         "postgresql+psycopg://db/shop?options=-c+a%3Db,c"),
    ],
)  # fmt: skip
def test_addresses(text, read):
    shown = read_url(text).render_as_string(hide_password=False)
    assert shown.replace("%3A", ":").replace("%2C", ",") == read.replace("%2C", ",")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgresql+asyncpg://u:s3cret@db/shop", r"asyncpg is .* write postgresql\+psycopg://"),
        ("postgresql+psycopg_async://db/shop", r"write postgresql\+psycopg://"),
        ("sqlite+aiosqlite:///a.db", "aiosqlite is .* write sqlite://"),
        ("mysql+aiomysql://db/shop", r"write mysql\+pymysql://"),
        ("mysql+asyncmy://db/shop", r"write mysql\+pymysql://"),
        ("mysql://a,b/shop", "several hosts, which only PostgreSQL has"),
        ("postgresql://u:s3cret@db:port/shop", "not an address of a database"),
        ("oracle://db/shop", "can be on"),
    ],
)
def test_what_cannot_work_is_said(url, text):
    with pytest.raises(LedgerUnavailable, match=f"LEDGER_URL: .*{text}") as caught:
        SqlLedger(url, cipher=None)
    assert "s3cret" not in str(caught.value)


def test_a_brokers_database_is_read_in_the_same_way():
    with pytest.raises(BrokerUnavailable, match="BROKER_URL: asyncpg is a driver for asyncio"):
        KombuBroker(BrokerConfig(url="sqla+postgresql+asyncpg://db/shop")).check()
