"""Set-up times from packet timestamps on the loopback: SIPp's own clock steps by milliseconds.

dumpcap (Debian: wireshark-common, with tshark) takes the packets with the kernel's timestamps; the file is read here.
On the loopback a datagram is stamped as it is handed to the receiver, so that INVITE → 200 at the edge's socket is what
the edge and the agent took together; the same call without an edge is subtracted by whoever compares.
"""

from __future__ import annotations

import re
import shutil
import signal
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from loadtest.process import Failed, end, wait_until

_CALL_ID = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]+)", re.IGNORECASE)
_INVITED = re.compile(rb"\r\ncseq[ \t]*:[ \t]*\d+[ \t]+invite", re.IGNORECASE)
_IP, _UDP = 20, 8
_LINKS = {1: 14, 276: 20, 113: 16}
"""Bytes before the IP header by pcap link type: Ethernet, and Linux's two cooked kinds."""


class Quantiles(NamedTuple):
    """Seconds."""

    p50: float
    p99: float
    samples: int


@contextmanager
def capture(path: Path, hosts: tuple[str, ...]) -> Iterator[None]:
    """Takes UDP datagrams among `hosts` on the loopback into `path` while the block runs."""
    program = shutil.which("dumpcap")
    if program is None:
        raise Failed("dumpcap is not installed (Debian: tshark)")
    among = " or ".join(f"host {host}" for host in hosts)
    errors = path.with_suffix(".err")
    with errors.open("wb") as error:
        child = subprocess.Popen(
            [program, "-q", "-P", "-i", "lo", "-B", "64", "-s", "1600", "-w", str(path), "-f", f"udp and ({among})"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=error,
        )
    try:
        wait_until(lambda: path.exists() and path.stat().st_size >= 24, 10, "dumpcap (may it capture on lo?)", child)
        yield
    finally:
        end(child, 5, signal.SIGINT)
    lost = re.search(rb"dropped on interface '[^']*': \d+/(\d+)", errors.read_bytes())
    if lost is not None and int(lost[1]):
        raise Failed(f"dumpcap lost {int(lost[1])} packets")


def answers(path: Path, caller: str, callee: str, status: int = 200) -> list[float]:
    """Seconds from the first INVITE of each call to its first answer with `status`, in the order of the INVITEs."""
    begun: dict[bytes, float] = {}
    taken: dict[bytes, float] = {}
    asker, asked = _packed(caller), _packed(callee)
    answer = b"SIP/2.0 %d " % status
    for stamp, source, target, payload in _datagrams(path):
        if source == asker and target == asked and payload.startswith(b"INVITE "):
            call_id = _CALL_ID.search(payload)
            if call_id is not None:
                begun.setdefault(call_id[1], stamp)
        elif source == asked and target == asker and payload.startswith(answer) and _INVITED.search(payload):
            call_id = _CALL_ID.search(payload)
            if call_id is not None and call_id[1] in begun:
                taken.setdefault(call_id[1], stamp - begun[call_id[1]])
    return [taken[call_id] for call_id in begun if call_id in taken]


def quantiles(seconds: list[float]) -> Quantiles:
    if not seconds:
        raise Failed("no call was seen in the capture")
    ascending = sorted(seconds)
    last = len(ascending) - 1
    return Quantiles(ascending[round(last * 0.50)], ascending[round(last * 0.99)], len(ascending))


def _datagrams(path: Path) -> Iterator[tuple[float, bytes, bytes, bytes]]:
    """Time, source, destination and payload of each IPv4 UDP datagram of a pcap file."""
    data = path.read_bytes()
    order = "<" if data[:4] in {b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"} else ">"
    fraction = 1e-9 if data[:4] in {b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d"} else 1e-6
    (link,) = struct.unpack_from(order + "I", data, 20)
    skipped = _LINKS[link & 0xFFFF]
    packet = struct.Struct(order + "IIII")
    at = 24
    while at + packet.size <= len(data):
        seconds, part, kept, _ = packet.unpack_from(data, at)
        start = at + packet.size + skipped
        at += packet.size + kept
        header = (data[start] & 0x0F) * 4 if start < len(data) else _IP
        yield (
            seconds + part * fraction,
            data[start + 12 : start + 16],
            data[start + 16 : start + 20],
            data[start + header + _UDP : at],
        )


def _packed(host: str) -> bytes:
    return bytes(int(part) for part in host.split("."))
