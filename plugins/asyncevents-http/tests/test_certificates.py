"""Which certificates of recipients are trusted."""

from __future__ import annotations

import contextlib
import ssl

import pytest
from aiohttp import web
from certificates import LOOPBACK, make
from cryptography import x509

from asyncevents_core.errors import SettingsError
from asyncevents_core.plugin import OutcomeKind
from asyncevents_http.config import HttpConfig
from asyncevents_http.kind import HttpSinkType
from sending import post


@contextlib.asynccontextmanager
async def recipient(certificate):
    """A recipient that has this certificate: yields its port."""

    async def answer(_):
        return web.Response()

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.fixture
def certificate(tmp_path):
    return make(tmp_path, "Our own CA", LOOPBACK)


@pytest.fixture
async def target(certificate):
    async with recipient(certificate) as port:
        yield f"https://127.0.0.1:{port}/"


@pytest.mark.parametrize(
    ("common_name", "alternatives", "host"),
    [
        ("localhost", (), "localhost"),
        ("127.0.0.1", (), "127.0.0.1"),
        ("localhost", (x509.DNSName("other.example"),), "localhost"),
        ("localhost", (LOOPBACK,), "localhost"),
    ],
)
async def test_a_common_name_proves_nothing(tmp_path, common_name, alternatives, host):
    files = make(tmp_path, common_name, *alternatives)
    async with recipient(files) as port:
        outcome = await post(
            f"https://{host}:{port}/", ca_certs=str(files[0]), allow=("localhost", "127.0.0.1")
        )
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.detail.startswith("network: TLS: ")


async def test_an_alternative_name_does(tmp_path):
    files = make(tmp_path, "other.example", x509.DNSName("localhost"))
    async with recipient(files) as port:
        outcome = await post(
            f"https://localhost:{port}/", ca_certs=str(files[0]), allow=("localhost",)
        )
    assert outcome.kind is OutcomeKind.DELIVERED


async def test_a_ca_of_the_settings_is_trusted(target, certificate):
    assert (await post(target, ca_certs=str(certificate[0]))).kind is OutcomeKind.DELIVERED


async def test_others_are_not(target):
    outcome = await post(target)
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.detail.startswith("network: TLS: ")
    assert "certificate verify failed" in outcome.detail


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_that_holds_none_is_a_mistake_in_the_settings(tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match=r"SINKS\['http'\](.|\n)*ca_certs.*ca\.pem"):
        HttpSinkType().open(HttpConfig(ca_certs=str(file)))
