"""A leg that ends in this process: an agent of ours speaks on it, and its media is opened and closed by the engine.

The call cannot tell it from a SIP leg: it connects, it answers changes of the session, it hangs up.
"""

from __future__ import annotations

from trunkline.call.leg.asking import Outs
from trunkline.call.leg.events import Connected, Disconnected, Failed, Replied
from trunkline.call.leg.headers import SDP
from trunkline.call.outputs import CloseMedia, OpenMedia
from trunkline.sip.flow import Flow
from trunkline.sip.status import phrase


class EndpointLeg:
    """One call's end in this process."""

    __slots__ = (
        "_codecs",
        "_exchange",
        "_local",
        "call",
        "codec",
        "connected",
        "current",
        "flow",
        "gone",
        "id",
        "kind",
        "offer",
        "session",
    )

    def __init__(
        self, leg: str, call: str, kind: str, offer: bytes | None, local: Flow, codecs: tuple[str, ...]
    ) -> None:
        self.id = leg
        self.call = call
        self.kind = kind
        self.offer = offer
        self.flow: Flow | None = None
        self.session: None = None
        self.current: None = None
        self.codec = ""
        self.connected = False
        self.gone = False
        self._local = local
        self._codecs = codecs
        self._exchange = ""

    def belong(self, call: str) -> None:
        """It is in another call from now on."""
        self.call = call

    def begin(self) -> Outs:
        return [OpenMedia(self.id, self.kind, self.offer, self._local, self._codecs)]

    def acknowledge(self, body: bytes, now: float) -> Outs:
        """The caller's answer to our offer."""
        if self.gone:
            return []
        return [OpenMedia(self.id, self.kind, None, self._local, self._codecs, body)]

    def ask(
        self,
        exchange: str,
        method: str,
        body: bytes,
        content_type: str,
        headers: tuple[tuple[str, str], ...],
        now: float,
    ) -> Outs:
        if self.gone:
            return []
        if method == "INFO" or (method == "UPDATE" and not body):
            return [Replied(self.id, exchange, 200, "OK", b"", "")]
        self._exchange = exchange
        return [OpenMedia(self.id, self.kind, body or None, self._local, self._codecs)]

    def media_ready(self, sdp: bytes, codec: str) -> Outs:
        """The media is open; the answer to who asked for it."""
        if self.gone:
            return []
        self.codec = codec or self.codec
        if not self.connected:
            self.connected = True
            return [Connected(self.id, sdp, SDP, "")]
        if not self._exchange:
            return []
        exchange, self._exchange = self._exchange, ""
        return [Replied(self.id, exchange, 200, "OK", sdp, SDP)]

    def media_failed(self, status: int, reason: str, warning: str) -> Outs:
        if self.gone:
            return []
        if not self.connected:
            self.gone = True
            return [Failed(self.id, status, phrase(status), "media", reason, warning)]
        if not self._exchange:
            # The caller's answer to our offer cannot be used: there is no media, and so no call.
            return [Disconnected(self.id, "media", f'SIP;cause={status};text="{reason}"')]
        exchange, self._exchange = self._exchange, ""
        return [Replied(self.id, exchange, status, phrase(status), b"", "", warning)]

    def media_ended(self, reason: str) -> Outs:
        if self.gone:
            return []
        return [Disconnected(self.id, "media-ended", f'Q.850;cause=16;text="{reason}"')]

    def disconnect(self, reason: str, now: float) -> Outs:
        self.gone = True
        return []

    def close(self) -> Outs:
        self.gone = True
        return [CloseMedia(self.id)]
