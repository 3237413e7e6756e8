"""Messages out: bytes from the parts that a user agent knows.

A response repeats lines of its request untouched (RFC 3261 §8.2.6.2). Everything here is one pass of string building:
a call composes seven messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from trunkline.sip.flow import Flow
from trunkline.sip.message import Request, parse
from trunkline.sip.status import PHRASES, phrase
from trunkline.sip.via import stamp

_STATUS_LINES: Final = {code: f"SIP/2.0 {code} {words}\r\n" for code, words in PHRASES.items()}
_VIA_TRANSPORT: Final = {"udp": "UDP", "tcp": "TCP", "tls": "TLS"}


class Answering:
    """The lines that every response to one request repeats, built once for its 100, 180 and 200."""

    __slots__ = ("_head", "_tail", "_to", "_tagged")

    def __init__(self, request: Request, flow: Flow) -> None:
        self._head, self._to, self._tail = request.echo(stamp(request.via, flow.remote))
        self._tagged = not self._to or request.to_tag is not None

    def response(
        self, status: int, to_tag: str = "", headers: str = "", body: bytes = b"", words: str | None = None
    ) -> bytes:
        """A response; `headers` are whole lines, each with its CRLF. `to_tag` is added where the request had none."""
        line = _STATUS_LINES.get(status) if words is None else None
        if line is None:
            line = f"SIP/2.0 {status} {phrase(status) if words is None else words}\r\n"
        to = self._to if self._tagged or not to_tag else f"{self._to};tag={to_tag}"
        to = f"To:{to}\r\n" if to else ""
        text = f"{line}{self._head}{to}{self._tail}{headers}Content-Length: {len(body)}\r\n\r\n"
        data = text.encode("utf-8", "surrogateescape")
        return data + body if body else data


def via_line(flow: Flow, sent_by: str, branch: str) -> str:
    """Our Via for a request over `flow`; `rport` asks for the port we are seen from (RFC 3581)."""
    return f"Via: SIP/2.0/{_VIA_TRANSPORT[flow.transport]} {sent_by};branch={branch};rport\r\n"


def request(
    start: str, via: str, call_id: str, cseq: str, headers: str, body: bytes = b"", max_forwards: int = 70
) -> bytes:
    """A request. `start` is method and Request-URI; `headers` has From and To among its lines."""
    text = (
        f"{start} SIP/2.0\r\n{via}Max-Forwards: {max_forwards}\r\n"
        f"{headers}Call-ID: {call_id}\r\nCSeq: {cseq}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    data = text.encode("utf-8", "surrogateescape")
    return data + body if body else data


def lines(headers: Iterable[tuple[str, str]]) -> str:
    """Header lines from pairs. A value with a line break in it would be another header: it is refused."""
    text = ""
    for name, value in headers:
        if "\r" in value or "\n" in value or "\r" in name or "\n" in name:
            raise ValueError(f"header {name!r} has a line break")
        text += f"{name}: {value}\r\n"
    return text


def alongside(invite: bytes, method: str, to: str, headers: str = "") -> bytes:
    """The ACK of a refusal, or the CANCEL, that goes with an INVITE of ours: its Request-URI, Via, Route, From and
    Call-ID, with the To given (§17.1.1.3, §9.1)."""
    request_ = parse(invite)
    assert type(request_) is Request
    kept = [(name, value) for name, value in request_.lines() if name == "From" or name == "Route"]
    return request(
        f"{method} {request_.uri}",
        f"Via: {request_.headers('via')[0]}\r\n",
        request_.call_id,
        f"{request_.cseq} {method}",
        lines([*kept, ("To", to or request_.header("to") or "")]) + headers,
    )
