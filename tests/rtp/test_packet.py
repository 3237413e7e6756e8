from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.rtp.packet import Extension, Packet, build, parse

words = st.integers(0, 0xFFFFFFFF)
packets = st.builds(
    Packet,
    # 64 to 95 with the marker are RTCP to a reader.
    payload_type=st.integers(0, 63) | st.integers(96, 127),
    sequence=st.integers(0, 0xFFFF),
    timestamp=words,
    ssrc=words,
    payload=st.binary(max_size=200),
    marker=st.booleans(),
    contributors=st.lists(words, max_size=15).map(tuple),
    extension=st.none()
    | st.builds(Extension, st.integers(0, 0xFFFF), st.lists(words, max_size=4).map(
        lambda found: b"".join(word.to_bytes(4, "big") for word in found)
    )),
)  # fmt: skip


@given(packets)
def test_what_is_built_is_read(packet: Packet) -> None:
    assert parse(build(packet)) == packet


@given(st.binary(max_size=80))
def test_garbage_is_none_or_a_packet(data: bytes) -> None:
    packet = parse(data)
    if packet is not None:
        assert data[0] >> 6 == 2
        assert parse(build(packet)) == packet


def test_padding_is_no_payload() -> None:
    plain = build(Packet(0, 1, 2, 3, b"abcd"))
    assert parse(bytes([plain[0] | 0x20]) + plain[1:] + b"\0\0\3") == Packet(0, 1, 2, 3, b"abcd")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80" + bytes(10),
        b"\x00" + bytes(11),  # version 0
        b"\x8f" + bytes(20),  # fifteen contributors that are not there
        b"\x90" + bytes(13),  # an extension without its head
        b"\x90" + bytes(11) + b"\0\0\0\2" + bytes(4),
        b"\xa0" + bytes(12),  # padding of length 0
        b"\xa0" + bytes(11) + b"\xff",
        b"\x80\xc8" + bytes(26),  # an RTCP sender report
    ],
)
def test_what_cannot_be_rtp(data: bytes) -> None:
    assert parse(data) is None
