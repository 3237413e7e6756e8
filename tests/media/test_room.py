from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from tests.sdp.offers import description
from trunkline.call.inputs import Input, MediaEnded, MediaFailed, MediaReady
from trunkline.call.outputs import CloseMedia, OpenMedia
from trunkline.media.ports import PortPool
from trunkline.media.room import MediaRoom
from trunkline.rtp.packet import Packet, build, parse
from trunkline.sdp.description import parse as parse_sdp
from trunkline.sip.flow import Flow

LOW, HIGH = 38300, 38319
FLOW = Flow("udp", ("127.0.0.1", 5060), ("127.0.0.1", 40000))
FLOW6 = Flow("udp", ("::1", 5060), ("::1", 40000))
KEYS = "m=audio {} RTP/AVP 0 8 101\na=rtpmap:101 telephone-event/8000\na=ptime:30"


class Phone(asyncio.DatagramProtocol):
    """A peer's media socket."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.put_nowait((data, addr))

    @property
    def port(self) -> int:
        assert self.transport is not None
        return int(self.transport.get_extra_info("sockname")[1])

    def say(self, packet: Packet, port: int, host: str = "127.0.0.1") -> None:
        assert self.transport is not None
        self.transport.sendto(build(packet), (host, port))

    async def hear(self) -> Packet:
        data, _ = await asyncio.wait_for(self.heard.get(), 5)
        packet = parse(data)
        assert packet is not None
        return packet

    async def exchange(self, packet: Packet, port: int, host: str = "127.0.0.1") -> Packet:
        self.say(packet, port, host)
        return await self.hear()


@asynccontextmanager
async def phone(host: str = "127.0.0.1") -> AsyncIterator[Phone]:
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Phone, local_addr=(host, 0))
    closed = asyncio.get_running_loop().create_future()
    try:
        yield protocol
    finally:
        transport.close()
        asyncio.get_running_loop().call_soon(closed.set_result, None)
        await closed


class Engine:
    """What the core sees of a media room."""

    def __init__(self, silence: float = 30.0, ports: PortPool | None = None) -> None:
        self.posted: asyncio.Queue[Input] = asyncio.Queue()
        self.room = MediaRoom(self.posted.put_nowait, ports or PortPool(LOW, HIGH), silence=silence)

    def open(
        self, offer: bytes | None, *codecs: str, leg: str = "b", local: Flow = FLOW, answer: bytes | None = None
    ) -> Input:
        self.room.open(OpenMedia(leg, "echo", offer, local, codecs, answer))
        return self.posted.get_nowait()

    def ready(self, offer: bytes | None, *codecs: str, leg: str = "b", local: Flow = FLOW) -> tuple[bytes, int]:
        """The SDP of a room that opened, and its port."""
        found = self.open(offer, *codecs, leg=leg, local=local)
        assert isinstance(found, MediaReady), found
        return found.sdp, parse_sdp(found.sdp).media[0].port

    async def next(self) -> Input:
        return await asyncio.wait_for(self.posted.get(), 5)


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    engine = Engine()
    yield engine
    engine.room.stop()


@pytest.fixture(autouse=True)
def descriptors() -> Iterator[None]:
    """Whatever a test opens is closed when it is over."""
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before


def said(number: int, payload: bytes = b"audio", payload_type: int = 0) -> Packet:
    return Packet(payload_type, number, 160 * number, 7, payload)


async def test_audio_comes_back(engine: Engine) -> None:
    async with phone() as peer:
        ready = engine.open(description(KEYS.format(peer.port), origin="x 1 1 IN IP4 127.0.0.1"), "PCMA", "PCMU")
        assert isinstance(ready, MediaReady)
        assert (ready.leg, ready.codec) == ("b", "PCMA")
        (section,) = parse_sdp(ready.sdp).media
        assert section.formats == ["8", "101"]
        assert section.ptime == 30
        assert parse_sdp(ready.sdp).connection == "IN IP4 127.0.0.1"
        first = await peer.exchange(said(1, b"one", 8), section.port)
        second = await peer.exchange(said(2, b"two", 8), section.port)
        key = await peer.exchange(said(3, b"\x05\x0a\x00\xa0", 101), section.port)
        assert [packet.payload for packet in (first, second, key)] == [b"one", b"two", b"\x05\x0a\x00\xa0"]
        assert [packet.payload_type for packet in (first, second, key)] == [8, 8, 101]
        assert second.sequence - first.sequence & 0xFFFF == 1
        assert second.timestamp - first.timestamp & 0xFFFFFFFF == 160
        assert first.ssrc == second.ssrc != 7


async def test_audio_comes_back_over_ipv6(engine: Engine) -> None:
    async with phone("::1") as peer:
        offer = description(KEYS.format(peer.port) + "\nc=IN IP6 ::1")
        sdp, port = engine.ready(offer, local=FLOW6)
        assert parse_sdp(sdp).connection == "IN IP6 ::1"
        assert (await peer.exchange(said(1), port, "::1")).payload == b"audio"


async def test_the_first_to_speak_is_the_only_one_heard(engine: Engine) -> None:
    async with phone() as peer, phone() as stranger:
        _, port = engine.ready(description(KEYS.format(peer.port)))
        await peer.exchange(said(1), port)
        stranger.say(said(2), port)
        # One socket keeps its order: when this is back, the stranger's was read.
        await peer.exchange(said(3), port)
        assert stranger.heard.empty()


async def test_the_same_offer_again_lets_nobody_move(engine: Engine) -> None:
    async with phone() as peer, phone() as stranger:
        offer = description(KEYS.format(peer.port))
        _, port = engine.ready(offer)
        await peer.exchange(said(1), port)
        engine.ready(offer)
        stranger.say(said(2), port)
        await peer.exchange(said(3), port)
        assert stranger.heard.empty()


async def test_a_changed_offer_lets_the_peer_move(engine: Engine) -> None:
    async with phone() as peer, phone() as moved:
        sdp, port = engine.ready(description(KEYS.format(peer.port)))
        await peer.exchange(said(1), port)
        again, same = engine.ready(description(KEYS.format(moved.port)))
        assert same == port
        assert again == sdp
        assert (await moved.exchange(said(2), port)).payload == b"audio"


async def test_hold_and_resume(engine: Engine) -> None:
    async with phone() as peer:
        offer = description(KEYS.format(peer.port))
        first, port = engine.ready(offer)
        held, _ = engine.ready(offer + b"a=sendonly\r\n")
        assert parse_sdp(held).media[0].direction == "recvonly"
        resumed, _ = engine.ready(offer)
        versions = [int(parse_sdp(sdp).origin.version) for sdp in (first, held, resumed)]
        assert versions == [1, 2, 3]
        assert len({parse_sdp(sdp).origin.session for sdp in (first, held, resumed)}) == 1
        assert (await peer.exchange(said(1), port)).payload == b"audio"


async def test_our_offer_and_their_answer(engine: Engine) -> None:
    async with phone() as peer:
        sdp, port = engine.ready(None, "PCMU", "G722")
        assert parse_sdp(sdp).media[0].formats == ["0", "9", "101"]
        taken = engine.open(None, "PCMU", "G722", answer=description(f"m=audio {peer.port} RTP/AVP 9"))
        assert taken == MediaReady("b", b"", "G722")
        assert (await peer.exchange(said(1, payload_type=9), port)).payload_type == 9


async def test_a_bad_answer_fails(engine: Engine) -> None:
    engine.ready(None)
    for answer in (b"", description("m=audio 4000 RTP/AVP 18")):
        failed = engine.open(None, answer=answer)
        assert isinstance(failed, MediaFailed)
        assert failed.status == 502
    unasked = engine.open(None, leg="other", answer=description("m=audio 4000 RTP/AVP 0"))
    assert isinstance(unasked, MediaFailed)


@pytest.mark.parametrize(
    ("offer", "status", "code"),
    [
        (description("m=audio 4000 RTP/AVP 18"), 488, "305"),
        (description("m=audio 4000 RTP/SAVP 0"), 488, "302"),
        (b"rubbish", 400, "399"),
    ],
)
async def test_what_cannot_be_spoken_takes_no_port(engine: Engine, offer: bytes, status: int, code: str) -> None:
    failed = engine.open(offer)
    assert isinstance(failed, MediaFailed)
    assert (failed.leg, failed.status, failed.warning[:3]) == ("b", status, code)
    assert engine.room.ports.in_use == len(engine.room) == 0


async def test_a_refused_change_leaves_what_was(engine: Engine) -> None:
    async with phone() as peer:
        _, port = engine.ready(description(KEYS.format(peer.port)))
        assert isinstance(engine.open(description("m=audio 4000 RTP/AVP 18")), MediaFailed)
        assert (await peer.exchange(said(1), port)).payload == b"audio"


async def test_other_agents_are_not_here(engine: Engine) -> None:
    engine.room.open(OpenMedia("b", "webrtc", None, FLOW))
    assert isinstance(await engine.next(), MediaFailed)


async def test_a_full_range_is_503_until_a_call_ends() -> None:
    engine = Engine(ports=PortPool(LOW, LOW + 3))
    offer = description("m=audio 4000 RTP/AVP 0")
    assert {engine.ready(offer, leg=leg)[1] for leg in ("1", "2")} == {LOW, LOW + 2}
    failed = engine.open(offer, leg="3")
    assert isinstance(failed, MediaFailed)
    assert (failed.leg, failed.status) == ("3", 503)
    engine.room.close(CloseMedia("1"))
    engine.room.close(CloseMedia("1"))
    assert engine.ready(offer, leg="3")[1] == LOW
    engine.room.stop()
    assert engine.room.ports.in_use == len(engine.room) == 0


async def test_a_peer_that_never_speaks_is_hung_up() -> None:
    engine = Engine(silence=0.02)
    engine.ready(description("m=audio 4000 RTP/AVP 0"))
    assert await engine.next() == MediaEnded("b", "silent")
    engine.room.stop()


async def test_a_peer_that_falls_silent_is_hung_up_once() -> None:
    engine = Engine(silence=0.05)
    async with phone() as peer:
        _, port = engine.ready(description(KEYS.format(peer.port)))
        await peer.exchange(said(1), port)
        assert await engine.next() == MediaEnded("b", "silent")
        assert engine.posted.empty()
    engine.room.stop()


async def test_strangers_do_not_break_the_silence() -> None:
    engine = Engine(silence=0.03)
    async with phone() as peer, phone() as stranger, asyncio.timeout(3):
        _, port = engine.ready(description(KEYS.format(peer.port)))
        await peer.exchange(said(1), port)
        while engine.posted.empty():
            stranger.say(said(2), port)
            await asyncio.sleep(0)
    assert engine.posted.get_nowait() == MediaEnded("b", "silent")
    engine.room.stop()


async def test_a_peer_on_hold_may_be_silent() -> None:
    engine = Engine(silence=0.02)
    offer = description("m=audio 4000 RTP/AVP 0")
    engine.ready(offer, leg="held")
    engine.ready(offer + b"a=inactive\r\n", leg="held")
    # The clock of the second leg, set later, runs out; the first one's would have before it.
    engine.ready(offer, leg="silent")
    assert await engine.next() == MediaEnded("silent", "silent")
    assert engine.posted.empty()
    engine.room.stop()


async def test_a_closed_leg_says_nothing_more() -> None:
    engine = Engine(silence=0.02)
    offer = description("m=audio 4000 RTP/AVP 0")
    engine.ready(offer, leg="closed")
    engine.room.close(CloseMedia("closed"))
    engine.ready(offer, leg="open")
    assert await engine.next() == MediaEnded("open", "silent")
    assert engine.posted.empty()
    engine.room.stop()


async def test_the_advertised_address_is_the_settings() -> None:
    posted: asyncio.Queue[Input] = asyncio.Queue()
    room = MediaRoom(
        posted.put_nowait, PortPool(LOW, HIGH), host="127.0.0.2", advertise=lambda flow: f"203.0.113.{len(flow.local)}"
    )
    room.open(OpenMedia("b", "echo", description("m=audio 4000 RTP/AVP 0"), FLOW))
    ready = posted.get_nowait()
    assert isinstance(ready, MediaReady)
    assert parse_sdp(ready.sdp).connection == "IN IP4 203.0.113.2"
    assert parse_sdp(ready.sdp).origin.address == "203.0.113.2"
    async with phone("127.0.0.1") as peer:
        port = parse_sdp(ready.sdp).media[0].port
        assert (await peer.exchange(said(1), port, "127.0.0.2")).payload == b"audio"
    room.stop()


async def test_who_keeps_a_telephone_waiting_may_offer_srtp(engine: Engine) -> None:
    """With another key each time."""
    keys = set()
    for leg in ("w", "x"):
        engine.room.open(OpenMedia(leg, "secure-silence", None, FLOW))
        offered = engine.posted.get_nowait()
        assert isinstance(offered, MediaReady)
        (section,) = parse_sdp(offered.sdp).media
        assert section.secure
        suite, _, key = (section.attribute("crypto") or "").partition(" inline:")
        assert (suite, len(base64.b64decode(key))) == ("1 AES_CM_128_HMAC_SHA1_80", 30)
        keys.add(key)
        answer = KEYS.format(4000).replace("RTP/AVP", "RTP/SAVP") + f"\na=crypto:{suite} inline:{key}"
        engine.room.open(OpenMedia(leg, "secure-silence", None, FLOW, (), description(answer)))
        assert isinstance(engine.posted.get_nowait(), MediaReady)
    assert len(keys) == 2


async def test_who_keeps_a_telephone_waiting_hears_it_and_says_nothing(engine: Engine) -> None:
    async with phone() as peer:
        engine.room.open(OpenMedia("w", "silence", None, FLOW))
        offered = engine.posted.get_nowait()
        assert isinstance(offered, MediaReady)
        waiting = parse_sdp(offered.sdp).media[0].port
        answer = description(KEYS.format(peer.port))
        engine.room.open(OpenMedia("w", "silence", None, FLOW, (), answer))
        assert isinstance(engine.posted.get_nowait(), MediaReady)
        _, echo = engine.ready(description(KEYS.format(peer.port)))
        for number in range(1, 4):
            peer.say(said(number), waiting)
        assert (await peer.exchange(said(9, b"back"), echo)).payload == b"back"
        for _ in range(3):
            await asyncio.sleep(0)
        assert peer.heard.empty()
        assert engine.room._sessions["w"].echo.heard == 3
