"""What a new request meets before any state is made for it (RFC 3261 §8.2).

Refusals here are stateless (§8.2.7): the same request gets the same answer and the same To-tag, which is a keyed hash
of what identifies it; the ACK of such an answer belongs to no dialog and is dropped like every other stray ACK.
"""

from __future__ import annotations

import re
from hashlib import blake2s
from typing import Final, NamedTuple

from trunkline.call.leg.extensions import SUPPORTED
from trunkline.call.leg.user_agent import ALLOW, METHODS
from trunkline.sip.compose import Answering
from trunkline.sip.dialog.session_timer import LEAST, SessionTimer, said
from trunkline.sip.flow import Flow
from trunkline.sip.grammar import split_commas
from trunkline.sip.message import Request
from trunkline.sip.transaction.server import reply_flow
from trunkline.sip.transmit import Transmit

ACCEPT: Final = "Accept: application/sdp\r\n"
_PLAIN: Final = "Accept-Encoding: identity\r\n"
_HANDLING: Final = re.compile(r";[ \t]*handling[ \t]*=[ \t]*optional[ \t]*(?:;|$)", re.IGNORECASE).search
REGISTRAR: Final = ("path", "outbound")
"""Option tags that a REGISTER may require (RFC 3327, RFC 5626)."""
KNOWN: Final = frozenset({*METHODS, "PRACK", "SUBSCRIBE", "PUBLISH", "MESSAGE"})
"""Methods that exist: one we do not take is 405; any other is 501."""


class Refusal(NamedTuple):
    """An answer that needs no state."""

    status: int
    reason: str
    """A stable word for the counters."""
    headers: str = ""


class Stateless:
    """Answers without a transaction."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def answer(
        self, request: Request, flow: Flow, status: int, headers: str = "", words: str | None = None
    ) -> list[Transmit]:
        """The response, where the request can be answered at all: an ACK never is."""
        if request.method == "ACK":
            return []
        data = Answering(request, flow).response(status, self._tag(request), headers, b"", words)
        return [Transmit(reply_flow(request, flow), data)]

    def refused(self, ack: Request) -> bool:
        """Whether this is the ACK of an answer that was given without state, to an INVITE on the same branch."""
        return ack.method == "ACK" and ack.to_tag == self._tag(ack)

    def _tag(self, request: Request) -> str:
        identity = f"{request.via.branch} {request.header('call-id')} {request.cseq}"
        return blake2s(identity.encode("utf-8", "surrogateescape"), key=self._key[:32], digest_size=10).hexdigest()


def capabilities(contact: str, brand: str) -> str:
    """What a 200 to OPTIONS says of us (§11.2): its Contact line, methods, bodies, extensions."""
    supported = ", ".join(SUPPORTED)
    return f"{contact}{ALLOW}{ACCEPT}Accept-Encoding: identity\r\nSupported: {supported}\r\nServer: {brand}\r\n"


def examine(request: Request) -> Refusal | None:
    """What any new request is refused for, whoever sends it: §8.2.1 to §8.2.3, in that order."""
    if request.method not in METHODS:
        known = request.method in KNOWN
        return Refusal(405 if known else 501, "method", ALLOW)
    uri = request.uri
    scheme = uri[: uri.find(":")].lower()
    if scheme not in ("sip", "sips", "tel"):
        return Refusal(416, "scheme")
    for name in ("require", "proxy-require"):
        if request.header(name) is not None:
            tags = [tag.strip() for value in request.headers(name) for tag in split_commas(value)]
            known_tags = SUPPORTED if request.method != "REGISTER" else REGISTRAR
            unknown = [tag for tag in tags if tag and tag.lower() not in known_tags]
            if unknown:
                return Refusal(420, "extension", f"Unsupported: {', '.join(unknown)}\r\n")
    return None


def examine_invite(request: Request, least: int = LEAST) -> Refusal | None:
    """What a new INVITE is refused for beyond that: hops, a session shorter than `least` seconds (RFC 4028 §9), and a
    body that nobody here can read."""
    hops = request.get("max-forwards")
    if hops is not None and hops.isdecimal() and int(hops) == 0:
        return Refusal(483, "hops")
    if request.get("session-expires") is not None:
        timer = SessionTimer(0, least)
        if timer.too_short(said(request)):
            return Refusal(422, "session-interval", timer.minimum)
    if request.body:
        refusal = unreadable(request)
        if refusal is not None:
            return refusal
    accept = request.get("accept")
    if accept is not None:
        wanted = [
            value.partition(";")[0].strip().lower() for line in request.headers("accept") for value in line.split(",")
        ]
        if wanted and not any(kind in ("application/sdp", "application/*", "*/*") for kind in wanted):
            return Refusal(406, "accept", ACCEPT)
    return None


def unreadable(request: Request) -> Refusal | None:
    """What a request is refused for whose body should describe a session and nobody here can read (§8.2.3)."""
    kind = request.get("content-type")
    if kind is not None:
        media = kind.partition(";")[0].strip(" \t").lower()
        if media != "application/sdp" and not media.startswith("multipart/") and not _optional(request):
            return Refusal(415, "content-type", ACCEPT)
    encoding = request.get("content-encoding")
    if encoding is not None and encoding.lower() != "identity":
        return Refusal(415, "content-encoding", _PLAIN)
    return None


def uninformed(request: Request) -> Refusal | None:
    """What an INFO is refused for that cannot cross as it was meant: nobody here asked for a package of them (RFC 6086
    §4.2.2), and an encoding is not told to the other side."""
    if request.get("info-package") is not None:
        return Refusal(469, "info-package", "Recv-Info:\r\n")
    encoding = request.get("content-encoding")
    if request.body and encoding is not None and encoding.lower() != "identity":
        return Refusal(415, "content-encoding", _PLAIN)
    return None


def _optional(request: Request) -> bool:
    """Whether the body may be left unread (§20.11), as ISUP that a gateway sends along (RFC 3204)."""
    disposition = request.get("content-disposition")
    return disposition is not None and _HANDLING(disposition) is not None
