"""What a REFER and the requests of its subscription say to us inside a call, and how they are answered."""

from __future__ import annotations

from typing import Final

from trunkline.call.b2bua.legs import Legs
from trunkline.call.b2bua.subscription import LIFETIME
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.events import Asked
from trunkline.sip.refer import ReferTo
from trunkline.sip.status import phrase

_RESERVED: Final = frozenset({"cseq", "refer-to", "referred-by", "refer-sub", "event", "subscription-state", "expires"})
_MOST: Final = 32


def said(event: Asked, name: str) -> str:
    """The first value of a header; empty for none."""
    for key, value in event.headers:
        if key == name:
            return value
    return ""


def seconds(text: str) -> int:
    """The value of an Expires, within bounds."""
    return min(int(text), LIFETIME) if text.isdecimal() and text.isascii() and len(text) < 10 else LIFETIME


def private(event: Asked, asked: ReferTo, brand: str) -> tuple[tuple[str, str], ...]:
    """The headers that go on to the new party: private ones, of the REFER and of its Refer-To, but for our own."""
    ours = f"x-{brand.lower()}-"
    found = [(name, value) for name, value in event.headers if name.lower() not in _RESERVED]
    for name, value in asked.headers:
        low = name.lower()
        if (low.startswith("x-") and not low.startswith(ours) and _token(name)) or low == "user-to-user":
            found.append((name, value))
    return tuple(found[:_MOST])


def reply(legs: Legs, event: Asked, status: int, headers: str, now: float) -> Outs:
    """Answer it."""
    leg = legs.get(event.leg)
    session = leg.session if leg is not None else None
    if session is None:
        return []
    return session.reply(event.exchange, status, phrase(status), b"", "", headers, now)


def decline(legs: Legs, brand: str, event: Asked, status: int, why: str, now: float) -> Outs:
    """Answer it no, and say why in a Warning."""
    words = "".join([c if " " <= c <= "~" and c not in '"\\' else "?" for c in why])
    return reply(legs, event, status, f'Warning: 399 {brand} "{words}"\r\n', now)


def _token(name: str) -> bool:
    return name.replace("-", "").isalnum() and name.isascii()
