"""A carrier and an agent in one, by UDP: whether an INVITE for a number comes through an edge to its agent."""

from __future__ import annotations

import re
import select
import socket
from itertools import count
from typing import Self

from loadtest.edges import AGENT, CARRIER, EDGE
from loadtest.process import Failed

_PATIENCE = 5.0
"""Seconds."""
_SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.22\r\ns=-\r\nc=IN IP4 127.0.0.22\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0\r\n"


class Switch:
    def __enter__(self) -> Self:
        self._carrier, self._agent = (_bound(address) for address in (CARRIER, AGENT))
        self._serial = count(1)
        return self

    def __exit__(self, *_: object) -> None:
        self._carrier.close()
        self._agent.close()

    def reaches(self, number: str) -> bool:
        """The agent is busy then; when the INVITE is refused before, it never hears of it. Returns at the decision."""
        call = f"switch-{next(self._serial)}"
        self._carrier.sendto(self._invite(call, number), EDGE)
        reached: bool | None = None
        while True:
            ready, _, _ = select.select((self._carrier, self._agent), (), (), _PATIENCE)
            if not ready:
                raise Failed(f"nothing came of the INVITE for {number}")
            for heard in ready:
                text = heard.recv(65536).decode()
                if heard is self._agent:
                    if text.startswith("INVITE "):
                        reached = True
                        self._agent.sendto(_busy(text), EDGE)
                elif f"Call-ID: {call}\r\n" in text and not text.startswith("SIP/2.0 1"):
                    self._carrier.sendto(self._ack(call, number, text), EDGE)
                    return bool(reached)

    def _invite(self, call: str, number: str) -> bytes:
        lines = [
            *self._head("INVITE", call, number),
            f"To: <sip:{number}@{EDGE[0]}>",
            f"Contact: <sip:carrier@{CARRIER[0]}:{CARRIER[1]}>",
            "Content-Type: application/sdp",
            f"Content-Length: {len(_SDP)}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n" + _SDP).encode()

    def _ack(self, call: str, number: str, answer: str) -> bytes:
        to = re.search(r"(?im)^To:.*$", answer)
        assert to is not None
        return (
            "\r\n".join([*self._head("ACK", call, number), to[0].strip(), "Content-Length: 0"]) + "\r\n\r\n"
        ).encode()

    def _head(self, method: str, call: str, number: str) -> list[str]:
        return [
            f"{method} sip:{number}@{EDGE[0]} SIP/2.0",
            f"Via: SIP/2.0/UDP {CARRIER[0]}:{CARRIER[1]};branch=z9hG4bK-{call}",
            "Max-Forwards: 70",
            f"From: <sip:+14155550123@{CARRIER[0]}>;tag={call}",
            f"Call-ID: {call}",
            f"CSeq: 1 {method}",
        ]


def _busy(invite: str) -> bytes:
    copied = [line for line in invite.split("\r\n") if re.match(r"(?i)(via|from|call-id|cseq):", line)]
    to = next(line for line in invite.split("\r\n") if re.match(r"(?i)to:", line))
    return ("\r\n".join(["SIP/2.0 486 Busy Here", *copied, f"{to};tag=a", "Content-Length: 0"]) + "\r\n\r\n").encode()


def _bound(address: tuple[str, int]) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(address)
    return made
