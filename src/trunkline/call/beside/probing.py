"""Asking trunks and agents whether they are there: an OPTIONS now and then (RFC 3261 §11), whose answers `trunk.health`
judges.

Probes are transactions like any other, owned by no leg. Health is shown and counted. It never blocks a call: of several
agents those that are silent are passed over (`routing.select`), an only one is called whatever its probes say.

A peer of several addresses is there when one of them is. A probe goes to the one that answered last; where it cannot be
sent it goes to the next at once, and where nobody answers the next probe does.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from trunkline.call.leg.course import retry_after
from trunkline.call.leg.user_agent import CAPABLE, UserAgent
from trunkline.call.outputs import Observed, Output, Resolve
from trunkline.model.agent import Agent
from trunkline.model.trunk import Trunk
from trunkline.routing.select import leg_transport
from trunkline.sip import compose
from trunkline.sip.flow import Flow, host_port
from trunkline.sip.grammar import bracketed
from trunkline.sip.message import Response
from trunkline.sip.uri import party
from trunkline.trunk.health import Health, Probe, Transition, speaks_for

OWNER = "probe:"
"""What the owner of a probe's transaction begins with; the id of who is probed follows."""


class _Watch:
    """One that is probed."""

    __slots__ = ("flow", "flows", "health", "number", "record", "transaction", "turn")

    def __init__(self, record: Trunk | Agent, health: Health) -> None:
        self.record = record
        self.health = health
        self.number = 0
        """The number of the probe that is under way."""
        self.transaction = ""
        """Its transaction, once it was sent."""
        self.flow: Flow | None = None
        """Where it went."""
        self.flows: list[Flow] = []
        """Where it goes when it cannot be sent there."""
        self.turn = 0
        """Which of the addresses is asked, counted from the best."""


class Probing:
    """The health of every trunk and agent that is probed. `trunks` are those that agents are reached by."""

    __slots__ = ("_soonest", "_trunks", "_watches", "ua")

    def __init__(self, ua: UserAgent, trunks: Mapping[str, Trunk]) -> None:
        self.ua = ua
        self._trunks = trunks
        self._watches: dict[str, _Watch] = {}
        self._soonest = inf

    def __len__(self) -> int:
        return len(self._watches)

    def health(self, id: str) -> Health | None:
        """Of a trunk or an agent; None when it is not probed."""
        watch = self._watches.get(id)
        return watch.health if watch is not None else None

    def reached(self) -> tuple[dict[str, bool], dict[str, bool]]:
        """Which trunks, and which agents, are there, of those that probes have judged; by id."""
        trunks: dict[str, bool] = {}
        agents: dict[str, bool] = {}
        for id, watch in self._watches.items():
            if watch.health.state != "unknown":
                found = trunks if isinstance(watch.record, Trunk) else agents
                found[id] = watch.health.state == "reachable"
        return trunks, agents

    def silent(self, agent: Agent, trunk: Trunk | None) -> str | None:
        """Why an agent is thought to be out of reach (`routing.select.Silent`)."""
        id = speaks_for(agent, trunk)
        health = self.health(id) if id is not None else None
        if health is None or health.state != "unreachable":
            return None
        return health.detail or "no answer"

    def put(self, record: Trunk | Agent, now: float) -> None:
        """A trunk or an agent is new or changed."""
        if not (record.probe and record.enabled and _target(record)):
            self.remove(record.id)
            return
        watch = self._watches.get(record.id)
        if watch is None:
            self._watches[record.id] = _Watch(record, Health(record, now, self.ua.tokens.chance()))
        else:
            watch.record = record
            watch.health.configure(record)
        self._measure()

    def remove(self, id: str) -> None:
        if self._watches.pop(id, None) is not None:
            self._measure()

    def deadline(self) -> float:
        return self._soonest

    def expire(self, now: float) -> list[Output]:
        if now < self._soonest:
            return []
        outs: list[Output] = []
        for watch in list(self._watches.values()):
            if watch.health.deadline <= now:
                misses = watch.health.misses
                said = watch.health.expire(now, self.ua.tokens.chance())
                if watch.health.misses > misses:
                    self._missed(watch, now)
                outs += self._judged(watch, said)
        self._measure()
        return outs

    # ── a probe's way ─────────────────────────────────────────────────────────────────────────────────────────────────

    def resolved(self, id: str, flows: tuple[Flow, ...], now: float) -> list[Output]:
        """Where a probe goes."""
        watch = self._watches.get(id)
        if watch is None or not flows:
            return self.failed(id, "", "no address to send to", now)
        turn = watch.turn % len(flows)
        watch.flows = [*flows[turn:], *flows[:turn]]
        return self._send(watch, watch.flows.pop(0), now)

    def answered(self, id: str, transaction: str, response: Response, now: float) -> list[Output]:
        watch = self._watches.get(id)
        if watch is None or transaction != watch.transaction or response.status < 200:
            return []
        if response.status == 503:
            self._missed(watch, now, retry_after(response))
        elif watch.flow is not None:
            self.ua.penalties.forgive(watch.flow)
        outs = self._judged(watch, watch.health.receive(watch.number, response.status, now))
        self._measure()
        return outs

    def failed(self, id: str, transaction: str, reason: str, now: float) -> list[Output]:
        """A probe could not be sent, or there is no address to send it to (no transaction)."""
        watch = self._watches.get(id)
        if watch is None or transaction != watch.transaction:
            return []
        if transaction:
            self._missed(watch, now)
            if watch.flows:
                return self._send(watch, watch.flows.pop(0), now)
        outs = self._judged(watch, watch.health.receive(watch.number, 0, now, reason))
        self._measure()
        return outs

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _send(self, watch: _Watch, flow: Flow, now: float) -> list[Output]:
        ua, record = self.ua, watch.record
        branch, tag, call_id = ua.tokens.branch(), ua.tokens.token(), ua.tokens.token()
        uri = _target(record)
        address = ua.address(flow)
        sent_by = host_port(address)
        trunk = self._trunk(record)
        route = f"Route: <{trunk.outbound_proxy}>\r\n" if trunk is not None and trunk.outbound_proxy else ""
        data = compose.request(
            f"OPTIONS {uri}",
            compose.via_line(flow, sent_by, branch),
            call_id,
            "1 OPTIONS",
            f"{route}From: <sip:{ua.tokens.worker}@{bracketed(address[0])}>;tag={tag}\r\nTo: <{party(uri)}>\r\n"
            f"{ua.contact(flow, ua.tokens.worker)}{CAPABLE}Accept: application/sdp\r\nUser-Agent: {ua.brand}\r\n",
        )
        watch.flow = flow
        watch.transaction, told = ua.layer.request(data, "OPTIONS", branch, flow, f"{OWNER}{record.id}", "", now)
        return [*told]

    def _missed(self, watch: _Watch, now: float, least: float = 0.0) -> None:
        """The address that was asked did not do: calls try it last, and the next probe asks another."""
        watch.turn += 1
        if watch.flow is not None:
            self.ua.penalties.failed(watch.flow, now, least)

    def _judged(self, watch: _Watch, said: list[Probe | Transition] | list[Transition]) -> list[Output]:
        outs: list[Output] = []
        record = watch.record
        for word in said:
            if isinstance(word, Probe):
                watch.number, watch.transaction, watch.flow, watch.flows = word.number, "", None, []
                outs.append(self._question(record))
            elif isinstance(record, Trunk):
                outs.append(
                    Observed(
                        "trunk-state",
                        reason=word.new,
                        organization_id=record.organization_id,
                        trunk_id=record.id,
                        detail=word.detail,
                    )
                )
            else:
                outs.append(
                    Observed(
                        "agent-state",
                        reason=word.new,
                        organization_id=record.organization_id,
                        agent_id=record.id,
                        detail=word.detail,
                    )
                )
        return outs

    def _question(self, record: Trunk | Agent) -> Resolve:
        trunk = self._trunk(record)
        uri = (trunk.outbound_proxy if trunk is not None else None) or _target(record)
        if trunk is None:
            return Resolve(f"{OWNER}{record.id}", uri)
        return Resolve(f"{OWNER}{record.id}", uri, leg_transport(trunk), trunk.tls)

    def _trunk(self, record: Trunk | Agent) -> Trunk | None:
        """By which it is reached."""
        if isinstance(record, Trunk):
            return record
        return self._trunks.get(record.trunk_id) if record.trunk_id is not None else None

    def _measure(self) -> None:
        self._soonest = min([watch.health.deadline for watch in self._watches.values()], default=inf)


def _target(record: Trunk | Agent) -> str:
    """The Request-URI of its probes; empty when there is none."""
    if isinstance(record, Trunk):
        return target(record) if record.host else ""
    return (record.uri or "") if record.kind == "sip" else ""


def target(trunk: Trunk) -> str:
    """The URI that stands for a trunk's peer itself."""
    port = f":{trunk.port}" if trunk.port else ""
    transport = leg_transport(trunk)
    return f"sip:{bracketed(trunk.host or '')}{port}" + (f";transport={transport}" if transport != "udp" else "")
