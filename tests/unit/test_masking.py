"""What is shown of the addresses of databases and brokers."""

from __future__ import annotations

import pytest

from asyncevents_core.adapters.kombu import connections as connecting
from asyncevents_core.adapters.sqlalchemy import dialects

QUERIES = ["password=s3cret", "sslmode=require&sslPassword=s3cret", "passwd=s3cret&a=b"]


@pytest.mark.parametrize("query", QUERIES)
def test_passwords_of_a_ledgers_url_are_masked(query):
    shown = dialects.masked(f"postgresql://anna:s3cret@db/shop?{query}")
    assert shown.startswith("postgresql://anna:***@db/shop?")
    assert "s3cret" not in shown
    assert shown.count("***") == 2


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize(
    "url",
    ["amqp://anna:s3cret@mq/shop", "redis://:s3cret@mq/0", "sqla+mysql://anna:s3cret@db/shop"],
)
def test_passwords_of_a_brokers_url_are_masked(url, query):
    shown = connecting.masked(f"{url}?{query}")
    assert shown.startswith(url.partition("s3cret")[0])
    assert "s3cret" not in shown


def test_what_else_a_query_says_is_shown():
    url = "mysql+pymysql://db/shop?charset=utf8mb4&ssl_ca=%2Fetc%2Fca.pem"
    assert dialects.masked(url) == url


def test_what_is_no_url_is_not_shown():
    for masked in (dialects.masked, connecting.masked):
        assert "s3cret" not in masked("anna:s3cret@db/shop")
