"""A SIP peer that does what the story says, message by message, over one UDP socket.

It is written from the RFC alone and shares nothing with the edge, so that they can disagree.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import socket
import time
from collections.abc import Iterator

PATIENCE = 5.0
_COUNT = itertools.count(1)

SDP = (
    "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP {types}\r\n{maps}a=sendrecv\r\n"
)
MAPS = {
    "0": "a=rtpmap:0 PCMU/8000\r\n",
    "8": "a=rtpmap:8 PCMA/8000\r\n",
    "9": "a=rtpmap:9 G722/8000\r\n",
    "18": "a=rtpmap:18 G729/8000\r\n",
}


class Message:
    """A request or response as text."""

    def __init__(self, data: bytes, source: tuple[str, int]) -> None:
        self.source = source
        self.text = data.decode()
        head, _, self.body = self.text.partition("\r\n\r\n")
        self.start, *self.lines = head.split("\r\n")

    def __repr__(self) -> str:
        return f"<{self.start} {self.header('CSeq')}>"

    def headers(self, name: str) -> list[str]:
        wanted = name.lower()
        return [
            value.strip() for key, _, value in (line.partition(":") for line in self.lines) if key.lower() == wanted
        ]

    def header(self, name: str) -> str:
        found = self.headers(name)
        assert found, f"no {name} in {self.text}"
        return found[0]

    @property
    def status(self) -> int:
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        return self.header("CSeq").split()[1]

    @property
    def request(self) -> bool:
        return not self.start.startswith("SIP/2.0 ")


class Phone:
    """One socket. What comes again, byte for byte, is a repeat and passed over."""

    def __init__(self, host: str) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.address: tuple[str, int] = self.socket.getsockname()
        self.audio_port = 40000
        """What our SDP says; nobody listens there unless the story does."""
        self._met: set[bytes] = set()
        self._kept: list[Message] = []

    def close(self) -> None:
        self.socket.close()

    @property
    def at(self) -> str:
        return "{}:{}".format(*self.address)

    def send(self, text: str, to: tuple[str, int]) -> None:
        self.socket.sendto(text.encode("utf-8", "surrogateescape"), to)

    def expect(self, wanted: int | str, method: str = "", call: str = "", seconds: float = PATIENCE) -> Message:
        """The next message that is this request, or a response with this status (to this method). Others wait; 100
        Trying is passed over."""
        end = time.monotonic() + seconds
        for message in self._messages(end):
            matches = message.status == wanted if isinstance(wanted, int) else message.start.startswith(f"{wanted} ")
            if matches and method in ("", message.method) and call in ("", message.header("Call-ID")):
                self._kept.remove(message)
                return message
        raise AssertionError(f"{self.at} got no {wanted} {method} within {seconds:g} s, but {self._kept}")

    def hears_nothing(self, seconds: float) -> None:
        """No request and no final response."""
        for message in self._messages(time.monotonic() + seconds):
            assert 100 < message.status < 200, f"{self.at} heard {message}"

    def answer(self, request: Message, status: str, body: str = "", more: str = "", tag: str = "") -> None:
        """Answer it: `status` with its words."""
        lines = [f"SIP/2.0 {status}", *(f"Via: {via}" for via in request.headers("Via"))]
        to = request.header("To")
        if ";tag=" not in to:
            to += f";tag={tag or self.tag(request)}"
        lines += [f"From: {request.header('From')}", f"To: {to}", f"Call-ID: {request.header('Call-ID')}"]
        lines += [f"CSeq: {request.header('CSeq')}", f"Contact: <sip:agent@{self.at}>"]
        if body:
            lines.append("Content-Type: application/sdp")
        self.send("\r\n".join(lines) + f"\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}", request.source)

    def tag(self, request: Message) -> str:
        return hashlib.sha256((request.header("Call-ID") + self.at).encode()).hexdigest()[:10]

    def sdp(self, *types: str) -> str:
        types = types or ("0",)
        return SDP.format(
            host=self.address[0],
            port=self.audio_port,
            types=" ".join(types),
            maps="".join([MAPS[each] for each in types]),
        )

    def takes(self, seconds: float = PATIENCE) -> Taken:
        """An INVITE comes, rings and is answered; until the ACK."""
        invite = self.expect("INVITE", seconds=seconds)
        self.answer(invite, "180 Ringing")
        self.answer(invite, "200 OK", self.sdp("0"))
        self.expect("ACK", call=invite.header("Call-ID"))
        return Taken(self, invite)

    def _messages(self, end: float) -> Iterator[Message]:
        yield from tuple(self._kept)
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                data, source = self.socket.recvfrom(65536)
            except TimeoutError:
                return
            if data in self._met or data.startswith(b"SIP/2.0 100 "):
                continue
            self._met.add(data)
            message = Message(data, source)
            self._kept.append(message)
            yield message


class Taken:
    """A call that a phone has answered."""

    def __init__(self, phone: Phone, invite: Message) -> None:
        self.phone = phone
        self.invite = invite
        self.call_id = invite.header("Call-ID")

    def bye(self) -> None:
        target = re.search(r"<(sip:[^>]+)>", self.invite.header("Contact"))
        assert target is not None
        text = _request(
            "BYE", target[1], self.phone, self.call_id, 1,
            f"{self.invite.header('To')};tag={self.phone.tag(self.invite)}", self.invite.header("From"),
        )  # fmt: skip
        self.phone.send(text, self.invite.source)
        self.phone.expect(200, "BYE", self.call_id)

    def ends(self, seconds: float = PATIENCE) -> Message:
        """The edge hangs up."""
        bye = self.phone.expect("BYE", call=self.call_id, seconds=seconds)
        self.phone.answer(bye, "200 OK")
        return bye


class Dialled:
    """A call that a phone makes: its INVITE has been sent."""

    def __init__(
        self, phone: Phone, edge: tuple[str, int], number: str, caller: str = "+12025550199",
        types: tuple[str, ...] = ("0",), more: str = "",
    ) -> None:  # fmt: skip
        self.phone, self.edge, self.number = phone, edge, number
        self.call_id = f"story-{next(_COUNT)}@{phone.address[0]}"
        self.uri = f"sip:{number}@{edge[0]}:{edge[1]}"
        self.local = f"<sip:{caller}@{phone.address[0]}>;tag={hashlib.sha256(self.call_id.encode()).hexdigest()[:8]}"
        self.remote = f"<{self.uri}>"
        self.target = self.uri
        self.sequence = 0
        self.types = types
        self.invite(more)

    def invite(self, more: str = "") -> None:
        self.sequence += 1
        self.sent = time.monotonic()
        body = self.phone.sdp(*self.types)
        self._send("INVITE", self.uri, self.sequence, f"{more}Content-Type: application/sdp\r\n", body)

    def invite_again(self) -> None:
        """A re-INVITE that holds the call."""
        self.sequence += 1
        body = self.phone.sdp(*self.types) + "a=sendonly\r\n"
        self._send("INVITE", self.target, self.sequence, "Content-Type: application/sdp\r\n", body)

    def rings(self, seconds: float = PATIENCE) -> Message:
        return self.phone.expect(180, "INVITE", self.call_id, seconds)

    def answered(self, seconds: float = PATIENCE) -> Message:
        """The 200 comes and gets its ACK."""
        answer = self.phone.expect(200, "INVITE", self.call_id, seconds)
        self.remote = answer.header("To")
        contact = re.search(r"<(sip:[^>]+)>", answer.header("Contact"))
        assert contact is not None
        self.target = contact[1]
        self._send("ACK", self.target, self.sequence)
        return answer

    def refused(self, status: int, seconds: float = PATIENCE) -> Message:
        """This refusal comes and gets its ACK."""
        answer = self.phone.expect(status, "INVITE", self.call_id, seconds)
        via = f"Via: SIP/2.0/UDP {self.phone.at};branch={self.branch};rport\r\n"
        self.phone.send(
            f"ACK {self.uri} SIP/2.0\r\n{via}Max-Forwards: 70\r\nFrom: {self.local}\r\nTo: {answer.header('To')}\r\n"
            f"Call-ID: {self.call_id}\r\nCSeq: {self.sequence} ACK\r\nContent-Length: 0\r\n\r\n",
            self.edge,
        )
        return answer

    def authenticated(self, challenge: Message, user: str, password: str) -> None:
        """The INVITE again, with the answer to a 401 (RFC 7616, MD5, qop=auth)."""
        values = [value for value in challenge.headers("WWW-Authenticate") if "algorithm=MD5" in value]
        parts = dict(re.findall(r'(\w+)="([^"]*)"', values[0]))
        ha1 = _md5(f"{user}:{parts['realm']}:{password}")
        ha2 = _md5(f"INVITE:{self.uri}")
        response = _md5(f"{ha1}:{parts['nonce']}:00000001:0a4f113b:auth:{ha2}")
        self.invite(
            f'Authorization: Digest username="{user}", realm="{parts["realm"]}", nonce="{parts["nonce"]}", '
            f'uri="{self.uri}", response="{response}", algorithm=MD5, cnonce="0a4f113b", qop=auth, nc=00000001\r\n'
        )

    def bye(self) -> Message:
        """Hang up; the answer."""
        self.sequence += 1
        self._send("BYE", self.target, self.sequence)
        return self.phone.expect(200, "BYE", self.call_id)

    def ends(self, seconds: float = PATIENCE) -> Message:
        """The edge hangs up."""
        bye = self.phone.expect("BYE", call=self.call_id, seconds=seconds)
        self.phone.answer(bye, "200 OK")
        return bye

    def _send(self, method: str, uri: str, sequence: int, more: str = "", body: str = "") -> None:
        text = _request(method, uri, self.phone, self.call_id, sequence, self.local, self.remote, more, body)
        if method == "INVITE":
            branch = re.search(r"branch=([^;\r]+)", text)
            assert branch is not None
            self.branch = branch[1]
        self.phone.send(text, self.edge)


def options(phone: Phone, edge: tuple[str, int]) -> Message:
    """The answer to an OPTIONS."""
    call = f"ping-{next(_COUNT)}@{phone.address[0]}"
    uri = f"sip:{edge[0]}:{edge[1]}"
    phone.send(_request("OPTIONS", uri, phone, call, 1, f"<sip:{phone.at}>;tag=p", f"<{uri}>"), edge)
    end = time.monotonic() + PATIENCE
    for message in phone._messages(end):
        if message.header("Call-ID") == call:
            return message
    raise AssertionError("no answer to OPTIONS")


def _request(
    method: str, uri: str, phone: Phone, call: str, sequence: int, local: str, remote: str,
    more: str = "", body: str = "",
) -> str:  # fmt: skip
    return (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {phone.at};branch=z9hG4bK{next(_COUNT)}s;rport\r\n"
        f"Max-Forwards: 70\r\nFrom: {local}\r\nTo: {remote}\r\nCall-ID: {call}\r\nCSeq: {sequence} {method}\r\n"
        f"Contact: <sip:carrier@{phone.at}>\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}"
    )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
