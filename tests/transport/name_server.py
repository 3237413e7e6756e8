"""A name server on loopback (RFC 1035, UDP), as small as the tests need it."""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from collections import Counter
from typing import cast

TYPES = {"A": 1, "CNAME": 5, "AAAA": 28, "SRV": 33, "NAPTR": 35}
KINDS = {number: kind for kind, number in TYPES.items()}


def encoded(name: str) -> bytes:
    labels = [label for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def string(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


class NameServer(asyncio.DatagramProtocol):
    """Answers from `zone`, says nothing to names in `silent`, SERVFAIL to those in `failing`."""

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], list[tuple[int, bytes]]] = {}
        self.silent: set[str] = set()
        self.failing: set[str] = set()
        self.asked: Counter[tuple[str, str]] = Counter()
        self.address = ""
        self._transport: asyncio.DatagramTransport | None = None

    def a(self, name: str, *hosts: str, ttl: int = 60) -> None:
        for host in hosts:
            address = ipaddress.ip_address(host)
            kind = "A" if address.version == 4 else "AAAA"
            self.zone.setdefault((name, kind), []).append((ttl, address.packed))

    def srv(self, name: str, priority: int, weight: int, port: int, target: str, ttl: int = 60) -> None:
        data = struct.pack("!HHH", priority, weight, port) + encoded(target)
        self.zone.setdefault((name, "SRV"), []).append((ttl, data))

    def naptr(self, name: str, order: int, preference: int, service: str, replacement: str, flags: str = "s") -> None:
        data = struct.pack("!HH", order, preference) + string(flags) + string(service) + string("")
        self.zone.setdefault((name, "NAPTR"), []).append((60, data + encoded(replacement)))

    def alias(self, name: str, target: str) -> None:
        self.zone[name, "CNAME"] = [(60, encoded(target))]

    async def start(self) -> None:
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))

    def stop(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        host, port = transport.get_extra_info("sockname")
        self.address = f"{host}:{port}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        at, labels = 12, []
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += 1 + data[at]
        name = ".".join(labels).lower()
        kind = KINDS.get(struct.unpack_from("!H", data, at + 1)[0], "other")
        question = data[12 : at + 5]
        self.asked[name, kind] += 1
        if name in self.silent or self._transport is None:
            return
        answers = b""
        count = 0
        owner = name
        while (owner, "CNAME") in self.zone:
            ((ttl, target),) = self.zone[owner, "CNAME"]
            answers += encoded(owner) + struct.pack("!HHIH", TYPES["CNAME"], 1, ttl, len(target)) + target
            count += 1
            owner = next(known for known, _ in self.zone if encoded(known) == target)
        for ttl, value in self.zone.get((owner, kind), ()):
            answers += encoded(owner) + struct.pack("!HHIH", TYPES[kind], 1, ttl, len(value)) + value
            count += 1
        known = any(each == owner for each, _ in self.zone)
        code = 2 if name in self.failing else 0 if known else 3
        header = data[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, 0 if code else count, 0, 0)
        self._transport.sendto(header + question + (b"" if code else answers), addr)
