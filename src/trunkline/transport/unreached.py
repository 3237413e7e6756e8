"""What the network says of datagrams that did not arrive (ICMP): RFC 3261 §18.4 makes it a failure of the transport.

Linux keeps such errors in a queue of the socket, each with the beginning of the datagram it is about. Anybody can forge
one, so it counts only where it quotes the branch of a request of ours, which nobody else on the way knows. Where the
quote ends before that, or the system has no such queue, the transaction's timers tell, as ever.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import struct
import sys
from typing import Final, NamedTuple

from trunkline.sip.flow import Address

_IP_RECVERR, _IPV6_RECVERR = 11, 25
"""linux/in.h, linux/in6.h; Python does not name them. So is the kind of the message that carries an error."""
_SWITCH: Final = {
    socket.AF_INET: (socket.IPPROTO_IP, _IP_RECVERR),
    socket.AF_INET6: (socket.IPPROTO_IPV6, _IPV6_RECVERR),
}
_ERROR = struct.Struct("=IBBBBII")
"""struct sock_extended_err: errno, origin, type, code, padding, info, data."""
_FROM_NETWORK: Final = frozenset({2, 3})
"""SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6."""
_FATAL: Final = frozenset(
    {
        errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPROTO,
        getattr(errno, "ENOPROTOOPT", 0), getattr(errno, "EHOSTDOWN", 0), getattr(errno, "ENONET", 0),
    }
)  # fmt: skip
"""Unreachable hosts, networks, ports and protocols, and parameter problems. Not: a path that takes less at once, a time
that was exceeded."""
_QUOTED: Final = 1280
"""Bytes of a quote at most: what an ICMPv6 message may be long."""
_MOST: Final = 16
"""Errors taken in one go."""
_REQUEST = re.compile(rb"([A-Z]+) [^\r\n]*\r\nVia:[^\r\n]*;branch=([^;,\s]+)[;,\s]")


class Unreached(NamedTuple):
    """A request of ours that did not arrive."""

    remote: Address
    transaction: str
    """The key of its client transaction."""
    reason: str


def ask_for_errors(bound: socket.socket) -> bool:
    """Have the kernel keep the errors of this socket. From then on they make it ready too, and come out of the next
    call on it, whatever that one is about: see `UdpSocket`."""
    if sys.platform != "linux":
        return False
    try:
        bound.setsockopt(*_SWITCH[bound.family], 1)
    except (KeyError, OSError):
        return False
    return True


def take_errors(bound: socket.socket) -> tuple[int, list[Unreached]]:
    """How many errors were taken from the queue, and what those of them say that can be believed."""
    found: list[Unreached] = []
    for taken in range(_MOST):
        try:
            data, extra, _, remote = bound.recvmsg(_QUOTED, 512, socket.MSG_ERRQUEUE)
        except OSError:
            return taken, found
        told = _read(data, extra, (str(remote[0]), int(remote[1]))) if remote else None
        if told is not None:
            found.append(told)
    return _MOST, found


def _read(data: bytes, extra: list[tuple[int, int, bytes]], remote: Address) -> Unreached | None:
    for level, kind, value in extra:
        if (level, kind) in _SWITCH.values() and len(value) >= _ERROR.size:
            number, origin, *_ = _ERROR.unpack_from(value)
            quoted = _REQUEST.match(data) if origin in _FROM_NETWORK and number in _FATAL else None
            if quoted is not None:
                key = f"{quoted[2].decode('ascii', 'replace')} {quoted[1].decode('ascii')}"
                return Unreached(remote, key, os.strerror(number).lower())
    return None
