"""The addresses of this host, and the one the kernel would send from."""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
import time

_SIOCGIFCONF = 0x8912
_LINK_LOCAL = ipaddress.ip_network("fe80::/10")


def addresses(family: socket.AddressFamily) -> tuple[str, ...]:
    """Every address of every interface, loopback included, IPv6 link-local left out: those need a zone, which SIP
    cannot write."""
    found = _ipv4() if family == socket.AF_INET else _ipv6()
    return tuple(dict.fromkeys(found))


def _ipv4() -> list[str]:
    if sys.platform != "linux":
        return _by_name(socket.AF_INET, "127.0.0.1")
    import array
    import fcntl

    size = 64 * 1024
    buffer = array.array("B", bytes(size))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("iL", size, buffer.buffer_info()[0])
        (used,) = struct.unpack_from("i", fcntl.ioctl(probe, _SIOCGIFCONF, request))
    # struct ifreq: 16 bytes of name, then a sockaddr_in whose address is at its offset 4.
    entry = 40 if struct.calcsize("P") == 8 else 32
    return [socket.inet_ntoa(bytes(buffer[at + 20 : at + 24])) for at in range(0, used, entry)]


def _ipv6() -> list[str]:
    if sys.platform != "linux":
        return _by_name(socket.AF_INET6, "::1")
    try:
        with open("/proc/net/if_inet6", encoding="ascii") as table:
            words = [line.split()[0] for line in table]
    except OSError:
        return []
    found = [ipaddress.IPv6Address(bytes.fromhex(word)) for word in words]
    return [str(address) for address in found if address not in _LINK_LOCAL]


def _by_name(family: socket.AddressFamily, loopback: str) -> list[str]:
    try:
        known = socket.getaddrinfo(socket.gethostname(), None, family, socket.SOCK_DGRAM)
    except OSError:
        known = []
    return [loopback, *(str(entry[4][0]) for entry in known)]


class SourceAddresses:
    """Which local address the kernel would use for a destination: UDP connect and getsockname, no packet (5 µs). Kept
    for a few seconds, since routes change seldom and calls come often."""

    __slots__ = ("_kept", "_known")

    _MOST = 4096

    def __init__(self, kept: float = 5.0) -> None:
        self._kept = kept
        self._known: dict[str, tuple[float, str | None]] = {}

    def towards(self, host: str) -> str | None:
        """The local address for the literal address `host`; None where there is no route."""
        now = time.monotonic()
        entry = self._known.get(host)
        if entry is not None and entry[0] > now:
            return entry[1]
        if len(self._known) >= self._MOST:
            self._known.clear()
        local = self._ask(host)
        self._known[host] = (now + self._kept, local)
        return local

    @staticmethod
    def _ask(host: str) -> str | None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((host, 5060))
                return str(probe.getsockname()[0])
        except OSError:
            return None
