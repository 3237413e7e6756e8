"""Whose an INVITE with Replaces is: a trunk's of the call's organization that may transfer, or the very peer's that has
the place, when it is an agent's. A trunk that challenges its calls challenges this one too (RFC 3261 §22)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from trunkline.call.b2bua.bridge import Seat
from trunkline.call.decision import suspects
from trunkline.call.decision.arrival import Arrival
from trunkline.call.decision.proof import Digest
from trunkline.call.transfer.standing import agents_side
from trunkline.model.trunk import Trunk
from trunkline.routing.table import inbound_user
from trunkline.sip.digest import OFFERED, Verdict
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request
from trunkline.trunk.identify import BY_CERTIFICATE, BY_REGISTRAR

_NOBODY: Final = Trunk(id="", organization_id="", name="")


class Unproven(NamedTuple):
    """401: it is to prove who it is."""

    stale: bool
    algorithms: tuple[str, ...]


class Stranger(NamedTuple):
    """Nobody who may."""

    reason: str
    """A stable word."""


class Senders:
    """Those of one worker."""

    __slots__ = ("_arrival", "_digest")

    def __init__(self, arrival: Arrival, digest: Digest) -> None:
        self._arrival = arrival
        self._digest = digest

    def whose(
        self, organization: str, seat: Seat, request: Request, flow: Flow, now: float
    ) -> Trunk | Unproven | Stranger | None:
        """The trunk; None for the peer in `seat`, when that has none. Credentials that are right are used up."""
        suspected = list(self._suspected(organization, request, flow))
        for trunk in suspected:
            if not trunk.challenge:
                return trunk
        session = seat.party.session
        if agents_side(seat) and session is not None and session.dialog.flow.remote[0] == flow.remote[0]:
            if seat.trunk is None or not seat.trunk.challenge:
                return seat.trunk
        return self._proven(organization, suspected, request, flow, now)

    def challenge(self, unproven: Unproven, flow: Flow, now: float) -> str:
        """The header lines of the 401."""
        lines = self._digest.challenge(flow, now, unproven.stale, unproven.algorithms)
        return "".join([f"WWW-Authenticate: {line}\r\n" for line in lines])

    def _suspected(self, organization: str, request: Request, flow: Flow) -> Iterator[Trunk]:
        """The trunks that its source speaks for, and that may transfer."""
        table, contacts = self._arrival.table, self._arrival.contacts
        sources = suspects.joined(
            table, table.sources(flow.remote[0]), contacts.peers.get(flow.remote[0], ()), BY_REGISTRAR
        )
        shown = contacts.certificates.get(flow)
        if shown is not None:
            sources = suspects.joined(table, sources, table.with_certificate(shown), BY_CERTIFICATE)
        device = suspects.device(table, request, contacts.bindings.flows.get(flow))
        for id in (*((device,) if device is not None else ()), *sources):
            trunk = table.trunks.get(id)
            if trunk is not None and _may(trunk, organization):
                yield trunk

    def _proven(
        self, organization: str, suspected: list[Trunk], request: Request, flow: Flow, now: float
    ) -> Trunk | Unproven | Stranger:
        table, policy = self._arrival.table, self._arrival.policy
        credentials = self._digest.credentials(request)
        anywhere = policy.unknown_source == "challenge"
        if credentials is None:
            others = anywhere and any(
                inbound_user(table.trunks[id]) is not None and _may(table.trunks[id], organization)
                for id in table.trunks_of(organization)
            )
            return self._ask(suspected) if suspected or others else Stranger("replaces-not-allowed")
        if anywhere:
            named = [table.trunks[id] for id in table.with_user(credentials.username)]
            suspected += [trunk for trunk in named if _may(trunk, organization)]
        trunk = next((one for one in suspected if one.username == credentials.username), _NOBODY)
        verdict = self._digest.verdict(credentials, request, trunk, flow, now)
        if verdict is Verdict.STALE:
            return self._ask(suspected, stale=True)
        return trunk if verdict is Verdict.VERIFIED else Stranger("wrong-credentials")

    def _ask(self, suspected: list[Trunk], stale: bool = False) -> Unproven:
        device = any(trunk.accepts_registration for trunk in suspected)
        return Unproven(stale, self._arrival.contacts.bindings.terms.algorithms if device else OFFERED)


def _may(trunk: Trunk, organization: str) -> bool:
    return trunk.organization_id == organization and trunk.enabled and (trunk.allow_refer or trunk.dials_out)
