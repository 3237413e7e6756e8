"""The first leg of a call that the edge itself begins: it ends in this process, makes the offer, and takes the answer
of who is called.

To its call it is the caller, like a peer whose INVITE came; but nobody waits there to be told of ringing and refusals.
"""

from __future__ import annotations

from trunkline.call.leg.asking import Outs
from trunkline.call.leg.endpoint_leg import EndpointLeg
from trunkline.sip.flow import Flow


class HostLeg(EndpointLeg):
    """One call's beginning in this process."""

    __slots__ = ("identity",)

    def __init__(self, leg: str, call: str, kind: str, local: Flow, codecs: tuple[str, ...]) -> None:
        super().__init__(leg, call, kind, None, local, codecs)
        self.identity = ("", "", 0)
        """Of no INVITE."""

    @property
    def patience(self) -> int:
        """Nobody here is in a hurry."""
        return 0

    @property
    def holds(self) -> bool:
        """Nobody here has to acknowledge early media."""
        return False

    def settled(self, early: str) -> bool:
        """Nothing is agreed on here before the answer."""
        return False

    def trying(self, now: float) -> Outs:
        return []

    def ring(self, status: int, phrase: str, body: bytes, early: str, headers: str, now: float) -> Outs:
        return []

    def connect(self, body: bytes, early: str, headers: str, now: float) -> Outs:
        """Who was called has answered our offer."""
        return self.acknowledge(body, now)

    def refuse(self, status: int, phrase: str | None, headers: str, now: float) -> Outs:
        """There is no call."""
        return self.disconnect("", now)
