"""What a shop with mageos-async-events has: a database, a queue, a REST API, and receivers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import amqp
import kombu
import pymysql

from asyncevents_core.adapters.kombu.protocol import TRIGGER
from tests.conftest import skip_unless_present
from tests.services.needs import PHP
from tests.services.ports import free_port

KEY = "0123456789abcdef0123456789abcdef"
TOKEN = "fD03@NpYbXYg"
ORDER = {"entity_id": 42, "increment_id": "000000042", "customer_email": "änna@example.com"}
# The columns of the original's table, as its schema has them on MariaDB.
TABLE = """
CREATE TABLE async_event_subscriber (
    subscription_id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    event_name varchar(255) NOT NULL,
    recipient_url varchar(1024) NOT NULL,
    verification_token varchar(255) NOT NULL,
    status tinyint(1) NOT NULL DEFAULT 0 COMMENT 'Whether it''s active; (or not)',
    subscribed_at datetime DEFAULT NULL,
    modified timestamp NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP,
    metadata text NOT NULL,
    store_id smallint unsigned NOT NULL DEFAULT 0
) CHARSET=utf8mb4
"""
ENCRYPT = r"""
$nonce = random_bytes(12);
$text = sodium_crypto_aead_chacha20poly1305_ietf_encrypt($argv[2], $nonce, $nonce, $argv[1]);
echo '0:3:', base64_encode($nonce . $text);
"""
RECEIVER = r"""<?php
// Verifies as receivers of the original do: the whole body, by the token, in hexadecimal.
$body = file_get_contents('php://input');
$wanted = hash_hmac('sha256', $body, getenv('TOKEN'));
if (!hash_equals($wanted, $_SERVER['HTTP_X_MAGENTO_SIGNATURE'] ?? '')) {
    http_response_code(401);
    exit('wrong signature');
}
$event = json_decode($body, true, 512, JSON_THROW_ON_ERROR);
$arrived = ['type' => $_SERVER['CONTENT_TYPE'], 'event' => $event];
file_put_contents('arrived', json_encode($arrived) . "\n", FILE_APPEND | LOCK_EX);
echo 'thanks';
"""


def encrypted(token=TOKEN):
    skip_unless_present(PHP)
    done = subprocess.run(
        ["php", "-r", ENCRYPT, "--", KEY, token],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@contextmanager
def php_receiver(folder, token=TOKEN):
    """Run a receiver of the original; yields its URL."""
    skip_unless_present(PHP)
    (folder / "receiver.php").write_text(RECEIVER)
    port = free_port()
    with (folder / "receiver.log").open("wb") as log:
        process = subprocess.Popen(
            ["php", "-S", f"127.0.0.1:{port}", "receiver.php"],
            cwd=folder,
            env={**os.environ, "TOKEN": token},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + 60
        while True:
            assert process.poll() is None, "it has ended"
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < until, "it does not listen"
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/orders"
    finally:
        process.kill()
        process.wait()


def arrived(folder):
    path = folder / "arrived"
    return [json.loads(one) for one in path.read_text().splitlines()] if path.exists() else []


@contextmanager
def rest_api():
    """Run the REST API of a shop with one order; yields its URL, and what it is asked for."""
    asked = []

    class Shop(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers["Authorization"]))
            found = self.path == "/rest/V1/orders/42"
            body = json.dumps(ORDER if found else {"message": "no such entity"}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def publish(url, name, message):
    """Publish as the original does: by Magento's exchange, with an id for each message."""
    with kombu.Connection(url) as connection:
        channel = connection.default_channel
        exchange = kombu.Exchange("magento", type="topic", durable=True)
        kombu.Queue(name, exchange, routing_key=TRIGGER, durable=True)(channel).declare()
        sent = amqp.Message(json.dumps(message), delivery_mode=2, message_id=uuid.uuid4().hex)
        channel.basic_publish(sent, exchange="magento", routing_key=TRIGGER)


@contextmanager
def shop_database(server, name):
    """Make a shop's database on a server; yields a cursor in it."""
    connection = pymysql.connect(
        host="127.0.0.1", port=server.port, user="root", charset="utf8mb4", autocommit=True
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARSET utf8mb4")
        cursor.execute(f"USE {name}")
        cursor.execute(TABLE)
        yield cursor
        cursor.execute(f"DROP DATABASE {name}")


def subscribe(cursor, *rows):
    """Insert subscriptions as the original has them."""
    cursor.executemany(
        "INSERT INTO async_event_subscriber (event_name, recipient_url, verification_token, status,"
        " subscribed_at, metadata, store_id) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        rows,
    )
