"""Carriers that call from several addresses, and agents that answer, over UDP and from the RFC alone.

An agent does what its name says: `up…` answers, `down486…` refuses with that. Who a call is for is told by who it is
from: every call has a caller of its own, and agents note what they were asked for by caller.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import NamedTuple

PATIENCE = 15.0
"""Seconds until a call without an answer is lost. INVITEs are sent once: on a loopback nothing is lost unseen."""
Address = tuple[str, int]

_STATUS = re.compile(r"SIP/2\.0 (\d{3}) ")
_CONTACT = re.compile(r"<(sip:[^>]+)>")
_USER = re.compile(r"sip:([^@;>]+)@")
_CAUSE = re.compile(r'text="([^"]*)"')
_COUNT = itertools.count(1)


class Met(NamedTuple):
    """What an INVITE of a carrier met."""

    status: int
    cause: str
    """The word of the Reason header; nothing when it was answered."""


class Asked(NamedTuple):
    """What an agent was asked for."""

    agent: str
    """The user of the Request-URI."""
    at: Address
    """Where."""


class Message:
    def __init__(self, data: bytes) -> None:
        self.head, _, self.body = data.decode().partition("\r\n\r\n")
        self.start, _, rest = self.head.partition("\r\n")
        self.lines = rest.split("\r\n")

    def all(self, name: str) -> list[str]:
        mark = name.lower() + ":"
        return [line.partition(":")[2].strip() for line in self.lines if line.lower().startswith(mark)]

    def get(self, name: str) -> str:
        return (self.all(name) or [""])[0]

    @property
    def status(self) -> int:
        found = _STATUS.match(self.start)
        return int(found[1]) if found else 0

    @property
    def method(self) -> str:
        return self.get("CSeq").rpartition(" ")[2]


class _Socket(asyncio.DatagramProtocol):
    """One address of a phone."""

    transport: asyncio.DatagramTransport
    at: Address

    async def open(self, host: str) -> None:
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, 0))
        self.at = self.transport.get_extra_info("sockname")[:2]

    def send(self, text: str, to: Address) -> None:
        self.transport.sendto(text.encode(), to)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        message = Message(data)
        if message.status:
            self.answered(message)
        else:
            self.asked(message, addr)

    def answered(self, message: Message) -> None:
        raise NotImplementedError

    def asked(self, message: Message, source: Address) -> None:
        raise NotImplementedError

    def reply(self, request: Message, status: str, source: Address, body: str = "", tag: str = "") -> None:
        lines = [f"SIP/2.0 {status}", *(f"Via: {via}" for via in request.all("Via"))]
        to = request.get("To")
        if ";tag=" not in to and tag:
            to += f";tag={tag}"
        lines += [f"From: {request.get('From')}", f"To: {to}", f"Call-ID: {request.get('Call-ID')}"]
        lines += [f"CSeq: {request.get('CSeq')}", f"Contact: <sip:x@{self.at[0]}:{self.at[1]}>"]
        if body:
            lines.append("Content-Type: application/sdp")
        self.send("\r\n".join(lines) + f"\r\nContent-Length: {len(body)}\r\n\r\n{body}", source)

    @property
    def sdp(self) -> str:
        host = self.at[0]
        return (
            f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        )


class Carrier(_Socket):
    """Calls from one address."""

    def __init__(self, edge: Address) -> None:
        self.edge = edge
        self.calls: dict[str, Calling] = {}

    def answered(self, message: Message) -> None:
        call = self.calls.get(message.get("Call-ID"))
        if call is not None:
            call.answered(message)

    def asked(self, message: Message, source: Address) -> None:
        call = self.calls.get(message.get("Call-ID"))
        if message.method == "ACK":
            return
        self.reply(message, "200 OK" if call else "481 No Such Call", source)
        if call is not None and message.method == "BYE":
            call.ended.set()


class Calling:
    """One call of a carrier."""

    def __init__(self, carrier: Carrier, number: str, caller: str) -> None:
        self.carrier, self.number, self.caller = carrier, number, caller
        self.id = f"change-{next(_COUNT)}@{carrier.at[0]}"
        self.uri = f"sip:{number}@{carrier.edge[0]}:{carrier.edge[1]}"
        self.local = f"<sip:{caller}@{carrier.at[0]}>;tag={self.id.partition('@')[0]}"
        self.remote, self.target = f"<{self.uri}>", self.uri
        self.sequence = 0
        self.ended = asyncio.Event()
        """The other side has hung up."""
        self._waiting: dict[str, asyncio.Future[Message]] = {}
        carrier.calls[self.id] = self

    async def invite(self) -> Met:
        """Until the final answer, which is acknowledged."""
        typed = "Content-Type: application/sdp\r\n"
        branch, answer = await self._ask("INVITE", self.uri, typed, self.carrier.sdp)
        self.remote = answer.get("To")
        if answer.status < 300:
            contact = _CONTACT.search(answer.get("Contact"))
            assert contact is not None
            self.target = contact[1]
            self._send("ACK", self.target, self._branch())
            return Met(answer.status, "")
        self._send("ACK", self.uri, branch)
        del self.carrier.calls[self.id]
        cause = _CAUSE.search(answer.get("Reason"))
        return Met(answer.status, cause[1] if cause else "")

    async def speak(self) -> int:
        """An INFO within the call; the status of its answer."""
        return (await self._ask("INFO", self.target))[1].status

    async def bye(self) -> int:
        answer = (await self._ask("BYE", self.target))[1]
        self.forget()
        return answer.status

    def forget(self) -> None:
        self.carrier.calls.pop(self.id, None)

    def answered(self, message: Message) -> None:
        waiting = self._waiting.get(message.get("CSeq"))
        if waiting is not None and not waiting.done() and message.status >= 200:
            waiting.set_result(message)

    async def _ask(self, method: str, uri: str, more: str = "", body: str = "") -> tuple[str, Message]:
        self.sequence += 1
        branch = self._branch()
        waiting: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[f"{self.sequence} {method}"] = waiting
        self._send(method, uri, branch, more, body)
        try:
            async with asyncio.timeout(PATIENCE):
                return branch, await waiting
        finally:
            del self._waiting[f"{self.sequence} {method}"]

    def _branch(self) -> str:
        return f"z9hG4bKc{next(_COUNT)}"

    def _send(self, method: str, uri: str, branch: str, more: str = "", body: str = "") -> None:
        host, port = self.carrier.at
        self.carrier.send(
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch={branch}\r\nMax-Forwards: 70\r\n"
            f"From: {self.local}\r\nTo: {self.remote}\r\nCall-ID: {self.id}\r\nCSeq: {self.sequence} {method}\r\n"
            f"Contact: <sip:carrier@{host}:{port}>\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}",
            self.carrier.edge,
        )


class Agents(_Socket):
    """All agents of one address."""

    def __init__(self, notes: dict[str, list[Asked]]) -> None:
        self.notes = notes
        """By caller, in the order they were asked; shared among the addresses."""
        self.up: dict[str, tuple[Message, Address]] = {}
        """By caller, the INVITE that was answered."""
        self.spoken: set[str] = set()
        """Callers whose INFO came."""
        self._ids: dict[str, str] = {}
        self._answers: dict[str, asyncio.Future[Message]] = {}
        self._met: set[str] = set()

    def answered(self, message: Message) -> None:
        waiting = self._answers.get(message.get("Call-ID"))
        if waiting is not None and not waiting.done() and message.status >= 200:
            waiting.set_result(message)

    def asked(self, message: Message, source: Address) -> None:
        method, call = message.method, message.get("Call-ID")
        if method == "ACK":
            return
        if method == "INVITE":
            self._invited(message, source, call)
            return
        caller = self._ids.get(call)
        self.reply(message, "200 OK" if caller else "481 No Such Call", source)
        if caller and method == "INFO":
            self.spoken.add(caller)
        elif caller and method == "BYE":
            self.up.pop(caller, None)
            del self._ids[call]

    def _invited(self, message: Message, source: Address, call: str) -> None:
        asked, said = _USER.search(message.start), _USER.search(message.get("From"))
        assert asked is not None, message.head
        assert said is not None, message.head
        agent, caller = asked[1], said[1]
        again = message.get("Via") in self._met
        self._met.add(message.get("Via"))
        if not again:
            self.notes.setdefault(caller, []).append(Asked(agent, self.at))
        if agent.startswith("down"):
            self.reply(message, f"{agent[4:7]} Not Now", source, tag="a")
            return
        self.up[caller], self._ids[call] = (message, source), caller
        self.reply(message, "200 OK", source, self.sdp, tag="a")

    async def bye(self, caller: str) -> int:
        """Hang up on a caller."""
        invite, source = self.up.pop(caller)
        call = invite.get("Call-ID")
        contact = _CONTACT.search(invite.get("Contact"))
        assert contact is not None
        waiting: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._answers[call] = waiting
        host, port = self.at
        self.send(
            f"BYE {contact[1]} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bKa{next(_COUNT)}\r\n"
            f"Max-Forwards: 70\r\nFrom: {invite.get('To')};tag=a\r\nTo: {invite.get('From')}\r\nCall-ID: {call}\r\n"
            "CSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
            source,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                return (await waiting).status
        finally:
            del self._answers[call], self._ids[call]
