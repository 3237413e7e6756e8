"""One echo call's socket and its silence clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from trunkline.call.inputs import Input, MediaEnded
from trunkline.media.echo import Echo
from trunkline.media.ports import PortPair
from trunkline.sdp.description import Description
from trunkline.sdp.offer_answer import Agreed
from trunkline.sdp.origin import OurOrigin

_BATCH = 16
"""Datagrams read before other calls have their turn."""
_MAX_DATAGRAM = 2048
"""Bytes; a longer one is no voice packet of any codec we know."""


class EchoSession:
    """The media of one leg. Sends only in answer to what it hears."""

    __slots__ = (
        "_heard_at", "_leg", "_loop", "_noted", "_patient", "_post", "_silence", "_timer", "address", "echo", "lost",
        "offered", "origin", "peer", "ports",
    )  # fmt: skip

    def __init__(
        self, leg: str, ports: PortPair, address: str, echo: Echo, origin: OurOrigin, silence: float,
        post: Callable[[Input], None],
    ) -> None:  # fmt: skip
        self._leg = leg
        self.ports = ports
        self.address = address
        """What the SDP advertises."""
        self.echo = echo
        self.origin = origin
        self.offered: Description | None = None
        """Our offer that waits for its answer."""
        self.peer = b""
        """The peer's last SDP."""
        self.lost = 0
        """Packets the kernel would not take."""
        self._post = post
        self._silence = silence
        self._patient = True
        self._heard_at = 0.0
        self._noted = 0
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(ports.rtp.fileno(), self._readable)

    def agree(self, agreed: Agreed, peer: bytes) -> None:
        """Speak as agreed from now on. Another SDP than the last may mean another source."""
        self.echo.agree(agreed, relearn=peer != self.peer)
        self.peer = peer
        self.offered = None
        # A peer on hold owes us nothing: it often sends no music either.
        self._patient = agreed.direction != "sendrecv"
        self._heard_at = self._loop.time()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._patient:
            self._timer = self._loop.call_later(self._silence, self._check)

    def close(self) -> None:
        """Stop reading and timing. The ports are the pool's to release."""
        self._loop.remove_reader(self.ports.rtp.fileno())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _readable(self) -> None:
        socket, hear = self.ports.rtp, self.echo.hear
        for _ in range(_BATCH):
            try:
                data, source = socket.recvfrom(_MAX_DATAGRAM)
            except BlockingIOError:
                break
            except OSError:
                continue  # An ICMP error of an earlier packet; it is gone with this.
            back = hear(data, source)
            if back is not None:
                try:
                    socket.sendto(back, source)
                except OSError:
                    self.lost += 1
        if self.echo.heard != self._noted:
            self._noted = self.echo.heard
            self._heard_at = self._loop.time()

    def _check(self) -> None:
        self._timer = None
        left = self._heard_at + self._silence - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._check)
        else:
            self._post(MediaEnded(self._leg, "silent"))
