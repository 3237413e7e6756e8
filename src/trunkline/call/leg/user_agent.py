"""What every leg stands on: the transaction layer, the dialogs, the identifiers and the addresses we are known by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from trunkline.call.leg.extensions import SUPPORTED, USUAL, Extensions
from trunkline.call.leg.route import private
from trunkline.sip.dialog.dialog import Dialog, DialogKey
from trunkline.sip.flow import Address, Flow, host_port
from trunkline.sip.timers import Alarms, Timers, Timing
from trunkline.sip.token import Tokens
from trunkline.sip.transaction.events import Told
from trunkline.sip.transaction.layer import TransactionLayer
from trunkline.sip.via import Via
from trunkline.trunk.penalty import Penalties

METHODS: Final = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "PRACK", "REFER", "NOTIFY", "REGISTER")
"""What we take inside and outside of dialogs (§20.5)."""

CHANGES: Final = frozenset({"INVITE", "UPDATE"})
"""Those that change a session: one at a time."""

SUBSCRIBING: Final = frozenset({"REFER", "SUBSCRIBE", "NOTIFY"})
"""Those of the subscription that a REFER makes. A SUBSCRIBE is taken in such a one alone, and so not in Allow."""

ALLOW: Final = f"Allow: {', '.join(METHODS)}\r\n"
CAPABLE: Final = f"{ALLOW}Supported: {', '.join(SUPPORTED)}\r\n"
"""What INVITE, UPDATE and their 2xx say of us, and our OPTIONS: Teams offers no REFER to who does not list it there."""
UNRELIABLE: Final = f"{ALLOW}Supported: {', '.join([tag for tag in SUPPORTED if tag != '100rel'])}\r\n"
"""What an INVITE without an offer says, where the offer must not come before the answer; and every re-INVITE, whose
provisional responses cross to nobody, so that nobody shall wait for their PRACK (RFC 3262 §3)."""


_MOST_SEEN: Final = 4096


class UserAgent:
    """One worker's user agent (RFC 3261 §6)."""

    __slots__ = (
        "advertised", "alarms", "attempt", "brand", "deaf", "dialogs", "epoch", "extensions", "layer", "mtu",
        "penalties", "seen", "service_routes", "timers", "tokens",
    )  # fmt: skip

    def __init__(
        self,
        tokens: Tokens,
        timing: Timing,
        advertised: Mapping[tuple[str, Address], Address],
        brand: str = "Trunkline",
        epoch: float = 0.0,
        extensions: Extensions = USUAL,
        attempt: float = 4.0,
        mtu: int = 1300,
    ) -> None:
        self.layer = TransactionLayer(timing)
        self.timers: Timers[tuple[str, str, str]] = Timers()
        """(leg, what, transaction): a leg's own waits."""
        self.alarms: Alarms[tuple[str, str]] = Alarms()
        """(call or leg, what): long waits."""
        self.dialogs: dict[DialogKey, str] = {}
        """The leg that each dialog belongs to."""
        self.tokens = tokens
        self.advertised = advertised
        """What peers reach a listener by, where it is not the address it is bound to."""
        self.deaf: set[tuple[str, Address]] = set()
        """Transports and addresses of ours that connections leave from and nobody listens on: what does not come over
        such a connection does not come (§18.2.2)."""
        self.seen: dict[tuple[str, Address, str], Address] = {}
        """By transport, our address and the peer's host: what that peer sees us as. An empty host: what any saw last,
        for the others beyond the same NAT."""
        self.service_routes: dict[str, tuple[str, ...]] = {}
        """By trunk, what its registrar asks its calls to pass first (RFC 3608)."""
        self.brand = brand
        """What User-Agent says, and our own `X-` headers begin with."""
        self.penalties = Penalties()
        """The addresses that failed a while ago."""
        self.attempt = attempt
        """Seconds without any answer after which an INVITE goes to another address, or agent, where there is one."""
        self.mtu = mtu
        """Bytes. A larger request does not go by UDP, where TCP will do (§18.1.1)."""
        self.epoch = epoch
        """Unix seconds when the monotonic clock stood at zero: what records are stamped with."""
        self.extensions = extensions

    def address(self, flow: Flow) -> Address:
        """What the peer of a flow reaches this end of it by."""
        ours = flow.local
        if self.advertised:
            ours = self.advertised.get((flow.transport, ours), ours)
        if not self.seen:
            return ours
        seen = self.seen.get((flow.transport, flow.local, flow.remote[0]))
        if seen is None and private(ours[0]) and not private(flow.remote[0]):
            seen = self.seen.get((flow.transport, flow.local, ""))
        return seen or ours

    def see(self, flow: Flow, via: Via) -> None:
        """Take our address from a response to a request of ours over `flow` (RFC 3581 §4, RFC 3261 §18.2.1). A private
        one says nothing where we are known by another that is not: something stands between. A configured name stays:
        who gave it keeps it right."""
        host, port = via.received or via.host, via.rport or via.port
        known = private(host)
        if known is None or not port:
            return
        ours = self.advertised.get((flow.transport, flow.local), flow.local)
        hidden = private(ours[0])
        if hidden is None or (known and not hidden):
            return
        seen = self.seen
        if len(seen) >= _MOST_SEEN:
            seen.clear()
        seen[flow.transport, flow.local, flow.remote[0]] = (host, port)
        if not known:
            # Others see the host; a connection's port is its own.
            seen[flow.transport, flow.local, ""] = (host, port if flow.transport == "udp" else ours[1])

    def sent_by(self, flow: Flow) -> str:
        """How our Via and Contact name this end of a flow."""
        return host_port(self.address(flow))

    def origin(self, flow: Flow) -> str:
        """The literal address that our o= lines name on a flow."""
        address = self.address(flow)[0]
        return address if private(address) is not None else flow.local[0]

    def contact(self, flow: Flow, user: str, secure: bool = False) -> str:
        """Our Contact line on a flow: its transport stands in it exactly once, and never for UDP.

        `secure`: who spoke of SIPS is met as SIPS (RFC 3261 §8.1.1.8, §12.1.1), which says TLS by itself.
        """
        if secure and flow.transport == "tls":
            return f"Contact: <sips:{user}@{self.sent_by(flow)}>\r\n"
        if flow.transport == "udp":
            return f"Contact: <sip:{user}@{self.sent_by(flow)}>\r\n"
        return f"Contact: <sip:{user}@{self.sent_by(flow)};transport={flow.transport}>\r\n"

    def contact_in(self, dialog: Dialog) -> str:
        """Our Contact line in a request or an answer inside a dialog."""
        return self.contact(dialog.flow, dialog.local_tag, dialog.target[:5].lower() == "sips:")

    def lose(self, flow: Flow, now: float) -> list[Told]:
        """A connection is gone. What still waits for an answer over it gets none, unless its peer can connect to us."""
        if not flow.pooled or (flow.transport, flow.local) not in self.deaf:
            return []
        return self.layer.lose(flow, now)

    def know(self, dialog: Dialog, leg: str) -> None:
        self.dialogs[dialog.key] = leg

    def forget(self, keys: list[DialogKey]) -> None:
        for key in keys:
            self.dialogs.pop(key, None)

    def deadline(self) -> float:
        """When something of a transaction, a leg or a call falls due; infinite when nothing does."""
        legs = min(self.timers.deadline(), self.alarms.deadline())
        return min(self.layer.deadline(), legs)

    def counts(self) -> dict[str, int]:
        return {
            **self.layer.counts(),
            "dialogs": len(self.dialogs),
            "penalties": len(self.penalties),
            "leg_timers": len(self.timers),
            "call_timers": len(self.alarms),
        }
