from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trunkline.media.echo import Echo
from trunkline.rtp.packet import Extension, Packet, build, parse
from trunkline.sdp.codec import PCMU
from trunkline.sdp.media import Direction
from trunkline.sdp.offer_answer import Agreed

PEER = ("192.0.2.10", 4000)
STRANGER = ("198.51.100.66", 4000)
SSRC = 0x1234


def echoing(direction: Direction = "sendrecv", sequence: int = 100, timestamp: int = 5000) -> Echo:
    echo = Echo(SSRC, sequence, timestamp)
    echo.agree(Agreed(PCMU, frozenset({0, 101}), 101, direction), relearn=True)
    return echo


def spoken(sequence: int, timestamp: int, ssrc: int = 7, payload: bytes = b"audio", **more: bool | int) -> Packet:
    marker, payload_type = bool(more.get("marker", False)), int(more.get("payload_type", 0))
    return Packet(payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc, payload, marker)


def heard(echo: Echo, packet: Packet, source: tuple[str, int] = PEER) -> Packet | None:
    back = echo.hear(build(packet), source)
    return None if back is None else parse(back)


def test_a_packet_comes_back_as_ours() -> None:
    echo = echoing()
    assert heard(echo, spoken(9, 900, marker=True)) == Packet(0, 100, 5000, SSRC, b"audio", True)
    assert heard(echo, spoken(10, 1060)) == Packet(0, 101, 5160, SSRC, b"audio")
    assert heard(echo, spoken(12, 1380)) == Packet(0, 103, 5480, SSRC, b"audio")
    assert echo.heard == 3


def test_keys_come_back_too() -> None:
    back = heard(echoing(), spoken(9, 900, payload_type=101, payload=b"\x01\x0a\x00\xa0", marker=True))
    assert back == Packet(101, 100, 5000, SSRC, b"\x01\x0a\x00\xa0", True)


@given(
    st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF),
    st.lists(st.integers(-5, 50), min_size=1, max_size=30),
)  # fmt: skip
def test_distances_are_the_peers(
    sequence: int, timestamp: int, ours: int, our_timestamp: int, offsets: list[int]
) -> None:
    echo = echoing(sequence=ours, timestamp=our_timestamp)
    offsets.insert(0, 0)
    for offset in offsets:
        back = heard(echo, spoken(sequence + offset, timestamp + 160 * offset))
        assert back is not None
        assert back.sequence == ours + offset & 0xFFFF
        assert back.timestamp == our_timestamp + 160 * offset & 0xFFFFFFFF


def test_a_new_stream_of_the_peer_goes_on_in_ours() -> None:
    echo = echoing()
    for count in range(3):
        heard(echo, spoken(count, 160 * count))
    assert heard(echo, spoken(40000, 77, ssrc=8)) == Packet(0, 103, 5480, SSRC, b"audio")
    assert heard(echo, spoken(40001, 237, ssrc=8)) == Packet(0, 104, 5640, SSRC, b"audio")


def test_a_stream_that_begins_anew_behind_a_straggler_repeats_no_number() -> None:
    echo = echoing()
    numbers = [heard(echo, spoken(count, 160 * count)) for count in (0, 1, 3, 2)]
    numbers.append(heard(echo, spoken(500, 0, ssrc=8)))
    assert [packet.sequence for packet in numbers if packet] == [100, 101, 103, 102, 104]


def test_the_first_source_is_the_only_one() -> None:
    echo = echoing()
    assert echo.hear(b"garbage", STRANGER) is None
    assert heard(echo, spoken(1, 0)) is not None
    assert heard(echo, spoken(2, 160), STRANGER) is None
    assert echo.source == PEER
    assert (echo.heard, echo.strangers) == (1, 1)


def test_a_changed_session_may_move_once() -> None:
    echo = echoing()
    heard(echo, spoken(1, 0))
    agreed = Agreed(PCMU, frozenset({0}), None, "sendrecv")
    echo.agree(agreed, relearn=False)
    assert heard(echo, spoken(2, 160), STRANGER) is None
    echo.agree(agreed, relearn=True)
    moved = ("192.0.2.10", 4002)
    assert heard(echo, spoken(3, 320), moved) is not None
    assert heard(echo, spoken(4, 480), PEER) is None
    assert echo.source == moved


def test_what_was_not_agreed_is_not_echoed() -> None:
    echo = echoing()
    assert heard(echo, spoken(1, 0, payload_type=8)) is None
    assert echo.hear(build(spoken(1, 0))[:11], PEER) is None
    assert echo.hear(b"\x80\xc8" + bytes(26), PEER) is None
    assert echo.hear(b"\x00\x00" + bytes(26), PEER) is None
    assert echo.source is None
    assert echo.heard == 0


def test_only_the_payload_comes_back() -> None:
    packet = spoken(9, 900)._replace(contributors=(1, 2), extension=Extension(0xBEDE, b"abcd"))
    assert heard(echoing(), packet) == Packet(0, 100, 5000, SSRC, b"audio")


def test_a_peer_on_hold_hears_nothing_and_goes_on_afterwards() -> None:
    echo = echoing("recvonly")
    assert heard(echo, spoken(9, 900)) is None
    assert echo.heard == 1
    echo.agree(Agreed(PCMU, frozenset({0}), None, "sendrecv"), relearn=True)
    assert heard(echo, spoken(10, 1060)) == Packet(0, 101, 5160, SSRC, b"audio")


@given(st.binary(max_size=60))
def test_garbage_is_borne(data: bytes) -> None:
    back = echoing().hear(data, PEER)
    assert back is None or parse(back) is not None
