"""The audio of a call of our own: its ports, its session descriptions, and a sounding through them.

The descriptions are RFC 3264's with us as the offerer; the peer may offer anew within the call, and is answered with
the codec that is in use, because a sounding cannot change its codec and still be held against what came back.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from trunkline.media.ports import PortPair, PortPool
from trunkline.media.sounding import Report, Sounding
from trunkline.sdp.description import Description, parse
from trunkline.sdp.errors import SdpError
from trunkline.sdp.offer_answer import Agreed, choose, our_offer, take_answer
from trunkline.sdp.origin import OurOrigin
from trunkline.sdp.refusal import Refusal, refuse_answer, refuse_malformed
from trunkline.sip.flow import Address, host_port

INTERVAL = 0.02
"""Seconds between packets."""
_PATIENCE = 1.0
"""Seconds that the last packets may take to come back."""
_MAX_DATAGRAM = 2048
_BATCH = 64


class Settled(NamedTuple):
    """What both ends agreed on, in words for people."""

    codec: str
    here: str
    there: str


class Sounder:
    """One call's audio. Call it from the event loop only; `close` it."""

    __slots__ = ("_agreed", "_codecs", "_host", "_offer", "_origin", "_pair", "_pool", "_remote", "sounding")

    def __init__(self, codecs: Sequence[str], pool: PortPool) -> None:
        """`codecs`: what is offered, in order; all that we speak when empty."""
        self._codecs = tuple(codecs)
        self._pool = pool
        self._pair: PortPair | None = None
        self._host = ""
        self._origin = OurOrigin(0, "")
        self._offer: Description | None = None
        self._agreed: Agreed | None = None
        self._remote: Address | None = None
        self.sounding: Sounding | None = None
        """Ours, once the codec is agreed."""

    def offer(self, host: str) -> bytes | None:
        """Our offer, with media at this literal address of this machine; None when no port is free."""
        pair = self._pair = self._pool.bind(host)
        if pair is None:
            return None
        self._host = host
        self._origin = OurOrigin(secrets.randbits(62), host)
        self._offer = our_offer(self._codecs, host, pair.port)
        return self._origin.stamp(self._offer)

    def agree(self, answer: bytes) -> Settled | Refusal:
        """Take the answer to our offer."""
        assert self._offer is not None
        assert self._pair is not None
        try:
            description = parse(answer)
            agreed = take_answer(description, self._offer)
            if isinstance(agreed, Refusal):
                return agreed
            self._aim(description, 0, agreed)
        except SdpError as error:
            return refuse_answer(f"The answer cannot be read: {error}")
        codec = agreed.codec
        if codec is None or codec.static is None or self._remote is None:
            return refuse_answer("The answer leaves no audio to send")
        chance = secrets.token_bytes(10)
        self.sounding = Sounding(
            codec.name, codec.static, int.from_bytes(chance[:4], "big"), int.from_bytes(chance[4:6], "big"),
            int.from_bytes(chance[6:], "big"),
        )  # fmt: skip
        return Settled(codec.name, host_port((self._host, self._pair.port)), host_port(self._remote))

    def answer(self, offer: bytes) -> bytes | Refusal:
        """Our answer to an offer within the call; ours as it stands when there is none to answer."""
        assert self._offer is not None
        assert self._pair is not None
        if not offer:
            return self._origin.stamp(self._offer)
        codec = self._agreed.codec if self._agreed is not None else None
        try:
            description = parse(offer)
            choice = choose(description, (codec.name,) if codec is not None else self._codecs, self._host)
            if isinstance(choice, Refusal):
                return choice
            if choice.section >= 0:
                self._aim(description, choice.section, choice.agreed)
            else:
                self._agreed = self._remote = None
        except SdpError as error:
            return refuse_malformed(error)
        return self._origin.stamp(choice.describe(self._host, self._pair.port))

    async def sound(self, seconds: float, tick: Callable[[Report], None], over: asyncio.Event) -> Report:
        """Send for so long, listen until all is back or its time is over; `tick` is told now and then. It ends early
        when `over` is set: the peer has left."""
        assert self.sounding is not None
        assert self._pair is not None
        loop = asyncio.get_running_loop()
        loop.add_reader(self._pair.rtp.fileno(), self._readable)
        try:
            began = loop.time()
            for number in range(max(1, round(seconds / INTERVAL))):
                wait = began + number * INTERVAL - loop.time()
                if wait > 0:
                    await asyncio.sleep(wait)
                if over.is_set():
                    return self.sounding.report
                self._send(loop.time())
                if number % 5 == 0:
                    tick(self.sounding.report)
            for _ in range(round(_PATIENCE / INTERVAL)):
                if not self.sounding.report.lost or over.is_set():
                    break
                await asyncio.sleep(INTERVAL)
            return self.sounding.report
        finally:
            loop.remove_reader(self._pair.rtp.fileno())

    def close(self) -> None:
        """Give the ports back."""
        if self._pair is not None:
            self._pool.release(self._pair)
            self._pair = None

    def _aim(self, description: Description, section: int, agreed: Agreed) -> None:
        """Send where the peer's description says, or nowhere when it says so. Raises SdpError."""
        media = description.media[section]
        host = description.connection_of(media).address
        try:
            same = ip_address(host).version == ip_address(self._host).version
        except ValueError:
            same = False
        if not same:
            raise SdpError(f"media is expected at {host[:60]!r}, which is no address that {self._host} can send to")
        self._agreed = agreed
        self._remote = (host, media.port) if host not in ("0.0.0.0", "::") else None

    def _send(self, now: float) -> None:
        assert self.sounding is not None
        assert self._pair is not None
        if self._remote is None or self._agreed is None or self._agreed.direction not in ("sendrecv", "sendonly"):
            return
        try:
            self._pair.rtp.sendto(self.sounding.send(now), self._remote)
        except OSError:
            pass  # It counts as lost, which it is.

    def _readable(self) -> None:
        assert self.sounding is not None
        assert self._pair is not None
        now = asyncio.get_running_loop().time()
        for _ in range(_BATCH):
            try:
                data = self._pair.rtp.recv(_MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                continue  # An ICMP error of an earlier packet; it is gone with this.
            self.sounding.hear(data, now)
