"""One request of ours inside a dialog, kept until it has its answer: to be put again with credentials, or by another
way."""

from __future__ import annotations

from typing import Literal, NamedTuple

from trunkline.call.leg.credentials import Credentials, Shown, authorize
from trunkline.call.leg.headers import SDP
from trunkline.sip.message import Response

REFRESH = "refresh"
"""The exchange of what only keeps the session alive: it crosses nothing."""


class Question(NamedTuple):
    method: str
    exchange: str
    """The exchange it belongs to; empty for none, or `REFRESH`."""
    headers: str
    body: bytes = b""
    kind: str = ""
    """The Content-Type of the body."""
    sequence: int | None = None
    """The CSeq number of an ACK; every other request takes the next."""
    shown: Shown = Shown()
    """The credentials it carries."""
    readdressed: bool = False
    """Whether its first connection was lost."""
    standing: Literal["wanted", "unwanted", "cancelled"] = "wanted"
    """Whether its answer still matters, and whether the peer was told that it does not."""

    @property
    def lines(self) -> str:
        """Its header lines, the credentials and the type of its body included."""
        kind = f"Content-Type: {self.kind or SDP}\r\n" if self.body else ""
        return f"{self.headers}{kind}{self.shown}"

    def with_credentials(
        self, credentials: Credentials | None, response: Response, uri: str, cnonce: str
    ) -> Question | None:
        """The question with an answer to the challenge; None when there is none, or it was refused already."""
        if credentials is None or self.standing != "wanted":
            return None
        shown = authorize(credentials, response, self.method, uri, cnonce, self.shown)
        return None if shown is None else self._replace(shown=shown)
