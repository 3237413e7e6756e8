"""What arrival decided, made real: a call that was admitted, or the record of one that was refused."""

from __future__ import annotations

from typing import Final

from trunkline.call.b2bua.call import Call
from trunkline.call.b2bua.ledger import Ledger, LegEntry, peer
from trunkline.call.b2bua.search import Wanted
from trunkline.call.b2bua.vetting import Vetting
from trunkline.call.decision.admission import Admission
from trunkline.call.decision.privacy import identity
from trunkline.call.decision.refusals import Refused
from trunkline.call.decision.verdict import Admitted
from trunkline.call.leg.headers import crossing
from trunkline.call.leg.uas_leg import UasLeg
from trunkline.call.leg.user_agent import UserAgent
from trunkline.identity.verify import Verifier
from trunkline.model.call import CallRecord
from trunkline.model.number import Number
from trunkline.model.organization import OutboundRules
from trunkline.model.trunk import Trunk
from trunkline.sdp.multipart import find_sdp
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request

_MOST_HOPS: Final = 70


def admitted(
    ua: UserAgent,
    admission: Admission,
    verdict: Admitted,
    request: Request,
    flow: Flow,
    call_id: str,
    now: float,
    verifier: Verifier,
) -> Call:
    """The call, with its caller's leg; nothing was said to anybody yet."""
    trunk, number = verdict.trunk, verdict.number
    caller = UasLeg(ua, f"{call_id}:0", call_id, request, flow, trunk.nat)
    ledger = Ledger(
        call_id,
        number.organization_id,
        verdict.direction,
        now + ua.epoch,
        trunk.id,
        number.id or None,
        number.e164,
        verdict.caller,
        verdict.callee,
    )
    ledger.agent_id = verdict.agent_id
    hops, kind = request.get("max-forwards"), request.get("content-type")
    line = LegEntry("caller", ledger.started_at, request.call_id, request.uri, trunk.id)
    line.peer = peer(flow)
    wanted = Wanted(
        trunk,
        number,
        flow,
        request.body if find_sdp(kind, request.body) is not None else b"",
        kind,
        crossing(request, f"x-{ua.brand.lower()}-"),
        identity(request) if trunk.trust_identity else (),
        min(int(hops), _MOST_HOPS) - 1 if hops is not None and hops.isdecimal() else _MOST_HOPS - 1,
        caller.reliable,
        verdict.private,
    )
    vetting = None
    if trunk.identity != "off" and not verdict.carriers:
        vetting = Vetting(call_id, verifier, trunk, request, verdict.callee)
    return Call(
        ua,
        ledger,
        caller,
        line,
        wanted,
        verdict.carriers or verdict.candidates,
        admission,
        longest=longest(verdict.number, verdict.rules, bool(verdict.carriers), admission, now),
        tolled=verdict.rules is not None,
        vetting=vetting,
    )


def longest(
    number: Number, rules: OutboundRules | None, outbound: bool, admission: Admission, now: float
) -> float | None:
    """Seconds after the answer at which the call is ended; None for one that is not, as an emergency call. `rules`:
    what an outbound call counts against."""
    limits: list[float] = []
    if number.config.max_duration and (not outbound or rules is not None):
        limits.append(number.config.max_duration)
    if rules is not None:
        allowed = admission.longest(number.organization_id, rules, now)
        if allowed is not None:
            limits.append(allowed)
    return min(limits) if limits else None


def refused(verdict: Refused, trunk: Trunk, request: Request, flow: Flow, call_id: str, wall: float) -> CallRecord:
    """The log's row for a call that a known trunk brought and did not get, with what would mend it."""
    number = verdict.number
    ledger = Ledger(
        call_id,
        number.organization_id if number is not None else trunk.organization_id,
        verdict.direction,
        wall,
        trunk.id,
        number.id or None if number is not None else None,
        number.e164 if number is not None else None,
        verdict.caller,
        verdict.callee,
    )
    ledger.agent_id = verdict.agent_id
    ledger.status, ledger.cause = "failed", verdict.cause
    ledger.detail = f"{verdict.detail} {verdict.mend}".strip()
    ledger.sip_status, ledger.hung_up_by, ledger.ended_at = verdict.status, "edge", wall
    line = LegEntry("caller", wall, request.call_id, request.uri, trunk.id)
    line.peer, line.status, line.phrase = peer(flow), verdict.status, verdict.phrase
    line.reason, line.ended_at = verdict.reason_header, wall
    ledger.legs.append(line)
    return ledger.record()
