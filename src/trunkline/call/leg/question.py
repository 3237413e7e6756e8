"""One request of ours inside a dialog, kept until it has its answer: to be put again with credentials, or by another
way."""

from __future__ import annotations

from typing import Final, Literal

from trunkline.call.leg.credentials import Credentials, Shown, authorize
from trunkline.call.leg.headers import SDP
from trunkline.sip.message import Response

REFRESH: Final = "refresh"
"""The exchange of what only keeps the session alive: it crosses nothing."""
UNASKED: Final = Shown()
"""The credentials of a request that nobody has challenged."""


class Question:
    """A request, and what has become of it."""

    __slots__ = ("body", "exchange", "headers", "kind", "method", "readdressed", "sequence", "shown", "standing")

    def __init__(
        self, method: str, exchange: str, headers: str, body: bytes = b"", kind: str = "", sequence: int | None = None
    ) -> None:
        self.method = method
        self.exchange = exchange
        """The exchange it belongs to; empty for none, or `REFRESH`."""
        self.headers = headers
        self.body = body
        self.kind = kind
        """The Content-Type of the body."""
        self.sequence = sequence
        """The CSeq number of an ACK; every other request takes the next."""
        self.shown = UNASKED
        """The credentials it carries."""
        self.readdressed = False
        """Whether its first connection was lost."""
        self.standing: Literal["wanted", "unwanted", "cancelled"] = "wanted"
        """Whether its answer still matters, and whether the peer was told that it does not."""

    @property
    def lines(self) -> str:
        """Its header lines, the credentials and the type of its body included."""
        kind = f"Content-Type: {self.kind or SDP}\r\n" if self.body else ""
        return f"{self.headers}{kind}{self.shown}"

    def authorize(self, credentials: Credentials | None, response: Response, uri: str, cnonce: str) -> bool:
        """Carry an answer to the challenge from now on; False when there is none, or it was refused already."""
        if credentials is None or self.standing != "wanted":
            return False
        shown = authorize(credentials, response, self.method, uri, cnonce, self.shown)
        if shown is None:
            return False
        self.shown = shown
        return True
