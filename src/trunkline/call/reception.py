"""Where requests outside of any dialog are met: answered without state, refused with a record, or made a call.

In this order: whether new calls are taken at all now, whether the request is well formed and of a kind that we take,
and whether we hold it already; only then arrival looks at the configuration. Until a call is made nothing is remembered
of the sender.
"""

from __future__ import annotations

from collections.abc import Container

from trunkline.call.b2bua import admittance
from trunkline.call.b2bua.call import Call
from trunkline.call.b2bua.invitation import call_id_header
from trunkline.call.beside.registrar import Registrar
from trunkline.call.decision.arrival import Arrival
from trunkline.call.decision.proof import Digest
from trunkline.call.decision.refusals import Refused
from trunkline.call.decision.verdict import Admitted, Challenged
from trunkline.call.leg.gate import Stateless, capabilities, examine, examine_invite
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.outputs import Finished, Heard, Journal, Observed, Output
from trunkline.guard.overload import Overload
from trunkline.guard.recent import Recent
from trunkline.identity.verify import Verifier
from trunkline.model.ids import mint
from trunkline.model.journal import Ended
from trunkline.sip.digest import OFFERED
from trunkline.sip.flow import Flow
from trunkline.sip.inspect import inspect
from trunkline.sip.message import Malformed, Request

_DRAIN_RETRY = 30
"""Seconds for Retry-After while the edge drains: another will be there by then."""


class Reception:
    """One worker's door."""

    __slots__ = (
        "_arrival",
        "_call_id_header",
        "_digest",
        "_invites",
        "_overload",
        "_shed",
        "_ua",
        "draining",
        "gate",
        "registrar",
        "verifier",
    )

    def __init__(self, ua: UserAgent, arrival: Arrival, digest: Digest, gate: Stateless, overload: Overload) -> None:
        self.gate = gate
        self.draining = False
        self.verifier = Verifier()
        """Who is trusted to vouch for callers; nobody until it is told."""
        self._ua = ua
        self._arrival = arrival
        self._digest = digest
        self._overload = overload
        self._shed = Recent(ua.layer.timing.patience)
        self._invites: set[tuple[str, str, int]] = set()
        """Call-ID, From tag and CSeq number of each live caller's INVITE: what forked and comes twice is known by
        them."""
        self._call_id_header = call_id_header(ua.brand).lower()
        self.registrar = Registrar(ua, arrival.table, digest, gate, arrival.contacts.bindings)

    def __len__(self) -> int:
        return len(self._invites)

    def release(self, identity: tuple[str, str, int]) -> None:
        """The call of that INVITE has ended."""
        self._invites.discard(identity)

    def malformed(self, fault: Malformed, flow: Flow) -> list[Output]:
        """Count what is no SIP message, and answer it where it can be answered."""
        outs: list[Output] = [Observed("malformed", source(flow), fault.reason, fault.status)]
        if fault.request is not None:
            words = "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in fault.reason)
            warning = f'Warning: 399 {self._ua.brand} "{words}"\r\n'
            outs += self.gate.answer(fault.request, flow, fault.status, warning)
        return outs

    def receive(
        self, request: Request, flow: Flow, data: bytes, calls: Container[str], now: float
    ) -> Call | list[Output] | None:
        """The call that a request begins, not yet begun; or what else it is met with. None: an INVITE that asks for a
        place in a call that is up (RFC 3891)."""
        invite = request.method == "INVITE"
        if invite or request.method == "OPTIONS":
            busy = self._unavailable(request, invite, now)
            if busy:
                after = self._overload.retry_after(self._ua.tokens.chance()) if busy == "shed" else _DRAIN_RETRY
                outs: list[Output] = [Observed(busy, source(flow), busy, 503)] if invite else []
                return outs + self.gate.answer(request, flow, 503, f"Retry-After: {after}\r\n")
        fault = inspect(request)
        if fault is not None:
            return self.malformed(fault, flow)
        refusal = examine(request) or (examine_invite(request, self._ua.extensions.min_se) if invite else None)
        if refusal is not None:
            return [
                Observed("refused", source(flow), refusal.reason, refusal.status),
                *self.gate.answer(request, flow, refusal.status, refusal.headers),
            ]
        if request.method == "OPTIONS":
            contact = self._ua.contact(flow, self._ua.tokens.worker)
            return [*self.gate.answer(request, flow, 200, capabilities(contact, self._ua.brand))]
        if request.method == "REGISTER":
            return self.registrar.receive(request, flow, now, source(flow))
        if not invite:
            # BYE, UPDATE or INFO of a dialog that nobody named; and nobody transfers what it has no part in.
            return [*self.gate.answer(request, flow, 403 if request.method == "REFER" else 481)]
        if self._returns(request, calls):
            observed = Observed("refused", source(flow), "loop", 482)
            return [observed, *self.gate.answer(request, flow, 482)]
        if request.get("replaces") is not None:
            return None
        return self._invite(request, flow, data, now)

    def _unavailable(self, request: Request, invite: bool, now: float) -> str:
        if self.draining:
            # Who asks for a place in a call that is up begins none.
            return "draining" if not invite or request.get("replaces") is None else ""
        if not invite:
            return "shed" if self._overload.share else ""
        # What was refused stays refused when it is repeated: its sender has had its answer.
        key = f"{request.via.branch} {request.call_id}"
        if self._shed.holds(key, now):
            return "shed"
        if self._overload.share and self._overload.refuses(self._ua.tokens.chance()):
            self._shed.add(key, now)
            return "shed"
        return ""

    def _returns(self, request: Request, calls: Container[str]) -> bool:
        """Whether this INVITE is one that we hold already: our own call come back, or a request that forked on its way
        and reaches us twice (§8.2.2.2)."""
        own = request.get(self._call_id_header)
        if own is not None and own.removeprefix("call_") in calls:
            return True
        return (request.call_id, request.from_tag or "", request.cseq) in self._invites

    def _invite(self, request: Request, flow: Flow, data: bytes, now: float) -> Call | list[Output]:
        ua = self._ua
        call_id = mint(now + ua.epoch, bytes.fromhex(ua.tokens.token()[2:22]))
        verdict = self._arrival.arrive(request, flow, call_id, now)
        if isinstance(verdict, Admitted):
            call = admittance.admitted(ua, self._arrival.admission, verdict, request, flow, call_id, now, self.verifier)
            self._invites.add(call.caller.identity)
            return call
        if isinstance(verdict, Refused):
            return self._refuse(verdict, request, flow, data, call_id, now)
        if isinstance(verdict, Challenged):
            device = verdict.trunk is not None and verdict.trunk.accepts_registration
            algorithms = self.registrar.bindings.terms.algorithms if device else OFFERED
            lines = self._digest.challenge(flow, now, verdict.stale, algorithms)
            headers = "".join([f"WWW-Authenticate: {line}\r\n" for line in lines])
            observed = Observed("challenged", source(flow), "stale" if verdict.stale else "credentials", 401)
            return [observed, *self.gate.answer(request, flow, 401, headers)]
        return [Observed("dropped", source(flow), "unknown-source")]

    def _refuse(
        self, verdict: Refused, request: Request, flow: Flow, data: bytes, call_id: str, now: float
    ) -> list[Output]:
        """A refusal of a known trunk has its record; anybody else is only counted."""
        ua, trunk = self._ua, verdict.trunk
        headers = f"Reason: {verdict.reason_header}\r\nWarning: {verdict.warning(ua.brand)}\r\n"
        if verdict.retry_after:
            headers += f"Retry-After: {verdict.retry_after}\r\n"
        outs: list[Output] = [
            Observed(
                "refused",
                source(flow),
                verdict.cause,
                verdict.status,
                verdict.organization_id or "",
                trunk.id if trunk is not None else "",
                verdict.detail,
                verdict.proven,
            )
        ]
        if trunk is None:
            return outs + self.gate.answer(request, flow, verdict.status, headers)
        key = ua.layer.open(request, flow, "", call_id).key
        record = admittance.refused(verdict, trunk, request, flow, call_id, now + ua.epoch)
        outs += [Heard(call_id, flow, data), Journal(Ended(record)), Finished(record)]
        return [*outs, *ua.layer.respond(key, verdict.status, now, ua.tokens.token(), headers)]


def source(flow: Flow) -> str:
    """How a sender is counted: by transport and address."""
    return f"{flow.transport}:{flow.remote[0]}"
