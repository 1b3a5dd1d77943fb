"""What is shown of the addresses of databases and brokers."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncevents_core.domain.addresses import address_mistakes, masked
from asyncevents_core.errors import AsyncEventsError, SettingsError
from asyncevents_core.ports.broker import BrokerConfig
from asyncevents_core.settings.schema import Settings

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://anna:s3cret@db/shop", "postgresql://anna:***@db/shop"),
        ("postgresql://anna@db/shop", "postgresql://anna@db/shop"),
        ("postgresql://db:5432/shop", "postgresql://db:5432/shop"),
        ("amqp://a//", "amqp://a//"),
        ("amqp://a//;amqp://u:s3cret@b//", "amqp://a//;amqp://u:***@b//"),
        ("amqp://u:s3cret@a//;amqp://v:s3cret@b//", "amqp://u:***@a//;amqp://v:***@b//"),
        ("amqp://u:s3cret;x@a//;amqp://v:s3cret@b//", "amqp://u:***@a//;amqp://v:***@b//"),
        ("amqp://u:s3/cret@b//", "amqp://u:***@b//"),
        ("amqp://u:s3#cret@b//", "amqp://u:***@b//"),
        ("amqp://u:s3?cret@b//", "amqp://u:***@b//"),
        ("amqp://u:s3@cret@b//", "amqp://u:***@b//"),
        ("amqp://u:s3:cret@b//", "amqp://u:***@b//"),
        ("redis://:s3cret@mq/0", "redis://:***@mq/0"),
        ("rediss://u:s3cret@mq:6380/0?ssl_ca_certs=/ca.pem",
         "rediss://u:***@mq:6380/0?ssl_ca_certs=/ca.pem"),
        ("sentinel://:s3cret@h1:26379;sentinel://:s3cret@h2:26379/0",
         "sentinel://:***@h1:26379;sentinel://:***@h2:26379/0"),
        ("sqla+mysql://anna:s3cret@db/shop", "sqla+mysql://anna:***@db/shop"),
        ("sqs://AKIA:s3/cret+x@", "sqs://AKIA:***@"),
        ("mysql+pymysql://db/shop?charset=utf8mb4&ssl_ca=%2Fetc%2Fca.pem",
         "mysql+pymysql://db/shop?charset=utf8mb4&ssl_ca=%2Fetc%2Fca.pem"),
        ("postgresql://db/shop?user=a&password=s3cret", "postgresql://db/shop?user=a&password=***"),
        ("postgresql://db/shop?sslmode=require&sslPassword=s3cret&a=b",
         "postgresql://db/shop?sslmode=require&sslPassword=***&a=b"),
        ("postgresql://u:s3cret@db/shop?passwd=s3cret", "postgresql://u:***@db/shop?passwd=***"),
        ("postgresql://db/shop?password=x@s3cret", "postgresql://…"),
        ("mssql+pyodbc:///?odbc_connect=PWD%3Ds3cret", "mssql+pyodbc:///?odbc_connect=***"),
        ("postgresql://db/shop?passfile=%2Fetc%2Fpgpass", "postgresql://db/shop?passfile=%2Fetc%2Fpgpass"),
        ("anna:s3cret@db/shop", "…"),
        ("s3cret", "…"),
        ("s3 cret://a", "…"),
    ],
)  # fmt: skip
def test_what_is_shown(url, shown):
    assert masked(url) == shown


@given(
    # What is written is what nobody may see, whatever characters somebody chose.
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=3, max_size=20),
    st.sampled_from(
        ["amqp://u:{}@b//", "amqp://a//;amqp://u:{}@b//", "amqp://u:{}@a//;amqp://u:{}@b//",
         "redis://:{}@mq/0", "sqla+mysql://u:{}@db/shop", "postgresql+psycopg://u:{}@db/shop?a=b",
         "rediss://u:{}@mq/0?ssl_cert_reqs=none"]
    ),
    st.booleans(),
)  # fmt: skip
def test_no_password_is_shown(password, form, escaped):
    secret = f"Zq{password}qZ"
    url = form.replace("{}", quote(secret, safe="") if escaped else secret)
    shown = masked(url)
    assert "Zq" not in shown
    assert "qZ" not in shown
    assert secret not in shown


UNESCAPED = [
    "s3/cret",
    "s3#cret",
    "s3?cret",
    "s3@cret",
    "s3cret/",
    "/",
    "#s3",
    "12/34",
    "12?34",
    "s3:cr/et",
]


@pytest.mark.parametrize("password", UNESCAPED)
@pytest.mark.parametrize(
    "form", ["amqp://u:{}@b//", "amqp://a//;amqp://u:{}@b//", "redis://:{}@b/0"]
)
def test_what_has_to_be_escaped_is_said_and_not_shown(form, password):
    with pytest.raises(SettingsError) as caught:
        Settings.from_mapping({"BROKER_URL": form.replace("{}", password)})
    text = str(caught.value)
    assert "BROKER_URL: has " in text
    assert "%" in text
    assert password not in text.replace("write / as", "").replace("# as", "") or len(password) == 1
    good = form.replace("{}", quote(password, safe=""))
    assert Settings.from_mapping({"BROKER_URL": good}).broker_url == good


@pytest.mark.parametrize("name", ["LEDGER_URL", "BROKER_URL"])
def test_an_at_in_a_databases_password_is_said(name):
    prefix = "sqla+" if name == "BROKER_URL" else ""
    with pytest.raises(SettingsError, match="an @ in its password: write it as %40") as caught:
        Settings.from_mapping({name: f"{prefix}postgresql://u:s3@cret@db/shop"})
    assert "cret" not in str(caught.value)
    for fine in ("s3/cret", "s3#cret", "s3?cret", "s3%40cret"):
        Settings.from_mapping({name: f"{prefix}postgresql://u:{fine}@db/shop"})


@pytest.mark.parametrize(
    "url",
    [
        "amqp://a//", "amqp://guest:guest@localhost:5672//", "amqp://a:5672,b:5673//", "memory://",
        "redis://localhost", "redis://[::1]:6379/0", "amqp://u@[::1]//", "sqs://", "filesystem://",
        "sqla+sqlite:///a@b.db", "sqlite:////tmp/a@b@c/x.db", "redis+socket:///tmp/redis.sock",
        "sentinel://a:26379;sentinel://b:26379",
    ],
)  # fmt: skip
def test_addresses_without_mistakes(url):
    assert list(address_mistakes(url)) == []


@pytest.mark.parametrize("url", ["amqp://u:12ab@b:port//", "amqp://a:99999//", "amqp://a:s3cret//"])
def test_a_port_is_a_number(url):
    (mistake,) = address_mistakes(url)
    assert "port" in mistake
    assert "s3cret" not in mistake


@pytest.mark.parametrize("url", ["", "s3cret", "://a", "guest:s3cret@host/x"])
def test_what_is_no_address(url):
    (mistake,) = address_mistakes(url)
    assert "it has no scheme" in mistake
    assert "s3cret" not in mistake


@pytest.mark.parametrize(
    "url",
    ["nothing://u:s3cret@b//", "amqp://a//;amqp://u:s3cret@127.0.0.1:1//", "redis://:s3cret@127.0.0.1:1/0",
     "sqla+postgresql+nothing://u:s3cret@127.0.0.1:1/x"],
)  # fmt: skip
def test_no_error_and_no_traceback_shows_a_password(url):
    import traceback

    from asyncevents_core.adapters.kombu.broker import KombuBroker

    with pytest.raises(AsyncEventsError) as caught:
        KombuBroker(BrokerConfig(url=url)).check()
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in repr(KombuBroker(BrokerConfig(url=url)))
