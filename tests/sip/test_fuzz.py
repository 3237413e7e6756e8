"""Messages broken in every way: the parser gives a Request, a Response or a Malformed, and never raises."""

from __future__ import annotations

from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.torture.mutation import SIGNS, WORDS, mutated
from trunkline.sip.address import parse_address, tag_of
from trunkline.sip.challenge import credentials_for
from trunkline.sip.compose import Answering
from trunkline.sip.digest import choose
from trunkline.sip.flow import Flow
from trunkline.sip.framing import Framer
from trunkline.sip.grammar import GrammarError, split_commas
from trunkline.sip.inspect import inspect
from trunkline.sip.message import Malformed, Request, Response, parse

FLOW = Flow("udp", ("192.0.2.10", 5060), ("192.0.2.20", 5062))
PLAIN = (
    b"INVITE sip:+12025550100@192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.20:5062;branch=z9hG4bKa;rport\r\n"
    b'Max-Forwards: 70\r\nFrom: "A, B" <sip:a@192.0.2.20>;tag=1\r\nTo: <sip:+12025550100@192.0.2.10>\r\n'
    b"Call-ID: c@192.0.2.20\r\nCSeq: 1 INVITE\r\nContact: <sip:a@192.0.2.20:5062>\r\nRoute: <sip:p;lr>, <sip:q;lr>\r\n"
    b'Authorization: Digest username="a", realm="r", nonce="n", uri="sip:b", response="00"\r\n'
    b"Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
)
ARCHIVE = Path(__file__).resolve().parents[3] / "shared" / "torture"
SEEDS = [PLAIN, *[path.read_bytes() for path in sorted(ARCHIVE.glob("*.dat"))]]
MUTATED = st.sampled_from(SEEDS).flatmap(lambda seed: mutated(seed, [*SIGNS, *WORDS], 8))


def read_all(message: Request | Response) -> None:
    """Everything that may be asked of a parsed message."""
    assert message.call_id
    assert 0 <= message.cseq < 2**32
    for name, value in message.lines():
        # What is passed on cannot bring a header of its own.
        assert not {"\r", "\n"} & {*name, *value}
        tag_of(value)
        for element in split_commas(value):
            try:
                address = parse_address(element)
                assert parse_address(str(address)) == address
            except GrammarError:
                pass
        assert name == name.strip(" \t") or not name
    choose(message.headers("WWW-Authenticate"))
    credentials_for(message.headers("Authorization"), "r")
    repr(message)


@settings(max_examples=400)
@example(b"")
@example(b"\r\n\r\n")
@example(PLAIN)
@given(MUTATED | st.binary(max_size=200))
def test_whatever_comes_is_judged(data: bytes) -> None:
    message = parse(data)
    assert isinstance(message, Request | Response | Malformed)
    if isinstance(message, Malformed):
        repr(message)
        if message.request is not None:
            assert 400 <= message.status < 600
            answer_of(message.request, message.status)
        return
    # The empty line may be ours.
    assert message.raw in data + b"\r\n"
    assert message.raw.endswith(message.body)
    read_all(message)
    if isinstance(message, Request):
        fault = inspect(message)
        assert fault is None or fault.status == 400
        answer_of(message, 200 if fault is None else 400)


def answer_of(request: Request, status: int) -> None:
    """Our own answer to it is a message, and repeats what it must, as far as it was there to repeat."""
    data = Answering(request, FLOW).response(status, "ours")
    assert data.startswith(b"SIP/2.0 %d " % status)
    answer = parse(data)
    if isinstance(parse(request.raw), Request):
        assert isinstance(answer, Response), answer
        assert answer.call_id == request.call_id
        assert answer.cseq == request.cseq
        assert answer.via.branch == request.via.branch


@settings(max_examples=200)
@given(MUTATED, st.lists(st.integers(1, 200), max_size=20))
def test_whatever_a_stream_brings_is_judged(data: bytes, sizes: list[int]) -> None:
    framer = Framer()
    for size in [*sizes, len(data)]:
        frames = framer.feed(data[:size])
        data = data[size:]
        for message in frames.messages:
            parse(message)
        if frames.error is not None:
            parse(frames.error.head)
            assert framer.broken
            break
