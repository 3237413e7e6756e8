"""Early dialogs: what a request inside one is told, and those whose provisional responses are reliable.

Without reliable provisional responses no offer is ever agreed on before the answer, so nothing can cross (RFC 3261 §12,
RFC 3311 §5.2): an UPDATE without an offer is agreed to here, and one with an offer waits for the offer that is open.
None of it may be 481: who asked would take that for the end of the dialog (§12.2.1.2).
"""

from __future__ import annotations

from typing import Final

from trunkline.call.leg.gate import KNOWN
from trunkline.call.leg.session import Session
from trunkline.call.leg.user_agent import ALLOW
from trunkline.sdp.multipart import find_sdp
from trunkline.sip.message import Request

MOST_FORKS: Final = 32
"""Early dialogs of one INVITE that are kept apart, and answers to it that are ended one by one; more is no fork."""


UNDECIDED: Final = (504, "")
"""Status and header lines for a change of what is agreed on in one of several early dialogs, or in one that is given
up: it waits for no offer, and a re-INVITE may ask again when it is known which of them is the call's (RFC 3311 §5.2,
§5.3)."""


def told(method: str) -> tuple[int, str]:
    """Status and header lines for any request but a BYE, to who sent the INVITE."""
    if method == "OPTIONS":
        return 200, ALLOW
    if method in ("INVITE", "UPDATE", "INFO", "REFER", "NOTIFY"):
        return 500, "Retry-After: 5\r\n"
    if method == "PRACK":
        return 481, ""
    return 405 if method in KNOWN else 501, ALLOW


def offers(request: Request) -> bool:
    """Whether it brings an offer."""
    return find_sdp(request.get("content-type"), request.body) is not None


def told_callee(method: str) -> tuple[int, str]:
    """The same, to who was sent the INVITE: its own is glare (RFC 3261 §14.2)."""
    return (491, "") if method == "INVITE" else told(method)


class EarlyDialog:
    """One in which provisional responses are reliable (RFC 3262)."""

    __slots__ = ("sequence", "session", "settled")

    def __init__(self, session: Session, sequence: int) -> None:
        self.session = session
        self.sequence = sequence
        """The RSeq number of the latest."""
        self.settled = False
        """Whether an offer has its answer: from now on it may be changed by UPDATE (RFC 3311 §5.1)."""
