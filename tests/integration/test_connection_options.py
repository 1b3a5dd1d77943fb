"""LEDGER_OPTIONS and BROKER_OPTIONS with real servers: TLS, and passwords that change."""

from __future__ import annotations

import uuid
from contextlib import closing

import psycopg
import pytest
import redis
import sqlalchemy as sa

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.adapters.kombu import KombuBroker
from asyncevents_core.adapters.sqlalchemy import SqlLedger
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.errors import BrokerUnavailable, LedgerUnavailable
from asyncevents_core.ports.broker import BrokerConfig, BrokerOptions
from asyncevents_core.ports.ledger.options import LedgerOptions
from tests.conftest import skip_unless_present
from tests.services import over_tls
from tests.services.databases import MariaDb, PostgreSql

# -- TLS ------------------------------------------------------------------------------------------


class Secure:
    """A server with a certificate of the test's, for some names."""

    def __init__(self, *names):
        self._names = names
        super().__init__()

    @property
    def certificate(self):
        return self.folder / "tls" / "certificate.pem"

    @property
    def key(self):
        return self.folder / "tls" / "key.pem"

    def _prepare(self):
        super()._prepare()
        made = over_tls.make_certificate(self.folder / "tls", *self._names)
        for one in (made.certificate.parent, made.certificate, made.key):
            self._own(one)
        made.key.chmod(0o600)


class SecurePostgreSql(Secure, PostgreSql):
    @property
    def command(self):
        return [
            *(*super().command, "-c", "ssl=on", "-c", f"ssl_cert_file={self.certificate}"),
            *("-c", f"ssl_key_file={self.key}"),
        ]


class SecureMariaDb(Secure, MariaDb):
    @property
    def command(self):
        return [*super().command, f"--ssl-cert={self.certificate}", f"--ssl-key={self.key}"]


SECURE = {"PostgreSql": SecurePostgreSql, "MariaDb": SecureMariaDb}
PLAIN = {"PostgreSql": PostgreSql, "MariaDb": MariaDb}


@pytest.fixture(scope="module", params=sorted(SECURE))
def secure(request):
    kind = SECURE[request.param]
    skip_unless_present(kind.needs)
    server = kind("localhost")
    server.start()
    yield server
    server.remove()


def address(server, host="localhost"):
    return sa.make_url(server.admin_url).set(host=host).render_as_string()


def opened(url, **options):
    return SqlLedger(url, cipher=Cipher([]), options=LedgerOptions(**options))


def is_encrypted(ledger):
    with ledger._engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            return bool(connection.exec_driver_sql(sql).scalar())
        return connection.exec_driver_sql("SHOW STATUS LIKE 'Ssl_cipher'").one()[1] != ""


def test_a_certificate_that_is_trusted(secure):
    with closing(opened(address(secure), ca_certs=str(secure.certificate))) as ledger:
        assert is_encrypted(ledger)


def test_nobody_elses_is_taken(secure, tmp_path):
    other = over_tls.make_certificate(tmp_path, "localhost", "127.0.0.1")
    for options in ({"tls": True}, {"ca_certs": str(other.certificate)}):
        with (
            closing(opened(address(secure), **options)) as ledger,
            pytest.raises(LedgerUnavailable, match=r"(?i)certificate"),
        ):
            ledger.read(lambda view: view.now())


def test_one_for_another_host_is_not_taken(secure):
    url = address(secure, "127.0.0.1")
    with (
        closing(opened(url, ca_certs=str(secure.certificate))) as ledger,
        pytest.raises(LedgerUnavailable, match=r"(?i)match|mismatch|certificate"),
    ):
        ledger.read(lambda view: view.now())


def test_whoever_wants_none_checked_says_so(secure):
    with closing(opened(address(secure), verify_certificates=False)) as ledger:
        assert is_encrypted(ledger)


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_a_server_without_tls_is_refused(start_server, name):
    server = start_server(name)
    with (
        closing(opened(server.admin_url, verify_certificates=False)) as ledger,
        pytest.raises(LedgerUnavailable, match=r"(?i)SSL|TLS"),
    ):
        ledger.read(lambda view: view.now())


# -- passwords that change ------------------------------------------------------------------------


class Passwords:
    """The password of a user, as a vault has it."""

    def __init__(self, change):
        self._change = change
        self.asked = 0
        self.now = ""
        self.rotate()

    def rotate(self):
        self.now = uuid.uuid4().hex
        self._change(self.now)

    def __call__(self):
        self.asked += 1
        return self.now


@pytest.fixture
def user():
    return f"u{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def strict_postgresql():
    """One that asks for passwords, but for those of the superuser."""
    skip_unless_present(PostgreSql.needs)
    server = PostgreSql()
    rules = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    (server.folder / "data" / "pg_hba.conf").write_text(rules)
    server.start()
    yield server
    server.remove()


@pytest.fixture
def postgresql(strict_postgresql, user):
    url = strict_postgresql.new_database()
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")

    def change(password):
        with engine.connect() as connection:
            connection.exec_driver_sql(f"ALTER ROLE {user} PASSWORD '{password}'")

    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {user} LOGIN SUPERUSER")
    yield sa.make_url(url).set(username=user).render_as_string(), Passwords(change)
    engine.dispose()


@pytest.fixture
def mariadb(start_server, user):
    url = start_server("MariaDb").new_database()
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")

    def change(password):
        with engine.connect() as connection:
            connection.exec_driver_sql(f"ALTER USER {user}@'%%' IDENTIFIED BY '{password}'")

    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE USER {user}@'%%'")
        connection.exec_driver_sql(f"GRANT ALL ON *.* TO {user}@'%%'")
    yield sa.make_url(url).set(username=user).render_as_string(), Passwords(change)
    engine.dispose()


@pytest.mark.parametrize("database", ["postgresql", "mariadb"])
def test_the_ledger_goes_on_when_its_password_changes(request, database):
    url, passwords = request.getfixturevalue(database)
    with closing(opened(url, password=passwords)) as ledger:
        ledger.upgrade()
        ledger.check()
        for _ in range(2):
            passwords.rotate()
            # Connections that are open stay open; new ones get the new one.
            ledger.check()
            before = passwords.asked
            ledger.close()
            ledger.check()
            assert passwords.asked > before
        wrong = uuid.uuid4().hex
        passwords.now = wrong
        ledger.close()
        with pytest.raises(LedgerUnavailable) as caught:
            ledger.check()
        assert wrong not in str(caught.value)


@pytest.fixture
def rabbitmq(start_server, user):
    server = start_server("RabbitMq")
    server.clear("shop.")
    server.control("add_user", user, "first")
    server.control("set_permissions", user, ".*", ".*", ".*")
    change = lambda password: server.control("change_password", user, password)  # noqa: E731
    return f"amqp://{user}@127.0.0.1:{server.port}//", Passwords(change)


@pytest.fixture
def redis_server(start_server, user):
    server = start_server("Redis")
    server.clear()

    def change(password):
        with closing(redis.Redis(port=server.port)) as client:
            client.execute_command(
                "ACL", "SETUSER", user, "reset", "on", f">{password}", "~*", "&*", "+@all"
            )

    return f"redis://{user}@127.0.0.1:{server.port}/0", Passwords(change)


@pytest.fixture
def in_postgresql(postgresql):
    url, passwords = postgresql
    return f"sqla+{url}", passwords


@pytest.mark.parametrize("kind", ["rabbitmq", "redis_server", "in_postgresql"])
def test_a_broker_goes_on_when_its_password_changes(request, kind):
    url, passwords = request.getfixturevalue(kind)
    config = BrokerConfig(url=url, prefix="shop.", options=BrokerOptions(password=passwords))
    broker = KombuBroker(config)
    for _ in range(2):
        passwords.rotate()
        one = uuid7()
        with closing(broker.producer()) as producer:
            producer.send([one])
        with broker.consumer(prefetch=5) as consumer:
            found = []
            while not found:
                for message in consumer.receive(1.0):
                    found += message.ids
                    message.ack()
        assert found == [one]
    assert passwords.asked


def test_a_broker_with_a_wrong_one_is_said(rabbitmq):
    url, _ = rabbitmq
    options = BrokerOptions(password=lambda: "s3cret")
    with pytest.raises(BrokerUnavailable) as caught:
        KombuBroker(BrokerConfig(url=url, options=options)).check()
    assert "s3cret" not in str(caught.value)


# -- the pool, prepared statements ----------------------------------------------------------------


@pytest.mark.parametrize(("threshold", "prepared"), [(0, True), (None, False), (1_000, False)])
def test_statements_are_prepared_as_they_say(start_server, threshold, prepared):
    url = start_server("PostgreSql").new_database()
    with closing(opened(url, prepare_threshold=threshold)) as ledger:
        ledger.upgrade()
        ledger.check()
        with ledger._engine.connect() as connection:
            connection.execute(sa.text("SELECT 7"))
            found = connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements")
            assert (found.scalar() > 0) is prepared


def test_a_small_pool_is_enough(start_server):
    server = start_server("PostgreSql")
    url = server.new_database()
    with closing(opened(url, pool_size=1, max_overflow=0)) as ledger:
        ledger.upgrade()
        for _ in range(3):
            ledger.check()
        name = sa.make_url(url).database
        with psycopg.connect(host="127.0.0.1", port=server.port, user="postgres") as connection:
            found = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (name,)
            )
            assert found.fetchone() == (1,)


def test_an_old_connection_is_replaced(start_server):
    url = start_server("PostgreSql").new_database()
    with closing(opened(url, pool_recycle=0.001, pool_size=1)) as ledger:
        ledger.upgrade()

        def session():
            with ledger._engine.connect() as connection:
                return connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()

        assert len({session() for _ in range(3)}) == 3
