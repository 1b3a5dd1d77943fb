"""Secrets at rest: rotation, and clear words where a key is missing."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from asyncevents_core.adapters.cipher import Cipher
from asyncevents_core.errors import SecretKeysError
from asyncevents_core.ports.ledger.subscriptions import KeyAge

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


def test_the_age_of_a_token_is_that_of_its_key():
    token = Cipher([OLD]).encrypt("s3cret")
    ages = [Cipher(keys).age(token) for keys in ([OLD], [NEW, OLD], [NEW], [])]
    assert ages == [KeyAge.NEWEST, KeyAge.OLDER, KeyAge.MISSING, KeyAge.MISSING]


def test_a_token_is_renewed_with_the_newest_key_once():
    token = Cipher([OLD]).encrypt("s3cret")
    renewed = Cipher([NEW, OLD]).renew(token)
    assert Cipher([NEW]).decrypt(renewed) == "s3cret"
    assert Cipher([NEW, OLD]).renew(renewed) == renewed
    made_at = [Fernet(key).extract_timestamp(one) for key, one in ((OLD, token), (NEW, renewed))]
    assert made_at[0] == made_at[1]


@pytest.mark.parametrize(("keys", "text"), [([NEW], "add the key"), ([], "SECRET_KEYS is empty")])
def test_a_token_that_no_key_fits_is_not_renewed(keys, text):
    with pytest.raises(SecretKeysError, match=text):
        Cipher(keys).renew(Cipher([OLD]).encrypt("s3cret"))


def test_keys_are_not_shown():
    assert OLD not in repr(Cipher([OLD]))
