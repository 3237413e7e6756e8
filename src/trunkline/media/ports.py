"""The bounded range of UDP ports that media uses: RTP on an even one, RTCP on the next (RFC 3550 §11).

The RTCP port is bound and never read: no other process gets it in our place, and a peer's reports meet no ICMP error.
The kernel drops what fills its small buffer. A port that is given back waits behind all others, so that late packets
of one call do not reach the next.
"""

from __future__ import annotations

import socket
from collections import deque
from typing import NamedTuple

MAX_TRIES = 64
"""Ports of the range that are tried for one pair before giving up: others on this machine may hold some."""

_EXPEDITED = 0xB8
"""DSCP EF (RFC 3246, RFC 8837) for voice."""


class PortPair(NamedTuple):
    """Two bound, non-blocking sockets."""

    rtp: socket.socket
    rtcp: socket.socket
    port: int
    """The even one."""


class PortPool:
    """Pairs of ports out of one range, on any local address."""

    __slots__ = ("_free", "_size")

    def __init__(self, low: int, high: int) -> None:
        """`low` and `high`: first and last port that may be used. Raises ValueError when no pair fits between them."""
        if not 1 <= low <= high <= 65535:
            raise ValueError(f"{low}-{high} is no range of ports")
        self._free = deque(range(low + low % 2, high, 2))
        self._size = len(self._free)
        if not self._size:
            raise ValueError(f"{low}-{high} holds no even port with its successor")

    @property
    def size(self) -> int:
        """Pairs in the range."""
        return self._size

    @property
    def in_use(self) -> int:
        return self._size - len(self._free)

    def bind(self, host: str) -> PortPair | None:
        """A pair on this local literal address; None when none is free."""
        free = self._free
        for _ in range(min(len(free), MAX_TRIES)):
            port = free.popleft()
            pair = _bind(host, port)
            if pair is not None:
                return pair
            free.append(port)
        return None

    def release(self, pair: PortPair) -> None:
        """Close both sockets and take the ports back. Once for each pair."""
        pair.rtp.close()
        pair.rtcp.close()
        self._free.append(pair.port)


def _bind(host: str, port: int) -> PortPair | None:
    bound: list[socket.socket] = []
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        for number in (port, port + 1):
            end = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            bound.append(end)
            end.bind((host, number))
        rtp, rtcp = bound
        rtcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # The kernel raises it to its minimum.
        if family == socket.AF_INET6:
            rtp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _EXPEDITED)
        else:
            rtp.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _EXPEDITED)
    except OSError:
        # In use by another, or no descriptor is left: either way, no pair here.
        for end in bound:
            end.close()
        return None
    return PortPair(rtp, rtcp, port)
