"""A peer that does as a test says: a UDP socket for SIP and one for audio, in a thread, so that a whole command can run
against it."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from trunkline.sip.compose import Answering
from trunkline.sip.flow import Address, Flow
from trunkline.sip.message import Request, Response, parse

Say = Callable[..., bytes]
Behaviour = Callable[["Peer", Request, Say], list[bytes]]
"""What is sent back to a request; `say(status, headers, body)` makes a response to it."""
_LAST = b"nothing comes before this any more"
Alter = Callable[[bytes], bytes | None]


def answer(peer: Peer, request: Request, say: Say) -> list[bytes]:
    """Takes every call with the first codec offered, and every end of one."""
    if request.method == "INVITE":
        return [say(180), say(200, peer.contact, peer.sdp(request))]
    return [] if request.method == "ACK" else [say(200)]


def ignore(peer: Peer, request: Request, say: Say) -> list[bytes]:
    return []


class Peer:
    """At `address`, with audio that passes through `alter` on its way back."""

    def __init__(self, behaviour: Behaviour = answer, alter: Alter = bytes) -> None:
        self.requests: list[Request] = []
        self.responses: list[bytes] = []
        self.behaviour = behaviour
        self.alter = alter
        self._sip, self._audio = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for each in (self._sip, self._audio):
            each.bind(("127.0.0.1", 0))
        self._end, self._stop = socket.socketpair()
        self.address: Address = self._sip.getsockname()
        self.contact = f"Contact: <sip:peer@127.0.0.1:{self.address[1]}>\r\nContent-Type: application/sdp\r\n"
        self.caller: Address = ("", 0)
        self._read_up = threading.Event()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.address[1]}"

    @property
    def methods(self) -> list[str]:
        """What the caller asked, all that it sent so far: our own datagram comes in behind its."""
        self._read_up.clear()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(_LAST, self.address)
        assert self._read_up.wait(5)
        return [request.method for request in self.requests]

    def sdp(self, request: Request | None = None, codec: str = "0") -> bytes:
        """Audio at our socket, in the first codec that the request offers."""
        if request is not None and request.body:
            codec = request.body.split(b"RTP/AVP ")[1].split()[0].decode()
        return (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self._audio.getsockname()[1]} RTP/AVP {codec}\r\n"
        ).encode()

    def send(self, data: bytes) -> None:
        """To the caller, as it was last heard."""
        self._sip.sendto(data, self.caller)

    def run(self) -> None:
        with selectors.DefaultSelector() as waiting:
            for each in (self._sip, self._audio, self._end):
                waiting.register(each, selectors.EVENT_READ)
            while True:
                for key, _ in waiting.select():
                    if key.fileobj is self._end:
                        return
                    data, source = key.fileobj.recvfrom(65535)  # type: ignore[union-attr]
                    if key.fileobj is self._audio:
                        back = self.alter(data)
                        if back is not None:
                            self._audio.sendto(back, source)
                    else:
                        self._hear(data, source)

    def _hear(self, data: bytes, source: Address) -> None:
        if data == _LAST:
            self._read_up.set()
            return
        self.caller = source
        request = parse(data)
        if not isinstance(request, Request):
            self.responses.append(data)
            if isinstance(request, Response) and request.cseq_method == "INVITE" and 200 <= request.status < 300:
                self.send(self._ack(request))
            return
        self.requests.append(request)
        answering = Answering(request, Flow("udp", self.address, source))

        def say(status: int, headers: str = "", body: bytes = b"", words: str | None = None) -> bytes:
            return answering.response(status, "peer", headers, body, words)

        for response in self.behaviour(self, request, say):
            self.send(response)

    def _ack(self, response: Response) -> bytes:
        """Of the caller's 2xx to an INVITE of ours within its dialog."""
        contact = (response.header("contact") or "").partition(">")[0][1:]
        return (
            f"ACK {contact} SIP/2.0\r\nVia: SIP/2.0/UDP {self.place};branch=z9hG4bKack\r\nMax-Forwards: 70\r\n"
            f"From: {response.header('from')}\r\nTo: {response.header('to')}\r\nCall-ID: {response.call_id}\r\n"
            f"CSeq: {response.cseq} ACK\r\nContent-Length: 0\r\n\r\n"
        ).encode()

    def stop(self) -> None:
        self._stop.send(b"x")

    def close(self) -> None:
        for each in (self._sip, self._audio, self._end, self._stop):
            each.close()


@contextmanager
def running(behaviour: Behaviour = answer, alter: Alter = bytes) -> Iterator[Peer]:
    peer = Peer(behaviour, alter)
    thread = threading.Thread(target=peer.run)
    thread.start()
    try:
        yield peer
    finally:
        peer.stop()
        thread.join(5)
        peer.close()
