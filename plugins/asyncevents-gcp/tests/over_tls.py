"""One attempt over TLS with a user's credentials: `over_tls.py CASE FOLDER` prints its outcome."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.pubsub_v1.types import PublishRequest, PublishResponse
from requested import make_request

from asyncevents_core.testing import opened
from asyncevents_gcp.config import PubSubConfig
from asyncevents_gcp.kind import PubSubSinkType
from faulty import SERVICE, accept

logging.basicConfig(level=logging.DEBUG)

TOKENS = {
    "accepted": (200, {"access_token": "the-token", "expires_in": 3600}),
    "untrusted": (200, {"access_token": "the-token", "expires_in": 3600}),
    "expired": (400, {"error": "invalid_grant", "error_description": "it was revoked"}),
}


def certificate() -> tuple[bytes, bytes]:
    """Make a certificate for 127.0.0.1; returns its key and itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, made.public_bytes(encoding)


def token_server(case: str) -> ThreadingHTTPServer:
    status, answer = TOKENS.get(case, (503, {}))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


async def main(case: str, folder: Path) -> None:
    private, public = certificate()
    (folder / "root.pem").write_bytes(certificate()[1] if case == "untrusted" else public)
    seen: list[str] = []

    def answer(request: PublishRequest, context: grpc.ServicerContext) -> PublishResponse:
        seen.extend(
            value for name, value in context.invocation_metadata() if name == "authorization"
        )
        return accept(request, context)

    server = grpc.server(ThreadPoolExecutor(2))
    handler = grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=PublishRequest.deserialize,
        response_serializer=PublishResponse.serialize,
    )
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {"Publish": handler}),)
    )
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(private, public)]))
    server.start()
    tokens = token_server(case)
    user = {
        "type": "authorized_user",
        "client_id": "1",
        "client_secret": "the-client-secret",
        "refresh_token": "the-refresh-token",
    }
    address = (
        "http://127.0.0.1:1" if case == "unreachable" else f"http://127.0.0.1:{tokens.server_port}"
    )
    # The address of the tokens is fixed in the SDK for a user's credentials.
    from google.oauth2 import credentials as user_credentials

    user_credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT = address
    config = PubSubConfig(endpoint=f"https://127.0.0.1:{port}", credentials_json=json.dumps(user))
    async with opened(PubSubSinkType(), config) as sink:
        outcome = await sink.deliver(make_request(target="projects/shop/topics/orders"), 10.0)
    server.stop(None)
    tokens.shutdown()
    tokens.server_close()
    print(json.dumps({"kind": outcome.kind, "detail": outcome.detail, "authorization": seen}))


asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
