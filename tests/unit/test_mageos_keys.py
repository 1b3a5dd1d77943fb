"""What a shop encrypted: by its own PHP, where that is here, and by its rules."""

from __future__ import annotations

import base64
import json
import re
import subprocess

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import Blowfish
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from asyncevents_core.adapters.mageos import crypt_keys
from asyncevents_core.adapters.mageos.crypt_keys import CryptKeys, UnreadToken
from asyncevents_core.errors import InvalidValue
from tests.conftest import skip_unless_present
from tests.services.needs import PHP

KEY = "0123456789abcdef0123456789abcdef"
NEWER = bytes(range(32))


def sealed(text, key=None, number=0):
    key = key or KEY.encode()
    nonce = b"n" * 12
    secret = nonce + ChaCha20Poly1305(key).encrypt(nonce, text.encode(), nonce)
    return f"{number}:3:{base64.b64encode(secret).decode()}"


def by_blocks(algorithm, text, cipher):
    size = algorithm.block_size // 8
    plain = text.encode() + b"\0" * (-len(text.encode()) % size)
    secret = Cipher(algorithm, modes.ECB()).encryptor().update(plain)
    return f"0:{cipher}:{base64.b64encode(secret).decode()}"


@pytest.fixture
def read(tmp_path):
    def write_and_read(text, name="env.php"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return CryptKeys.read(path)

    return write_and_read


@pytest.mark.parametrize(
    "text",
    [
        f"<?php\nreturn [\n    'crypt' => [\n        'key' => '{KEY}'\n    ],\n];",
        f"<?php return array('x' => 1, 'crypt' => array ('key' => '{KEY}',),);",
        f'\n<?php return ["crypt"=>["key"=>"{KEY}"]];',
        f"{KEY}\n",
    ],
)
def test_the_key_is_found(read, text):
    assert read(text).decrypt(sealed("fD03@NpYbXYg")) == "fD03@NpYbXYg"


def test_a_key_in_base64_and_an_older_one_before_it(read):
    newer = "base64" + base64.b64encode(NEWER).decode()
    for between in ("\n", r"\n"):
        quote = '"' if between == r"\n" else "'"
        keys = read(f"<?php return ['crypt' => ['key' => {quote}{KEY}{between}{newer}{quote}]];")
        assert keys.decrypt(sealed("older")) == "older"
        assert keys.decrypt(sealed("newer", NEWER, 1)) == "newer"


def test_quotes_in_a_key_are_php_quotes(read):
    key = r"it's\not_n_with_a_backslash_1234"
    assert len(key) == 32
    keys = read("<?php return ['crypt' => ['key' => '" + key.replace("'", r"\'") + "']];")
    assert keys.decrypt(sealed("x", key.encode())) == "x"


def test_the_space_around_a_token_is_no_part_of_it(read):
    assert read(KEY).decrypt(sealed(" a b\n\0")) == "a b"


def test_what_mcrypt_wrote(read):
    keys = read(KEY)
    assert keys.decrypt(by_blocks(AES(KEY.encode()), "aes token", 1)) == "aes token"
    assert keys.decrypt(by_blocks(Blowfish(KEY.encode()), "blowfish!", 0)) == "blowfish!"
    short = read("fourteen chars".replace(" ", "_"))
    padded = b"fourteen_chars\0\0"
    assert short.decrypt(by_blocks(AES(padded), "a shorter key", 1)) == "a shorter key"


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("secret", "it is not as Magento encrypts"),
        ("0:3:", "it is not as Magento encrypts"),
        ("0:2:iv:AAAA", "it is not as Magento encrypts"),
        ("0:2:AAAA", "encrypted with cipher 2, which is not read here"),
        (sealed("x", number=1), "encrypted with key 1, and the file has those up to 0"),
        (sealed("x", NEWER), "key 0 does not decrypt it"),
        ("0:3:AAAA", "key 0 does not decrypt it"),
        ("0:3:A", "key 0 does not decrypt it"),
        ("0:1:AAAA", "key 0 does not decrypt it"),
        (by_blocks(AES(NEWER), "another key's token", 1), "key 0 does not decrypt it"),
        (sealed(" "), "it is empty"),
        (sealed("a\x07b"), "characters that cannot be printed"),
    ],
)
def test_what_cannot_be_decrypted_says_why_and_nothing_else(read, token, why):
    with pytest.raises(UnreadToken) as raised:
        read(KEY).decrypt(token)
    assert why in str(raised.value)
    assert token not in str(raised.value)


@pytest.mark.parametrize("cipher", ["0", "1", "3"])
@pytest.mark.parametrize("key", ["short", "x" * 57])
def test_a_key_of_another_length_decrypts_nothing(read, key, cipher):
    with pytest.raises(UnreadToken, match=r"key 0 does not decrypt it|cannot be printed"):
        read(key).decrypt(f"0:{cipher}:{base64.b64encode(b'x' * 48).decode()}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<?php return ['db' => []];", "there is no 'crypt' => ['key' => '…'] in it"),
        ("<?php return ['crypt' => ['key' => '']];", "there is no key in it"),
        (" \n", "there is no key in it"),
        ("base64!!!", "a key goes on behind base64, but not in base64"),
        (b"a\nb\xff", "env.php:2: it is not UTF-8"),
    ],
)
def test_a_file_without_a_key_is_refused(read, text, message):
    with pytest.raises(InvalidValue, match=re.escape(message)):
        read(text)


def test_a_large_file_is_not_read(read, monkeypatch):
    monkeypatch.setattr(crypt_keys, "LARGEST_FILE", 10)
    with pytest.raises(InvalidValue, match="it has more than 10 bytes"):
        read(KEY)


def test_keys_are_not_shown(read):
    assert KEY not in repr(read(KEY))


PROGRAM = r"""
[$key, $texts] = json_decode(stream_get_contents(STDIN));
foreach ($texts as $text) {
    $nonce = random_bytes(12);
    $sealed = sodium_crypto_aead_chacha20poly1305_ietf_encrypt($text, $nonce, $nonce, $key);
    echo '0:3:', base64_encode($nonce . $sealed), "\n";
}
foreach ($texts as $text) {
    $padded = str_pad($text, intdiv(strlen($text) + 15, 16) * 16, "\0");
    $flags = OPENSSL_RAW_DATA | OPENSSL_ZERO_PADDING;
    echo '0:1:', base64_encode(openssl_encrypt($padded, 'aes-256-ecb', $key, $flags)), "\n";
}
"""


def test_what_php_encrypts_is_read(read):
    skip_unless_present(PHP)
    texts = ["fD03@NpYbXYg", "aIW0G9n3*9wN", "ä€😀", "x" * 100]
    done = subprocess.run(
        ["php", "-r", PROGRAM],
        input=json.dumps([KEY, texts]),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    keys = read(KEY)
    assert [keys.decrypt(one) for one in done.stdout.split()] == texts * 2
