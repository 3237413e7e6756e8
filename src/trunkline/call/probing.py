"""Asking trunks whether they are there: an OPTIONS now and then (RFC 3261 §11), whose answers `trunk.health` judges.

Probes are transactions like any other, owned by no leg. Health is shown and counted; it never blocks a call.
"""

from __future__ import annotations

from trunkline.call.outputs import Observed, Output, Resolve
from trunkline.call.user_agent import UserAgent
from trunkline.model.trunk import Trunk
from trunkline.routing.select import leg_transport
from trunkline.sip import compose
from trunkline.sip.flow import Flow
from trunkline.sip.grammar import bracketed
from trunkline.sip.message import Response
from trunkline.trunk.health import Health, Probe, Transition

OWNER = "probe:"
"""What the owner of a probe's transaction begins with; the trunk's id follows."""


class Probing:
    """The health of every trunk that is probed."""

    __slots__ = ("_numbers", "_soonest", "_trunks", "healths", "ua")

    def __init__(self, ua: UserAgent) -> None:
        self.ua = ua
        self.healths: dict[str, Health] = {}
        self._trunks: dict[str, Trunk] = {}
        self._numbers: dict[str, int] = {}
        """The number of the probe that is under way, by trunk."""
        self._soonest: float | None = None

    def __len__(self) -> int:
        return len(self.healths)

    def put(self, trunk: Trunk, now: float) -> None:
        """A trunk is new or changed."""
        if not (trunk.probe and trunk.enabled and trunk.host):
            self.remove(trunk.id)
            return
        self._trunks[trunk.id] = trunk
        health = self.healths.get(trunk.id)
        if health is None:
            self.healths[trunk.id] = Health(trunk, now, self.ua.tokens.chance())
        else:
            health.configure(trunk)
        self._measure()

    def remove(self, trunk_id: str) -> None:
        self.healths.pop(trunk_id, None)
        self._trunks.pop(trunk_id, None)
        self._numbers.pop(trunk_id, None)
        self._measure()

    def deadline(self) -> float | None:
        return self._soonest

    def expire(self, now: float) -> list[Output]:
        if self._soonest is None or now < self._soonest:
            return []
        outs: list[Output] = []
        for health in list(self.healths.values()):
            if health.deadline <= now:
                outs += self._judged(health.expire(now, self.ua.tokens.chance()))
        self._measure()
        return outs

    def resolved(self, trunk_id: str, flows: tuple[Flow, ...], now: float) -> list[Output]:
        """Where a probe goes: to the best address alone, for that is where calls go first."""
        trunk = self._trunks.get(trunk_id)
        if trunk is None or not flows:
            return self.failed(trunk_id, "no address to send to", now)
        ua, flow = self.ua, flows[0]
        branch, tag, call_id = ua.tokens.branch(), ua.tokens.token(), ua.tokens.token()
        uri = target(trunk)
        sent_by = ua.sent_by(flow)
        data = compose.request(
            f"OPTIONS {uri}",
            compose.via_line(flow, sent_by, branch),
            call_id,
            "1 OPTIONS",
            f"From: <sip:{ua.tokens.worker}@{sent_by}>;tag={tag}\r\nTo: <{uri}>\r\n"
            f"{ua.contact(flow, ua.tokens.worker)}Accept: application/sdp\r\nUser-Agent: {ua.brand}\r\n",
        )
        return [*ua.layer.request(data, "OPTIONS", branch, flow, f"{OWNER}{trunk_id}", "", now)[1]]

    def answered(self, trunk_id: str, response: Response, now: float) -> list[Output]:
        health, number = self.healths.get(trunk_id), self._numbers.get(trunk_id)
        if health is None or number is None:
            return []
        outs = self._judged(health.receive(number, response.status, now))
        self._measure()
        return outs

    def failed(self, trunk_id: str, reason: str, now: float) -> list[Output]:
        health, number = self.healths.get(trunk_id), self._numbers.get(trunk_id)
        if health is None or number is None:
            return []
        outs = self._judged(health.receive(number, 0, now, reason))
        self._measure()
        return outs

    def _judged(self, said: list[Probe | Transition] | list[Transition]) -> list[Output]:
        outs: list[Output] = []
        for word in said:
            trunk = self._trunks.get(word.trunk_id)
            if trunk is None:
                continue
            if isinstance(word, Probe):
                self._numbers[word.trunk_id] = word.number
                uri = trunk.outbound_proxy or target(trunk)
                outs.append(Resolve(f"{OWNER}{trunk.id}", uri, leg_transport(trunk), trunk.tls))
            else:
                outs.append(
                    Observed(
                        "trunk-state",
                        reason=word.new,
                        organization_id=trunk.organization_id,
                        trunk_id=trunk.id,
                        detail=word.detail,
                    )
                )
        return outs

    def _measure(self) -> None:
        self._soonest = min((health.deadline for health in self.healths.values()), default=None)


def target(trunk: Trunk) -> str:
    """The URI that stands for a trunk's peer itself."""
    port = f":{trunk.port}" if trunk.port else ""
    transport = leg_transport(trunk)
    return f"sip:{bracketed(trunk.host or '')}{port}" + (f";transport={transport}" if transport != "udp" else "")
