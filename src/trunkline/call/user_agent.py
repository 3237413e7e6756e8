"""What every leg stands on: the transaction layer, the dialogs, the identifiers and the addresses we are known by."""

from __future__ import annotations

from collections.abc import Mapping

from trunkline.sip.dialog.dialog import Dialog, DialogKey
from trunkline.sip.flow import Address, Flow, host_port
from trunkline.sip.timers import Timers, Timing
from trunkline.sip.token import Tokens
from trunkline.sip.transaction.layer import TransactionLayer

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE")
"""What we take inside and outside of dialogs (§20.5)."""

ALLOW = f"Allow: {', '.join(METHODS)}\r\n"


class UserAgent:
    """One worker's user agent (RFC 3261 §6)."""

    __slots__ = ("advertised", "dialogs", "layer", "product", "timers", "tokens")

    def __init__(
        self, tokens: Tokens, timing: Timing, advertised: Mapping[tuple[str, Address], str], product: str
    ) -> None:
        self.layer = TransactionLayer(timing)
        self.timers: Timers[tuple[str, str, str]] = Timers()
        """(leg, what, transaction): a leg's own waits."""
        self.dialogs: dict[DialogKey, str] = {}
        """The leg that each dialog belongs to."""
        self.tokens = tokens
        self.advertised = advertised
        """`host:port` that peers reach a listener by, where it is not the address it is bound to."""
        self.product = product
        """What Server and User-Agent say."""

    def sent_by(self, flow: Flow) -> str:
        """How our Via and Contact name this end of a flow."""
        return self.advertised.get((flow.transport, flow.local)) or host_port(flow.local)

    def contact(self, flow: Flow, user: str) -> str:
        """Our Contact line on a flow: its transport stands in it exactly once, and never for UDP."""
        if flow.transport == "udp":
            return f"Contact: <sip:{user}@{self.sent_by(flow)}>\r\n"
        return f"Contact: <sip:{user}@{self.sent_by(flow)};transport={flow.transport}>\r\n"

    def know(self, dialog: Dialog, leg: str) -> None:
        self.dialogs[dialog.key] = leg

    def forget(self, keys: list[DialogKey]) -> None:
        for key in keys:
            self.dialogs.pop(key, None)

    def counts(self) -> dict[str, int]:
        return {**self.layer.counts(), "dialogs": len(self.dialogs), "leg_timers": len(self.timers)}
