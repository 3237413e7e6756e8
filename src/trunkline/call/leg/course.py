"""Where an outgoing INVITE goes: the addresses of its target, one after the other (RFC 3263 §4.3).

Addresses that failed a while ago come last. A request that is too large for a datagram makes a detour by TCP to the
same address and port first (RFC 3261 §18.1.1), and takes the datagram after all where nobody listens there.
"""

from __future__ import annotations

from typing import Final

from trunkline.sip.flow import Flow, host_port
from trunkline.sip.message import Response
from trunkline.trunk.penalty import Penalties

NO_TCP: Final = 600.0
"""Seconds that an address is believed to have no TCP after a detour that failed. That is no outage, and does not pass
like one."""


class Course:
    """Of one leg."""

    __slots__ = ("_flows", "_penalties", "asked", "udp")

    def __init__(self, penalties: Penalties) -> None:
        self._penalties = penalties
        self._flows: list[Flow] = []
        self.udp: Flow | None = None
        """What the detour leads around; None when there is none."""
        self.asked = False
        """Whether the flow of the detour is still being looked for."""

    @property
    def more(self) -> bool:
        """Whether there is another way when this one fails."""
        return bool(self._flows) or self.udp is not None

    def found(self, flows: tuple[Flow, ...], now: float) -> None:
        self._flows = self._penalties.order(flows, now) if len(flows) > 1 else list(flows)

    def next(self) -> Flow | None:
        """The next address."""
        self.udp = None
        return self._flows.pop(0) if self._flows else None

    # ── what comes of it ──────────────────────────────────────────────────────────────────────────────────────────────

    def answered(self, flow: Flow | None, response: Response, now: float) -> None:
        """The address said something. 503 is a no that is meant for everybody."""
        self.udp = None
        if flow is None:
            return
        if response.status == 503:
            self._penalties.failed(flow, now, retry_after(response))
        elif self._penalties:
            self._penalties.forgive(flow)

    def failed(self, flow: Flow | None, now: float) -> Flow | None:
        """The address was not reached, or said nothing. The flow to take after all, when it was a detour."""
        udp, self.udp = self.udp, None
        if flow is not None:
            self._penalties.failed(flow, now, NO_TCP if udp is not None else 0.0)
        return udp

    # ── the detour ────────────────────────────────────────────────────────────────────────────────────────────────────

    def detour(self, udp: Flow) -> str:
        """The URI whose flow is to be found; `arrived` takes it."""
        self.udp, self.asked = udp, True
        return f"sip:{host_port(udp.remote)};transport=tcp"

    def arrived(self, flows: tuple[Flow, ...], now: float) -> Flow | None:
        """The way by TCP, unless it is known to lead nowhere; None: the datagram after all."""
        self.asked = False
        return flows[0] if flows and not self._penalties.rests(flows[0], now) else None


def retry_after(response: Response) -> float:
    """Seconds that a Retry-After asks for (§20.33); 0 when there is none that can be read."""
    value = (response.header("retry-after") or "").lstrip()
    digits = value[: len(value) - len(value.lstrip("0123456789"))]
    return float(digits) if 0 < len(digits) < 10 else 0.0
