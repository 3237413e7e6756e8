from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trunkline.guard.nonce import Nonces

NONCES = Nonces(b"s" * 32, lifetime=30.0)


def test_a_nonce_is_valid_for_its_lifetime_and_then_stale() -> None:
    nonces = Nonces(b"s" * 32, lifetime=30.0)
    nonce = nonces.mint(1000.0, "edge", "192.0.2.1")
    assert len(nonce) == 32
    assert nonces.check(nonce, 1000.0, "edge", "192.0.2.1") == "valid"
    assert nonces.check(nonce, 1029.9, "edge", "192.0.2.1") == "valid"
    assert nonces.check(nonce, 1030.1, "edge", "192.0.2.1") == "stale"


def test_a_nonce_is_for_one_realm_one_source_and_one_secret() -> None:
    nonce = NONCES.mint(5.0, "edge", "192.0.2.1")
    assert NONCES.check(nonce, 5.0, "other", "192.0.2.1") == "forged"
    assert NONCES.check(nonce, 5.0, "edge", "192.0.2.2") == "forged"
    assert NONCES.check(nonce, 5.0, "edge1", "92.0.2.1") == "forged"
    assert Nonces(b"t" * 32).check(nonce, 5.0, "edge", "192.0.2.1") == "forged"


def test_two_moments_give_two_nonces() -> None:
    nonces = Nonces(bytes(32))
    assert nonces.mint(1.0) != nonces.mint(1.000_001)


def test_nonces_of_one_moment_differ() -> None:
    nonces = Nonces(bytes(32))
    minted = [nonces.mint(1.0) for _ in range(100)]
    assert len(set(minted)) == 100
    assert all(nonces.check(nonce, 1.0) == "valid" for nonce in minted)


@given(st.floats(0, 1e10), st.integers(0, 31), st.sampled_from("ABCabc019-_"))
def test_any_changed_character_is_a_forgery(now: float, place: int, character: str) -> None:
    nonces = Nonces(b"s" * 32, lifetime=30.0)
    nonce = nonces.mint(now)
    changed = nonce[:place] + character + nonce[place + 1 :]
    expected = "valid" if changed == nonce else "forged"
    assert nonces.check(changed, now) == expected


@given(st.text(max_size=40) | st.text(min_size=32, max_size=32) | st.text("aA0-_=+/ ", min_size=32, max_size=32))
def test_any_text_is_judged(nonce: str) -> None:
    assert NONCES.check(nonce, 0.0) == "forged"
