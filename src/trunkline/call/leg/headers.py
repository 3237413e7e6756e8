"""What crosses from one leg to the other, and what does not.

The legs are dialogs of their own: Via, Route, Contact, Supported, Require, Allow, User-Agent and everything else that
speaks of a hop or of a user agent stays on its leg. Across go the session description, Max-Forwards less one, private
`X-` headers (not those this edge itself writes), User-to-User (RFC 7433), and, between trunks that both are trusted,
who the caller is (`call.privacy`).
"""

from __future__ import annotations

import re
from typing import Final

from trunkline.sip.message import Request, Response

_WARNING: Final = re.compile(r'(\d{3}) +[^ "]+ +("(?:[^"\\]|\\.)*")').match

_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search
_LONGEST: Final = 2048
"""Characters of one crossing header; a longer one stays."""
_MOST: Final = 32
"""Private headers that cross at most."""


SDP: Final = "application/sdp"


def content_type(message: Request | Response) -> str:
    """The Content-Type; a body without one that begins like a session description is one."""
    return message.get("content-type") or (SDP if message.is_sdp else "")


def crossing(request: Request, reserved: str = "x-trunkline-") -> tuple[tuple[str, str], ...]:
    """The private headers that go on to the other leg. What holds control characters does not: no grammar has them
    (RFC 3261 §25.1), and a peer in C ends its reading at a NUL."""
    found = request.private()
    uui = request.get("user-to-user")
    if uui is not None:
        found.append(("User-to-User", uui))
    if not found:
        return ()
    kept = [(n, v) for n, v in found if not n.lower().startswith(reserved) and len(v) <= _LONGEST and not _CONTROL(v)]
    return tuple(kept[:_MOST])


_SUBSCRIBING: Final = ("CSeq", "Refer-To", "Referred-By", "Refer-Sub", "Event", "Subscription-State", "Expires")


def subscribing(request: Request) -> tuple[tuple[str, str], ...]:
    """What a REFER and the requests of its subscription say: for the call, none of it crosses."""
    return tuple([(name, value) for name in _SUBSCRIBING for value in request.headers(name)[:2]])


_TAKEN: Final = {
    405: ("Allow",),
    415: ("Accept", "Accept-Encoding", "Accept-Language"),
    469: ("Recv-Info",),
}
"""What a refusal must say beside its status: what is taken (RFC 3261 §21.4.6, §21.4.13; RFC 6086 §4.2.2)."""


def taken(refusal: Response) -> str:
    """The lines of a refusal that say what its sender takes; they cross with its status."""
    names = _TAKEN.get(refusal.status)
    if names is None:
        return ""
    found = [(name, value) for name in names for value in refusal.headers(name)[:_MOST]]
    return "".join([f"{n}: {v}\r\n" for n, v in found if len(v) <= _LONGEST and not _CONTROL(v)])


def reason(value: str) -> str:
    """A Reason line (RFC 3326), or nothing."""
    return f"Reason: {value}\r\n" if value else ""


def warning(value: str, agent: str) -> str:
    """A Warning line with the code and the words of the first one in `value`, or nothing. Who wrote it is not told: its
    name is an address of the other leg."""
    found = _WARNING(value)
    return f"Warning: {found[1]} {agent} {found[2]}\r\n" if found else ""
