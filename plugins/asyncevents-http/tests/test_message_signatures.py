"""HTTP Message Signatures, verified by others' library."""

from __future__ import annotations

import base64
import hashlib

import pytest
from aiohttp import web
from attrs import frozen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import HTTPMessageVerifier, InvalidSignature, algorithms
from http_message_signatures.resolvers import HTTPSignatureKeyResolver
from standardwebhooks import Webhook

from asyncevents_core.plugin import receiver_secret, symmetric_key
from asyncevents_http.message_signatures import COMPONENTS
from sending import send

SYMMETRIC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PRIVATE = "whsk_" + base64.b64encode(bytes(range(32))).decode()


@frozen
class Received:
    method: str
    url: str
    headers: dict[str, str]
    body: bytes


class Keys(HTTPSignatureKeyResolver):
    """Knows keys by their ids, as the documentation says that these are made."""

    def __init__(self, *keys):
        self.keys = {hashlib.sha256(one).hexdigest()[:16]: one for one in keys}

    def resolve_public_key(self, key_id):
        return self.keys[key_id]


class PublicKeys(Keys):
    """Knows public keys by their thumbprints: RFC 7638, of a key as RFC 8037 writes it."""

    def __init__(self, *keys):
        self.keys = {thumbprint(one): one for one in keys}

    def resolve_public_key(self, key_id):
        return Ed25519PublicKey.from_public_bytes(self.keys[key_id])


def thumbprint(key):
    def encoded(raw):
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    text = f'{{"crv":"Ed25519","kty":"OKP","x":"{encoded(key)}"}}'
    return encoded(hashlib.sha256(text.encode()).digest())


@pytest.fixture
async def recipient(serve):
    came = []

    async def take(request):
        headers = {name.lower(): value for name, value in request.headers.items()}
        url = f"http://{request.headers['host']}{request.raw_path}"
        came.append(Received(request.method, url, headers, await request.read()))
        return web.Response()

    return await serve(take), came


def verified(received, algorithm, keys, *, label=None):
    verifier = HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=keys)
    return verifier.verify(
        received,
        body=received.body,
        expect_tag="asyncevents",
        expect_label=label,
        require_components=COMPONENTS,
    )


async def received_of(recipient, *, path="", **options):
    target, came = recipient
    await send(target + path, **{"signature": "rfc9421", **options})
    return came[-1]


@pytest.mark.parametrize("mode", ["structured", "binary", "plain", "batched"])
@pytest.mark.parametrize("token", [SYMMETRIC, "any text"])
async def test_hmac(recipient, mode, token):
    found = await received_of(recipient, mode=mode, secrets=(token,), method="PUT", path="a?b=%20c")
    (result,) = verified(found, algorithms.HMAC_SHA256, Keys(symmetric_key(token)))
    assert {f'"{one}"' for one in COMPONENTS} <= set(result.covered_components)
    assert "webhook-signature" not in found.headers


async def test_ed25519(recipient):
    found = await received_of(recipient, secrets=(PRIVATE,))
    public = base64.b64decode(receiver_secret(PRIVATE).removeprefix("whpk_"))
    assert verified(found, algorithms.ED25519, PublicKeys(public))


async def test_while_secrets_rotate_each_of_them_verifies(recipient):
    found = await received_of(recipient, secrets=("new", "old"))
    for label, token in (("sig1", "new"), ("sig2", "old")):
        keys = Keys(symmetric_key(token))
        assert verified(found, algorithms.HMAC_SHA256, keys, label=label)


async def test_both(recipient):
    found = await received_of(recipient, signature="both", secrets=(SYMMETRIC,))
    assert verified(found, algorithms.HMAC_SHA256, Keys(symmetric_key(SYMMETRIC)))
    Webhook(receiver_secret(SYMMETRIC)).verify(found.body, found.headers)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("method", "PATCH"),
        ("url", "http://other.example/"),
        ("body", b"{}"),
        ("webhook-id", "another"),
        ("content-type", "text/plain"),
    ],
)
async def test_what_is_changed_is_found(recipient, name, value):
    from attrs import evolve

    found = await received_of(recipient, secrets=(SYMMETRIC,))
    if name in {"method", "url", "body"}:
        changed = evolve(found, **{name: value})
    else:
        changed = evolve(found, headers={**found.headers, name: value})
    with pytest.raises(InvalidSignature):
        verified(changed, algorithms.HMAC_SHA256, Keys(symmetric_key(SYMMETRIC)))


async def test_without_a_secret_there_is_none(recipient):
    found = await received_of(recipient)
    assert "signature" not in found.headers
    assert "content-digest" not in found.headers
