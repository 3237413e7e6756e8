"""A stream is cut the same however it arrives, and a broken one is told once."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.sip.framing import Framer, Frames, FramingError, FramingLimits

CRLF = b"\r\n"


def message(body: bytes = b"", length: bytes | None = None, lines: tuple[bytes, ...] = ()) -> bytes:
    own = b"Content-Length: %d" % len(body) if length is None else length
    head = (b"OPTIONS sip:a@example.com SIP/2.0", b"Call-ID: 1", *lines, *([own] if own else []))
    return CRLF.join(head) + CRLF + CRLF + body


def fed(stream: bytes, cuts: list[int], limits: FramingLimits | None = None) -> tuple[Frames, Framer]:
    """All frames of a stream that came in these pieces."""
    framer = Framer(limits)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    messages: list[bytes] = []
    pings, error = 0, None
    for start, end in pairwise(edges):
        frames = framer.feed(stream[start:end])
        messages += frames.messages
        pings += frames.pings
        error = error or frames.error
    return Frames(messages, pings, error), framer


bodies = st.binary(max_size=60) | st.sampled_from(
    [CRLF * 2, b"Content-Length: 9" + CRLF * 2, CRLF + b"l: 4" + CRLF * 2]
)
whole = bodies.map(message)
broken = st.sampled_from(
    [
        message(length=b""),
        message(length=b"Content-Length: -1"),
        message(length=b"l: 999999"),
        b"\x16\x03\x01" + bytes(40),
    ]
)
pieces = st.lists(whole | st.sampled_from([CRLF, CRLF * 2, CRLF * 3]) | broken, max_size=8)


@given(pieces, st.lists(st.integers(0, 1000), max_size=30))
def test_any_chunking_gives_the_same_frames(parts: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(parts)
    at_once, one = fed(stream, [])
    in_pieces, two = fed(stream, cuts)
    byte_by_byte, three = fed(stream, list(range(len(stream))))
    assert at_once == in_pieces == byte_by_byte
    assert one.buffered == two.buffered == three.buffered


@given(st.lists(whole, max_size=6))
def test_messages_come_out_as_they_went_in(parts: list[bytes]) -> None:
    frames, framer = fed(b"".join(parts), [])
    assert frames == Frames(parts, 0, None)
    assert framer.buffered == 0


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_no_stream_raises_or_keeps_more_than_a_message(chunks: list[bytes]) -> None:
    limits = FramingLimits(message=400, head=200)
    framer = Framer(limits)
    for chunk in chunks:
        frames = framer.feed(chunk)
        assert framer.buffered <= limits.message
        if frames.error is not None:
            assert framer.broken


@pytest.mark.parametrize(
    "length",
    [
        b"Content-Length: 4",
        b"content-length:4",
        b"CONTENT-LENGTH \t:  4\t",
        b"l:4",
        b"L : 4",
        b"Content-Length:\r\n 4",
        b"Content-Length: \r\n\t4",
        b"Content-Length: 0004",
    ],
)
def test_the_length_in_every_writing(length: bytes) -> None:
    first, second = message(b"body", length), message()
    assert fed(first + second, [])[0].messages == [first, second]


def test_only_a_header_of_that_name_counts() -> None:
    whole = message(b"body", lines=(b"X-Content-Length: 9", b"Subject: a\r\n l: 8", b"Ll: 7", b"X: Content-Length: 3"))
    assert fed(whole, [])[0] == Frames([whole], 0, None)


@pytest.mark.parametrize(
    ("stream", "status", "reason"),
    [
        (message(length=b""), 400, "there is no Content-Length"),
        (message(length=b"Content-Length:"), 400, "Content-Length is not a number"),
        (message(length=b"Content-Length: -5"), 400, "Content-Length is not a number"),
        (message(length=b"Content-Length: 4, 4"), 400, "Content-Length is not a number"),
        (message(length=b"Content-Length: 0x4"), 400, "Content-Length is not a number"),
        (message(length=b"Content-Length: " + b"9" * 40), 400, "Content-Length is not a number"),
        (message(length="Content-Length: ٤".encode()), 400, "Content-Length is not a number"),
        (message(b"body", lines=(b"l: 4",)), 400, "Content-Length stands more than once"),
        (message(length=b"Content-Length: 65535"), 513, "the message is too large"),
        (message(lines=tuple(b"X: 1" for _ in range(300))), 400, "too many header lines"),
        (message(lines=(b"X: " + b"x" * 33_000,)), 513, "the headers are too large"),
        (message(lines=tuple(b"X: " + b"x" * 400 for _ in range(100))), 513, "the headers are too large"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "this is not SIP"),
        (b" INVITE", 400, "this is not SIP"),
        (b"\r\rINVITE", 400, "this is not SIP"),
    ],
)
def test_a_broken_stream_is_told_once_with_its_answer(stream: bytes, status: int, reason: str) -> None:
    good = message(b"v=0")
    for cuts in ([], [len(good) + 5], list(range(len(good + stream)))):
        frames, framer = fed(good + stream + good, cuts)
        assert frames.messages == [good]
        assert frames.error is not None
        assert (frames.error.status, frames.error.reason) == (status, reason)
        assert framer.broken
        assert framer.buffered == 0
        assert framer.feed(good) == Frames([], 0, None)


def test_the_head_of_a_broken_message_is_there_to_be_answered() -> None:
    frames, _ = fed(message(length=b"Content-Length: -1"), [])
    assert frames.error is not None
    assert frames.error.head == message(length=b"Content-Length: -1")
    endless = b"INVITE sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/TCP a\r\nX: " + b"x" * 40_000
    frames, _ = fed(endless, [])
    assert frames.error is not None
    assert frames.error.head == b"INVITE sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n\r\n"


@pytest.mark.parametrize(
    ("stream", "pings"),
    [(CRLF, 0), (CRLF * 2, 1), (CRLF * 3, 1), (CRLF * 4, 2), (CRLF + message() + CRLF, 0), (message() + CRLF * 2, 1)],
)
def test_double_line_ends_between_messages_are_pings(stream: bytes, pings: int) -> None:
    for cuts in ([], list(range(len(stream)))):
        frames, framer = fed(stream, cuts)
        assert frames.pings == pings
        assert framer.buffered == 0


def test_a_message_at_its_limits_passes() -> None:
    limits = FramingLimits(message=200, head=120, lines=4)
    head = message(b"x" * 80, lines=())
    filled = message(b"x" * 80, lines=(b"X: " + b"y" * (120 - (len(head) - 80) - 5),))
    assert len(filled) == 200
    assert fed(filled, [], limits)[0] == Frames([filled], 0, None)
    over = message(b"x" * 80, lines=(b"X: " + b"y" * (121 - (len(head) - 80) - 5),))
    assert isinstance(fed(over, [], limits)[0].error, FramingError)


def test_byte_by_byte_costs_no_more_than_its_length() -> None:
    """Twice the bytes cost about twice the time; quadratic framing would cost four times it."""

    def cost(size: int) -> float:
        stream = message(b"x" * 10, lines=tuple(b"X-%d: " % n + b"y" * 100 for n in range(size)))
        best = 1e9
        for _ in range(3):
            began = time.process_time()
            framer = Framer()
            found = 0
            for at in range(len(stream)):
                found += len(framer.feed(stream[at : at + 1]).messages)
            best = min(best, time.process_time() - began)
            assert found == 1
        return best

    assert cost(240) < cost(60) * 4 * 2.2
