from __future__ import annotations

import hashlib

import pytest

from trunkline.model.key import ApiKey, key_digest, key_prefix, key_text


def test_a_key_says_whose_and_what_it_is_and_uses_all_its_chance() -> None:
    text = key_text("trunkline", True, b"\xff" * 32)
    assert text.startswith("trunkline_live_")
    assert len(text.removeprefix("trunkline_live_")) == 43
    assert key_text("acme", False, bytes(32)) == "acme_test_" + "0" * 43
    assert len({key_text("b", True, bytes([*[0] * place, 1, *[0] * (31 - place)])) for place in range(32)}) == 32


def test_too_little_chance_makes_no_key() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        key_text("trunkline", True, b"\0" * 31)


def test_the_prefix_tells_keys_apart_without_giving_them_away() -> None:
    text = key_text("my_brand", True, bytes(range(32)))
    assert key_prefix(text) == text[: len("my_brand_live_") + 6]


def test_the_digest_is_the_whole_keys_sha256_whatever_is_presented() -> None:
    assert key_digest("trunkline_live_x") == hashlib.sha256(b"trunkline_live_x").digest()
    assert len(key_digest("\udcff")) == 32


def test_a_key_ends_at_its_expiry() -> None:
    key = ApiKey(id="k", organization_id=None, name="n", prefix="p", digest=b"", expires_at=100.0)
    assert [key.expired(wall) for wall in (99.9, 100.0, 100.1)] == [False, True, True]
    assert not ApiKey(id="k", organization_id=None, name="n", prefix="p", digest=b"").expired(1e12)
