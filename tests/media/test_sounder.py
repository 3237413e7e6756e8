"""The audio of a call of our own: what it agrees to, and the echo agent's answer to it over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from trunkline.call.inputs import Input, MediaReady
from trunkline.call.outputs import CloseMedia, OpenMedia
from trunkline.media.ports import PortPool
from trunkline.media.room import MediaRoom
from trunkline.media.sounder import Settled, Sounder
from trunkline.media.sounding import Report
from trunkline.sdp.refusal import Refusal
from trunkline.sip.flow import Flow

FLOW = Flow("udp", ("127.0.0.1", 5060), ("127.0.0.1", 5070))


@pytest.fixture
def pool() -> PortPool:
    return PortPool(35000, 35019)


@pytest.fixture
def sounder(pool: PortPool) -> Iterator[Sounder]:
    made = Sounder((), pool)
    yield made
    made.close()
    assert pool.in_use == 0


def described(media: str, connection: str = "IN IP4 127.0.0.1") -> bytes:
    return f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc={connection}\r\nt=0 0\r\n{media}".encode()


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722"])
async def test_an_echo_returns_it(pool: PortPool, codec: str) -> None:
    posted: list[Input] = []
    room = MediaRoom(posted.append, PortPool(35020, 35039))
    sounder = Sounder((codec,), pool)
    offer = sounder.offer("127.0.0.1")
    room.open(OpenMedia("leg", "echo", offer, FLOW))
    [ready] = posted
    assert isinstance(ready, MediaReady)
    settled = sounder.agree(ready.sdp)
    assert isinstance(settled, Settled)
    assert settled.codec == codec
    ticks: list[Report] = []
    report = await sounder.sound(0.2, ticks.append, asyncio.Event())
    assert (report.sent, report.returned, report.other, report.lost) == (10, 10, 0, 0)
    assert 0 < report.fastest <= report.mean <= report.slowest
    assert [tick.sent for tick in ticks] == [1, 6]
    room.close(CloseMedia("leg"))
    sounder.close()


async def test_it_ends_when_the_peer_leaves(sounder: Sounder) -> None:
    sounder.offer("127.0.0.1")
    sounder.agree(described("m=audio 9 RTP/AVP 0\r\n"))
    over = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, over.set)
    report = await asyncio.wait_for(sounder.sound(60.0, lambda _: None, over), 5)
    assert 0 < report.sent < 20


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (described("m=audio 0 RTP/AVP 0\r\n"), "rejects"),
        (described("m=audio 9 RTP/AVP 18\r\n"), "nothing of what was offered"),
        (described("m=audio 9 RTP/AVP 0\r\n", "IN IP4 media.example.com"), "no address"),
        (described("m=audio 9 RTP/AVP 0\r\n", "IN IP6 ::1"), "no address"),
        (described("m=audio 9 RTP/AVP 0\r\n", "IN IP4 0.0.0.0"), "no audio"),
        (b"", "cannot be read"),
        (b"v=0\r\nnonsense", "cannot be read"),
    ],
)
def test_an_answer_without_use_is_refused(sounder: Sounder, answer: bytes, words: str) -> None:
    sounder.offer("127.0.0.1")
    found = sounder.agree(answer)
    assert isinstance(found, Refusal)
    assert words in found.detail


async def test_an_offer_within_the_call_is_answered_in_the_codec_in_use(sounder: Sounder) -> None:
    first = sounder.offer("127.0.0.1")
    assert first is not None
    sounder.agree(described("m=audio 9 RTP/AVP 8\r\n"))
    held = sounder.answer(described("m=audio 9 RTP/AVP 0 8\r\na=sendonly\r\n"))
    assert isinstance(held, bytes)
    assert b"RTP/AVP 8\r\n" in held
    assert b"a=recvonly" in held
    # Held: nothing is sent.
    report = await sounder.sound(0.1, lambda _: None, asyncio.Event())
    assert report.sent == 0
    other = sounder.answer(described("m=audio 9 RTP/AVP 0\r\n"))
    assert isinstance(other, Refusal)
    assert other.status == 488
    assert sounder.answer(b"") != b""


def test_no_port_no_offer() -> None:
    small = PortPool(35050, 35051)
    first, second = Sounder((), small), Sounder((), small)
    assert first.offer("127.0.0.1") is not None
    assert second.offer("127.0.0.1") is None
    first.close()
    assert second.offer("127.0.0.1") is not None
    second.close()
