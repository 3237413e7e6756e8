"""What came back is reckoned as it came: nothing lost is counted as returned, nothing changed as ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.media.sounding import Report, Sounding
from trunkline.rtp.marker import FRAMES
from trunkline.rtp.packet import build, parse

COUNT = 40


def sounding(codec: str = "PCMU") -> Sounding:
    return Sounding(codec, 0, 7, 65530, 2**32 - 500)


def echoed(data: bytes) -> bytes:
    """As an echo sends it: a stream of its own."""
    packet = parse(data)
    assert packet is not None
    return build(packet._replace(ssrc=99, sequence=packet.sequence + 1000 & 0xFFFF, timestamp=packet.timestamp ^ 1))


def test_the_stream_is_one() -> None:
    ours = sounding()
    packets = [parse(ours.send(0.0)) for _ in range(10)]
    found = [packet for packet in packets if packet is not None]
    assert [packet.sequence for packet in found] == [(65530 + n) % 65536 for n in range(10)]
    assert [packet.timestamp for packet in found] == [(2**32 - 500 + 160 * n) % 2**32 for n in range(10)]
    assert {packet.ssrc for packet in found} == {7}
    assert [packet.marker for packet in found] == [True] + [False] * 9


@given(st.lists(st.integers(0, COUNT - 1), max_size=3 * COUNT), st.integers(0, 5))
def test_any_return_is_reckoned(order: list[int], strangers: int) -> None:
    ours = sounding()
    sent = [ours.send(number * 0.02) for number in range(COUNT)]
    for number in order:
        ours.hear(echoed(sent[number]), 1.0 + number * 0.02)
    for _ in range(strangers):
        ours.hear(echoed(sent[0])[:-1] + b"\x00", 2.0)
    first = list(dict.fromkeys(order))
    late = sum(number < max(first[:place], default=-1) for place, number in enumerate(first))
    assert ours.report[:5] == (COUNT, len(first), len(order) - len(first), late, strangers)
    assert ours.report.lost == COUNT - len(first)
    if first:
        assert ours.report[5:] == pytest.approx((1.0, 1.0, 1.0))


def test_nothing_sent_nothing_back() -> None:
    ours = sounding()
    ours.hear(echoed(sounding().send(0.0)), 0.1)
    assert ours.report == Report(other=1)


def test_the_tone_begins_again_and_is_still_told_apart() -> None:
    ours = sounding()
    for number in range(2 * FRAMES + 10):
        data = ours.send(number * 0.02)
        if number % 3:
            ours.hear(echoed(data), number * 0.02 + 0.005)
    report = ours.report
    assert (report.sent, report.returned, report.doubled) == (410, 273, 0)
    assert report.slowest == pytest.approx(0.005)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x00" * 200, b"SIP/2.0 200 OK\r\n\r\n"])
def test_what_is_no_rtp_is_passed_over(data: bytes) -> None:
    ours = sounding()
    ours.send(0.0)
    ours.hear(data, 0.0)
    assert ours.report == Report(sent=1)


def test_the_same_audio_under_another_payload_type_is_another() -> None:
    ours = sounding()
    packet = parse(ours.send(0.0))
    assert packet is not None
    ours.hear(build(packet._replace(payload_type=8)), 0.0)
    assert (ours.report.returned, ours.report.other) == (0, 1)
