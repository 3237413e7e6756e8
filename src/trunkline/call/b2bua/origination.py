"""A call that the edge itself begins: a telephone and an agent, connected by third party call control (RFC 3725).

The telephone is called first, with an offer of our own whose media ends here: a carrier sees an ordinary call, which
not all of them would see in an INVITE without an offer (flow I). When somebody has answered, the agent is called with
what the telephone said, so that it may speak at once; its answer then goes to the telephone in a re-INVITE (as in
flow IV). So the agent never speaks to ringing, and who answers hears at most as much silence as the agent takes to
answer. Nothing is sent from our port but by an echo agent, which is simply the other end of that first call.
"""

from __future__ import annotations

from typing import Final

from trunkline.call.b2bua.admittance import longest
from trunkline.call.b2bua.call import Call
from trunkline.call.b2bua.ledger import Ledger, LegEntry
from trunkline.call.b2bua.moving import Moving
from trunkline.call.b2bua.search import AgentLeg, Nobody, Wanted
from trunkline.call.decision.admission import Admission
from trunkline.call.decision.arrival import Arrival
from trunkline.call.decision.departure import Objection
from trunkline.call.decision.placing import Placed, place
from trunkline.call.inputs import Originate
from trunkline.call.leg.asking import Outs
from trunkline.call.leg.events import Connected, Disconnected, Failed, LegEvent, Summoned
from trunkline.call.leg.host_leg import HostLeg
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.outputs import Journal
from trunkline.model.call import CallStatus, Side
from trunkline.model.journal import Began

_WAITING: Final = ("silence", "secure-silence")
"""The kinds of media that a telephone has until its agent is there, without SRTP and with it."""
_MAX_FORWARDS: Final = 70


def originated(ua: UserAgent, wish: Originate, arrival: Arrival, now: float) -> Origination | None:
    """The call, not yet begun, with its places taken; None when it may not begin."""
    placed, admission = place(wish, arrival, now), arrival.admission
    if isinstance(placed, Objection):
        return None
    admission.take_outbound(placed.organization.id, placed.organization.outbound, wish.call, now)
    return Origination(ua, wish, placed, admission, now)


class Origination(Call):
    """One of them."""

    __slots__ = ("agents", "host", "number")

    def __init__(self, ua: UserAgent, wish: Originate, placed: Placed, admission: Admission, now: float) -> None:
        number, rules = placed.number, placed.organization.outbound
        echo = placed.agents[0].agent.kind == "echo"
        # What the telephone answers is offered to the agent: where one of them takes nothing but SRTP, it is all SRTP.
        sides = (placed.carriers[0].trunk, placed.agents[0].trunk)
        secure = any(trunk is not None and trunk.media_encryption == "require" for trunk in sides)
        host = HostLeg(f"{wish.call}:0", wish.call, "echo" if echo else _WAITING[secure], wish.local, ())
        wall = now + ua.epoch
        ledger = Ledger(
            wish.call, number.organization_id, "outbound", wall, None, number.id, number.e164, number.e164, wish.to
        )
        ledger.agent_id = placed.agent.id
        line = LegEntry("caller" if echo else "edge", wall, None, None, None)
        line.agent_id = placed.agents[0].agent.id if echo else None
        super().__init__(
            ua,
            ledger,
            host,
            line,
            Wanted(None, None, wish.local, b"", None, (), (), _MAX_FORWARDS),
            placed.carriers,
            admission,
            longest=longest(number, rules, True, admission, now),
            tolled=True,
        )
        self.agents = () if echo else placed.agents
        """Who is called when the telephone has answered; nobody when the agent is there from the start."""
        self.number = number
        self.host = host
        """The leg that ends here, until the agent's takes its place."""

    def begin(self, now: float) -> Outs:
        """Make the offer; the telephone is called with it."""
        outs: Outs = [Journal(Began(self.ledger.record()))]
        return outs + self.host.begin()

    def receive(self, event: LegEvent, now: float) -> Outs:
        if self.ended or self.answered or event.leg != self.caller.id:
            return super().receive(event, now)
        if isinstance(event, Connected):
            self.offer, self.kind = event.body, event.content_type
            self._search.offers(event.body, event.content_type)
            return self._searched(self._search.attempt(now), now)
        if isinstance(event, Failed | Disconnected):
            detail = f"No media could be opened here: {event.reason}."
            outs = self.agent.disconnect("", now) if self.agent is not None else []
            return outs + self._give_up(Nobody(503, None, "", "failed", "media", "edge", detail), now)
        return []

    def _connected(self, event: Connected, agent: AgentLeg, now: float) -> Outs:
        outs = super()._connected(event, agent, now)
        if self.answered and self.agents:
            self.moving = Moving(self.id, self.ua.alarms)
            outs.append(Summoned(self.caller.id))
        return outs

    def _finish(self, status: CallStatus, cause: str, by: Side, sip_status: int | None, now: float) -> Outs:
        seat = self.bridge.seat("caller")
        if status == "completed" and self.agents and seat is not None and seat.party.id == self.caller.id:
            # Somebody answered, and never talked to an agent.
            status = "failed"
            cause = "left-waiting" if by == "agent" and cause == "normal" else cause
        return super()._finish(status, cause, by, sip_status, now)
