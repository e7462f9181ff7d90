"""Personal text as a keyed hash, or not at all."""

import hashlib
import hmac

import pytest

from schemas.pseudonymize import MIN_KEY_BYTES, Pseudonymizer

KEY = b"k" * MIN_KEY_BYTES


def test_without_a_key_there_is_nothing():
    assert Pseudonymizer(None)("z@example.org") is None


def test_with_a_key_it_is_hmac_sha_256():
    assert Pseudonymizer(KEY)("z@example.org") == hmac.new(KEY, b"z@example.org", hashlib.sha256).hexdigest()


def test_another_key_gives_another_hash():
    assert Pseudonymizer(KEY)("z") != Pseudonymizer(KEY + b"2")("z")


@pytest.mark.parametrize("text", [" Z@Example.org", "z@example.org\n", "Z@EXAMPLE.ORG"])
def test_blanks_around_and_case_do_not_count(text):
    assert Pseudonymizer(KEY)(text) == Pseudonymizer(KEY)("z@example.org")


@pytest.mark.parametrize("key", [b"", KEY[:-1]], ids=["none", "short"])
def test_a_short_key_is_rejected(key):
    with pytest.raises(ValueError, match=f"at least {MIN_KEY_BYTES} bytes, got {len(key)}"):
        Pseudonymizer(key)
