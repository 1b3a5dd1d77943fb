"""Secrets at rest: rotation, and clear words where a key is missing."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.errors import SecretKeysError

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_new_secrets_use_the_newest_key_and_old_ones_stay_readable():
    before = Cipher([OLD]).encrypt("s3cret")
    rotated = Cipher([NEW, OLD])
    assert rotated.decrypt(before) == "s3cret"
    assert Cipher([NEW]).decrypt(rotated.encrypt("s3cret")) == "s3cret"


def test_the_text_is_not_in_the_token():
    assert "s3cret" not in Cipher([OLD]).encrypt("s3cret")


def test_a_key_that_is_gone_is_named_as_the_reason():
    token = Cipher([OLD]).encrypt("s3cret")
    with pytest.raises(SecretKeysError, match="add the key it was made with"):
        Cipher([NEW]).decrypt(token)


def test_without_keys_nothing_is_kept_in_the_open():
    with pytest.raises(SecretKeysError, match="SECRET_KEYS is empty"):
        Cipher([]).encrypt("s3cret")
    with pytest.raises(SecretKeysError, match="SECRET_KEYS is empty"):
        Cipher([]).decrypt("token")


def test_keys_are_not_shown():
    assert OLD not in repr(Cipher([OLD]))
