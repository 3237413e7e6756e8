from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.rtp.event import TelephoneEvent, build_event, parse_event

events = st.builds(TelephoneEvent, st.integers(0, 255), st.booleans(), st.integers(0, 63), st.integers(0, 0xFFFF))


@given(events, st.binary(max_size=4))
def test_what_is_built_is_read(event: TelephoneEvent, rest: bytes) -> None:
    assert parse_event(build_event(event) + rest) == event


def test_the_bytes_of_a_released_key() -> None:
    assert build_event(TelephoneEvent(11, True, 10, 1600)) == b"\x0b\x8a\x06\x40"


@pytest.mark.parametrize(("code", "key"), [(0, "0"), (9, "9"), (10, "*"), (11, "#"), (15, "D"), (16, None)])
def test_keys(code: int, key: str | None) -> None:
    assert TelephoneEvent(code, False, 0, 0).key == key


def test_too_short_is_none() -> None:
    assert parse_event(b"\x01\x0a\x00") is None
