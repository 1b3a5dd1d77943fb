"""Connections have names by which operators know whose they are."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from asyncevents_core.adapters.kombu.connections import new_connection
from asyncevents_core.adapters.sqlalchemy.connecting import Given
from asyncevents_core.adapters.sqlalchemy.sessions import SessionLimits, open_engine
from asyncevents_core.domain.connection_name import connection_name
from asyncevents_core.ports.broker import BrokerConfig
from asyncevents_core.ports.ledger.options import LedgerOptions
from asyncevents_core.runtime import Runtime
from asyncevents_core.settings.schema import Settings


@pytest.mark.parametrize(
    ("role", "name"),
    [
        ("worker", "asyncevents-worker-7"),
        ("worker trigger+retry", "asyncevents-worker-trigger+retry-7"),
        ("db upgrade", "asyncevents-db-upgrade-7"),
        ("a b\n\0/ä'\"", "asyncevents-a-b-7"),
        ("x" * 100, f"asyncevents-{'x' * 40}-7"),
    ],
)
def test_a_name_fits_every_server(role, name):
    assert connection_name(role, 7) == name
    # PostgreSQL cuts longer ones, and Redis takes no spaces.
    assert len(connection_name(role, 4_194_304).encode()) <= 63
    assert " " not in name


def test_a_process_is_told_by_its_role_and_number():
    runtime = Runtime(Settings.from_mapping({}))
    assert runtime.connection_name() == f"asyncevents-application-{os.getpid()}"
    runtime.role = "worker index"
    assert runtime.broker_config.name() == f"asyncevents-worker-index-{os.getpid()}"


def given(url, name="asyncevents-test-1"):
    """Return what a driver's connect() is given."""
    engine = open_engine(url, LedgerOptions(), SessionLimits(), given=Given(name=lambda: name))
    arguments, parameters = engine.dialect.create_connect_args(engine.url)
    record = SimpleNamespace(info={})
    first, *_ = engine.dialect.dispatch.do_connect
    first(engine.dialect, record, arguments, parameters)
    engine.dispose()
    return parameters


@pytest.mark.parametrize(
    ("url", "parameter"),
    [
        ("postgresql://db/shop", "fallback_application_name"),
        ("postgresql+psycopg2://db/shop", "fallback_application_name"),
        ("mysql://db/shop", "program_name"),
        ("mariadb+pymysql://db/shop", "program_name"),
    ],
)
def test_drivers_are_given_it(url, parameter):
    assert given(url)[parameter] == "asyncevents-test-1"


def test_what_the_address_says_goes_before():
    assert given("mysql://db/shop?program_name=mine")["program_name"] == "mine"
    # libpq takes the fallback only where nothing else is said.
    parameters = given("postgresql://db/shop?application_name=mine")
    assert parameters["application_name"] == "mine"


def test_brokers_are_given_it():
    config = BrokerConfig(url="amqp://a//", name=lambda: "asyncevents-test-1")
    options = new_connection(config).transport_options
    assert options["client_properties"] == {"connection_name": "asyncevents-test-1"}
    config = BrokerConfig(url="redis://a/0", name=lambda: "asyncevents-test-1")
    assert new_connection(config).transport_options["client_name"] == "asyncevents-test-1"
