"""LEDGER_OPTIONS and BROKER_OPTIONS: what they say is done, what cannot be is said."""

from __future__ import annotations

import ssl
from types import SimpleNamespace

import pytest

from asyncevents_core.adapters.kombu.connections import new_connection
from asyncevents_core.adapters.kombu.tls import SecureConnection
from asyncevents_core.adapters.sqlalchemy.connecting import Given
from asyncevents_core.adapters.sqlalchemy.sessions import SessionLimits, open_engine
from asyncevents_core.errors import BrokerUnavailable, LedgerUnavailable, SettingsError
from asyncevents_core.ports.broker import BrokerConfig, BrokerOptions
from asyncevents_core.ports.ledger.options import LedgerOptions
from asyncevents_core.settings.configs import broker_options, ledger_options
from asyncevents_core.settings.schema import Settings

SECRET = "correct-horse-battery"


def ledger_problems(**options):
    with pytest.raises(SettingsError) as caught:
        ledger_options(Settings.from_mapping({"LEDGER_OPTIONS": options}))
    return "\n".join(caught.value.problems)


def broker_problems(url, **options):
    with pytest.raises(SettingsError) as caught:
        broker_options(Settings.from_mapping({"BROKER_URL": url, "BROKER_OPTIONS": options}))
    return "\n".join(caught.value.problems)


# -- the pool -----------------------------------------------------------------------------------


def pool_of(**options):
    engine = open_engine("postgresql://db/shop", LedgerOptions(**options), SessionLimits())
    pool = engine.pool
    return pool.size(), pool._max_overflow, pool._timeout, pool._recycle


def test_the_pool_is_as_large_as_they_say():
    assert pool_of() == (5, 20, 10.0, -1)
    assert pool_of(pool_size=2, max_overflow=0, pool_timeout=3.0, pool_recycle=60.0) == (
        *(2, 0, 3.0),
        60.0,
    )


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("pool_size", 0),
        ("pool_size", 1.5),
        ("pool_size", True),
        ("max_overflow", -1),
        ("pool_timeout", 0),
        ("pool_recycle", 0),
        ("pool_recycle", "60"),
        ("prepare_threshold", -1),
        ("prepare_threshold", False),
        ("tls", "yes"),
        ("ca_certs", 1),
        ("pool_sise", 1),
    ],
)
def test_what_cannot_be_is_said_with_its_path(option, value):
    assert f"LEDGER_OPTIONS.{option}: " in ledger_problems(**{option: value})


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"client_key": "k"}, "client_key belongs to a client_cert"),
        ({"ca_certs": "c", "verify_certificates": False}, "ca_certs are of no use"),
    ],
)
def test_what_does_not_go_together(options, text):
    assert text in ledger_problems(**options)


def test_from_the_environment():
    settings = Settings.from_mapping(
        {"LEDGER_OPTIONS": {"pool_size": 3}},
        environ={
            "ASYNCEVENTS_LEDGER_OPTIONS__PREPARE_THRESHOLD": "none",
            "ASYNCEVENTS_LEDGER_OPTIONS__PASSWORD": f"{__name__}:changing",
            "ASYNCEVENTS_LEDGER_OPTIONS__TLS": "yes",
        },
    )
    made = ledger_options(settings)
    assert (made.pool_size, made.prepare_threshold, made.tls) == (3, None, True)
    assert made.password() == SECRET


# -- passwords that change ----------------------------------------------------------------------


def changing() -> str:
    return SECRET


class Vault:
    """Has what is like a function, and where its methods are in turn."""

    @staticmethod
    def password() -> str:
        return SECRET

    def __call__(self) -> str:
        return SECRET


@pytest.mark.parametrize(
    "source",
    [changing, lambda: SECRET, Vault(), f"{__name__}:changing", f"{__name__}:Vault.password"],
)
def test_a_function_or_its_name(source):
    settings = {"LEDGER_OPTIONS": {"password": source}, "BROKER_OPTIONS": {"password": source}}
    made = Settings.from_mapping({**settings, "BROKER_URL": "redis://a"})
    assert ledger_options(made).password() == broker_options(made).password() == SECRET


@pytest.mark.parametrize(
    "source", [SECRET, f"{SECRET}:x", f"os:{SECRET}", f"x:{SECRET}:y", "os:sep", 5, ["os:getcwd"]]
)
def test_what_is_none_is_said_without_it(source):
    text = ledger_problems(password=source)
    assert "LEDGER_OPTIONS.password: " in text
    assert "module:function" in text
    assert SECRET not in text
    text = broker_problems("redis://a", password=source)
    assert "BROKER_OPTIONS.password: " in text
    assert SECRET not in text


def test_secrets_are_in_no_repr():
    options = {"password": f"{__name__}:changing", "sentinel_password": SECRET}
    settings = Settings.from_mapping(
        {
            "BROKER_URL": "sentinel://a",
            "BROKER_OPTIONS": {**options, "sentinel_master": "m"},
            "LEDGER_OPTIONS": {"password": lambda: SECRET},
        }
    )
    for shown in (settings, broker_options(settings), ledger_options(settings)):
        assert SECRET not in repr(shown)
        assert "changing" not in repr(shown)


def given(url, options):
    """Return what a driver's connect() is given."""
    engine = open_engine(url, options, SessionLimits(), given=Given.by(options, lambda: "test"))
    arguments, parameters = engine.dialect.create_connect_args(engine.url)
    first, *_ = engine.dialect.dispatch.do_connect
    first(engine.dialect, SimpleNamespace(info={}), arguments, parameters)
    return parameters


@pytest.mark.parametrize(
    "url",
    ["postgresql://u:old@db/shop", "postgresql+psycopg2://u@db/shop", "mysql://u:old@db/shop"],
)
def test_each_connection_gets_the_one_that_holds_now(url):
    passwords = iter(["first", "second"])
    options = LedgerOptions(password=lambda: next(passwords))
    engine = open_engine(url, options, SessionLimits(), given=Given.by(options, lambda: "test"))
    first, *_ = engine.dialect.dispatch.do_connect
    for wanted in ("first", "second"):
        parameters = {}
        first(engine.dialect, SimpleNamespace(info={}), [], parameters)
        assert parameters["password"] == wanted


def fails() -> str:
    raise OSError("the vault is sealed")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (fails, "the function raised OSError: the vault is sealed"),
        (lambda: None, "returned an object of type NoneType"),
        (lambda: b"x", "returned an object of type bytes"),
        (lambda: "", "returned an empty text"),
    ],
)
def test_a_function_that_has_none(source, text):
    with pytest.raises(LedgerUnavailable, match=f"LEDGER_OPTIONS.password: .*{text}"):
        given("postgresql://db/shop", LedgerOptions(password=source))
    connection = SecureConnection("redis://a", BrokerOptions(password=source))
    with pytest.raises(BrokerUnavailable, match=f"BROKER_OPTIONS.password: .*{text}"):
        connection.connect()


def test_a_broker_is_asked_for_when_it_connects():
    asked = []

    def source() -> str:
        asked.append(1)
        return f"password {len(asked)}"

    config = BrokerConfig(url="amqp://u:old@a//", options=BrokerOptions(password=source))
    connection = new_connection(config)
    assert not asked
    connection.switch("amqp://u:old@b//")
    assert connection.password == "password 1"
    connection.release()


@pytest.mark.parametrize("url", ["sqla+sqlite:///b.db", "memory://"])
def test_brokers_without_passwords(url):
    assert "password: is of no use with this broker" in broker_problems(url, password=changing)


@pytest.mark.parametrize("options", [{"tls": True}, {"password": changing}])
def test_a_file_has_neither_tls_nor_password(options):
    made = LedgerOptions(**options)
    with pytest.raises(LedgerUnavailable, match="of no use with SQLite"):
        open_engine("sqlite:///l.db", made, SessionLimits(), given=Given.by(made, lambda: "x"))


# -- TLS ------------------------------------------------------------------------------------------


def tls_of(url, **options):
    engine = open_engine(url, LedgerOptions(**options), SessionLimits())
    connect = engine.pool._creator.__closure__
    given = next(one.cell_contents for one in connect if isinstance(one.cell_contents, dict))
    return {name: value for name, value in given.items() if name.startswith("ssl")}


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_postgresql(driver):
    url = f"postgresql+{driver}://db/shop"
    assert tls_of(url) == {}
    assert tls_of(url, tls=True) == {"sslmode": "verify-full", "sslrootcert": "system"}
    assert tls_of(url, ca_certs="/ca.pem", client_cert="/c.pem") == {
        "sslmode": "verify-full",
        "sslrootcert": "/ca.pem",
        "sslcert": "/c.pem",
        "sslkey": "/c.pem",
    }
    assert tls_of(url, verify_certificates=False) == {"sslmode": "require"}
    # What the address says goes before.
    assert tls_of(f"{url}?sslmode=disable", tls=True).get("sslmode", "disable") == "disable"


def test_mariadb():
    url = "mysql://db/shop"
    assert tls_of(url) == {}
    context = tls_of(url, tls=True)["ssl"]
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    context = tls_of(url, verify_certificates=False)["ssl"]
    assert (context.check_hostname, context.verify_mode) == (False, ssl.CERT_NONE)
    with pytest.raises(LedgerUnavailable, match=r"one of /nowhere\.pem cannot be used"):
        tls_of(url, ca_certs="/nowhere.pem")


# -- Sentinels, Cluster ---------------------------------------------------------------------------


def test_sentinels_are_told():
    options = BrokerOptions(
        sentinel_master="mymaster",
        sentinel_username="watch",
        sentinel_password=SECRET,
        connect_timeout=2.0,
        answer_timeout=3.0,
    )
    config = BrokerConfig(url="sentinel://a:1;sentinel://b:2", prefix="shop.", options=options)
    told = new_connection(config).transport_options
    assert told["master_name"] == "mymaster"
    assert told["global_keyprefix"] == "shop."
    assert told["sentinel_kwargs"] == {
        "socket_connect_timeout": 2.0,
        "socket_timeout": 3.0,
        "username": "watch",
        "password": SECRET,
    }


@pytest.mark.parametrize(
    ("url", "options", "text"),
    [
        ("sentinel://a", {}, "sentinel_master: is required with sentinel://"),
        ("redis://a", {"sentinel_master": "m"}, "of use with sentinel:// only"),
        ("amqp://a//", {"sentinel_password": SECRET}, "of use with sentinel:// only"),
        ("sentinel://a", {"sentinel_master": 5}, "sentinel_master: "),
        ("sentinel://a", {"sentinel_master": "m", "sentinel_password": [SECRET]}, "not shown"),
        ("rediscluster://a", {}, "kombu has no transport for Redis Cluster"),
        ("redis+cluster://a", {}, "kombu has no transport for Redis Cluster"),
    ],
)
def test_what_does_not_go_with_the_address(url, options, text):
    found = broker_problems(url, **options)
    assert text in found
    assert SECRET not in found
