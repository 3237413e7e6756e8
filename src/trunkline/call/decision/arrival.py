"""A new INVITE: is it taken, and for whom? The only file that knows the order of the decision.

    scheme       the Request-URI is one we speak
    source       which trunks may it be from (routing/networks)
    number       what is dialled, in canonical form (call/decision/parties)
    trunk        whose it is (trunk/identify); nobody's: challenged, refused or dropped, as the policy says
    registration (explain alone) what the trunk's own registration has come to
    state        the trunk is enabled
    transport    and calls by the transport that it must
    credentials  and proves who it is, where it must (call/decision/proof)
    dialled      the number is one of the trunk's organization, or in a range of the trunk (routing/ranges); an agent's
                 side that asks for another one dials out, and `call/decision/departure` goes on
    lifecycle    active, takes calls, asks for no PIN
    agent        and somebody can be called for it (routing/select)
    limits       rates and places, last, and taken together (call/decision/admission)

`decide` looks and changes nothing; `arrive` also takes the places of a call that is admitted. `explain` asks `decide`
with a list to note the passed steps in, so that what it says is what calls meet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from trunkline.call.decision import departure, suspects
from trunkline.call.decision.admission import Admission
from trunkline.call.decision.case import Case
from trunkline.call.decision.parties import caller, dialled
from trunkline.call.decision.proof import Proof
from trunkline.call.decision.refusals import CAUSES, Refused
from trunkline.call.decision.verdict import Admitted, Challenged, Dropped, Note, Notes, Policy, Verdict
from trunkline.model.number import Number
from trunkline.model.trunk import Trunk
from trunkline.registrar.contacts import Contacts
from trunkline.routing.ranges import number_in
from trunkline.routing.select import Candidate, Selection, Silent, select
from trunkline.routing.table import Table, inbound_user
from trunkline.routing.telephone import plain
from trunkline.sip.digest import Verdict as Proven
from trunkline.sip.flow import Flow
from trunkline.sip.message import Request
from trunkline.sip.uri import UriError, parse_uri
from trunkline.trunk.identify import BY_CERTIFICATE, BY_REGISTRAR, BY_USER_ALONE, Identified, Signs, identify

_NOBODY: Final = Trunk(id="", organization_id="", name="")
_ENOUGH: Final = {
    "certificate": "Its certificate",
    "contact": "The Contact that we registered",
    "registration": "The flow that it registered over",
}
"""What tells a trunk that need not authenticate, beside its network."""
_CERTAIN: Final = frozenset({"endpoint", "user", "contact", "registration", "certificate"})
"""What tells a trunk from those of other organizations, whatever is dialled."""
_STATES: Final = {
    "provisioning": "not-provisioned",
    "inactive": "inactive",
    "failed": "provisioning-failed",
    "suspended": "suspended",
}


_LARGE: Final = 1000
"""Bytes from which a request may be too large for UDP: 1300, says the RFC, or 200 less than the path takes."""


class Arrival:
    """Decides about new INVITEs, over the live table. `now` is monotonic seconds everywhere."""

    __slots__ = ("admission", "chance", "contacts", "policy", "proof", "silent", "table")

    def __init__(self, table: Table, admission: Admission, proof: Proof, policy: Policy) -> None:
        self.table = table
        self.admission = admission
        self.proof = proof
        self.policy = policy
        self.contacts = Contacts()
        self.silent: Silent | None = None
        """What probes say of agents; nothing as long as nobody probes."""
        self.chance: Callable[[], float] | None = None
        """Numbers in [0, 1), for groups whose members are drawn."""

    def arrive(self, request: Request, flow: Flow, call_id: str, now: float) -> Verdict:
        """Decide, and take the places of an admitted call under `call_id`, our own id of it. They are given back by
        `admission.release(call_id)`."""
        verdict = self.decide(request, flow, now)
        if type(verdict) is Admitted:
            self.admission.take(verdict.trunk, flow.remote[0], call_id, now, self.policy.source_rate)
            if verdict.rules is not None:
                self.admission.take_outbound(verdict.number.organization_id, verdict.rules, call_id, now)
        return verdict

    def decide(self, request: Request, flow: Flow, now: float, notes: Notes | None = None) -> Verdict:
        """What `arrive` would say now. Nothing is taken and nothing is changed, but for `notes`; credentials that are
        right are used up where the proof is that of the wire."""
        case = Case(request, flow, now, notes)
        refused = _scheme(case)
        if refused is not None:
            return refused
        table = self.table
        sources = table.sources(flow.remote[0])
        if flow.remote[0] in self.contacts.peers:
            sources = suspects.joined(table, sources, self.contacts.peers[flow.remote[0]], BY_REGISTRAR)
        certified: Collection[str] = ()
        if self.contacts.certificates and flow in self.contacts.certificates:
            certified = table.with_certificate(self.contacts.certificates[flow])
            sources = suspects.joined(table, sources, certified, BY_CERTIFICATE)
        if notes is not None:
            trunks = "1 trunk" if len(sources) == 1 else f"{len(sources)} trunks"
            notes.append(Note("source", f"Calls of {trunks} may come from {flow.remote[0]}."))
        contact = suspects.contact(table, request.uri, self.contacts.users)
        bound = self.contacts.bindings.flows
        device = suspects.device(table, request, bound.get(flow)) if bound and contact is None else None
        asked = case.asked = dialled(request, table, sources, contact)
        if notes is not None:
            notes.append(Note("number", f"{asked.header} asks for {asked.text}."))
        found = self._identified(case, sources, contact, device, certified)
        if not isinstance(found, Identified):
            return found
        trunk = found.trunk
        case.caller = caller(request, trunk)
        if found.prefix == BY_USER_ALONE:
            # Naming a user is not being one: nothing is said about the trunk before the proof.
            stopped = self._proven(case, found) or _allowed(case, trunk)
        else:
            stopped = _allowed(case, trunk) or self._proven(case, found)
        if stopped is not None:
            return stopped
        if trunk.dials_out:
            leaving = departure.decide(case, found, table, self.admission)
            if isinstance(leaving, Admitted) and leaving.rules is not None:
                return self._room(case, trunk) or leaving
            if leaving is not None:
                return leaving
        number = _known(case, trunk)
        if not isinstance(number, Number):
            return number
        # To explain costs no chance: it says what is most likely.
        chance = self.chance if notes is None else None
        if notes is not None and trunk.identity != "off":
            borne = len(request.headers("Identity"))
            notes.append(
                Note("identity", f"The trunk's callers are to be vouched for ({trunk.identity}); it bears {borne}.")
            )
        selection = select(number, table.agents, table.trunks, self.silent, chance, self.contacts.bindings.of)
        refused = _lifecycle(case, number) or _reachable(case, number, selection, table) or self._room(case, trunk)
        if refused is not None:
            return refused
        return Admitted(
            trunk=trunk,
            number=number,
            candidates=selection.candidates,
            caller=case.caller,
            callee=number.e164,
            identified_by=found.by,
        )

    def _identified(
        self,
        case: Case,
        sources: Mapping[str, int],
        contact: str | None,
        device: str | None,
        certified: Collection[str],
    ) -> Identified | Refused | Challenged | Dropped:
        """Step `trunk`."""
        flow, number, policy = case.flow, case.asked.number, self.policy
        case.credentials = self.proof.credentials(case.request)
        user = case.credentials.username if case.credentials is not None else None
        own, agent_side = suspects.sides(self.table, number) if number is not None else (None, None)
        endpoint = suspects.endpoint(self.table, case.request.uri, policy.domain)
        ranged = suspects.ranged(self.table, sources, case.asked.text) if number is None else ()
        ours = number is not None or bool(ranged)
        signs = Signs(
            flow.transport, flow.remote[1], own, endpoint, user, agent_side, contact, ours, device, certified, ranged
        )  # fmt: skip
        by_user = self.table.with_user(user) if user is not None and policy.unknown_source == "challenge" else ()
        possible = suspects.gather(self.table, sources, number, signs, by_user)
        found = identify(possible, signs)
        if found is None:
            return self._unknown(case, signs)
        told = found.by in _CERTAIN
        if not told and len(possible) > 1 and (number is None or found.trunk.dials_out) and suspects.shared(possible):
            cause = "not-authenticated" if found.trunk.dials_out else "unknown-number"
            return case.refuse("trunk", cause, "Several organizations share the network it comes from.")
        case.trunk = found.trunk
        if case.notes is not None:
            case.notes.append(Note("trunk", f"It is trunk {found.trunk.name}, told by {found.by}."))
            if found.trunk.id in self.contacts.said:
                case.notes.append(Note("registration", self.contacts.said[found.trunk.id]))
        return found

    def _unknown(self, case: Case, signs: Signs) -> Refused | Challenged | Dropped:
        """Neither its source nor what it shows is of any trunk."""
        detail = f"{case.flow.remote[0]} is in no carrier trunk's networks."
        mend = CAUSES["unknown-source"].mend
        policy = self.policy.unknown_source
        if policy == "drop":
            return Dropped(step="trunk", detail=detail, mend=mend)
        if policy == "challenge":
            if case.credentials is not None:
                self.proof.verdict(case.credentials, case.request, _NOBODY, case.flow, case.now)
                return self._wrong(case, "trunk", f"{detail} No trunk has the digest user it shows.")
            # Whatever it dials or names: the answer must not say what there is.
            if self.table.authenticates():
                return Challenged(step="trunk", stale=False, trunk=None, detail=detail, mend=f"Authenticate. {mend}")
        return case.refuse("trunk", "unknown-source", detail)

    def _proven(self, case: Case, found: Identified) -> Refused | Challenged | None:
        """Step `credentials`."""
        trunk, credentials, step = found.trunk, case.credentials, "credentials"
        if not trunk.challenge and found.prefix != BY_USER_ALONE:
            if case.notes is not None:
                case.notes.append(Note(step, f"{_ENOUGH.get(found.by, 'Its network')} is enough."))
            return None
        if inbound_user(trunk) is None:
            mend = f"Give trunk {trunk.name} a user name and a password, or let its network be enough."
            return case.refuse(step, "wrong-credentials", "It must authenticate and has nothing to do it with.", mend)
        if credentials is None:
            detail, mend = f"Trunk {trunk.name} must authenticate.", "Authenticate, or let its network be enough."
            return Challenged(step=step, stale=False, trunk=trunk, detail=detail, mend=mend)
        verdict = self.proof.verdict(credentials, case.request, trunk, case.flow, case.now)
        if verdict is Proven.STALE:
            return Challenged(step=step, stale=True, trunk=trunk, detail="The nonce is too old.", mend="Ask again.")
        if verdict is not Proven.VERIFIED:
            if found.prefix == BY_USER_ALONE:
                # Anybody can name a user; the call log of its owner is not for anybody to fill.
                case.trunk = None
            return self._wrong(case, step, "The digest is not one of the trunk's password.")
        if case.notes is not None:
            case.notes.append(Note(step, f"It proved to be {credentials.username}."))
        return None

    def _wrong(self, case: Case, step: str, detail: str) -> Refused:
        assert case.credentials is not None
        returned = self.proof.returned(case.credentials, case.flow, case.now)
        return case.refuse(step, "wrong-credentials", detail, proven=returned)

    def _room(self, case: Case, trunk: Trunk) -> Refused | None:
        """Step `limits`."""
        policy, source = self.policy, case.flow.remote[0]
        full = self.admission.refuses(trunk, source, case.now, policy.source_rate, policy.max_calls)
        if full is None:
            if case.notes is not None:
                up = self.admission.capacity.used(trunk.id)
                case.notes.append(Note("limits", f"{up} calls are up on the trunk."))
            return None
        if full.cause == "trunk-full" and trunk.full_status == 486:
            return case.refuse("limits", full.cause, full.detail, status=486)
        return case.refuse("limits", full.cause, full.detail, retry_after=full.retry_after)


def _scheme(case: Case) -> Refused | None:
    uri = case.request.uri
    if plain(uri) is None:
        try:
            scheme = parse_uri(uri).scheme
        except UriError as error:
            return case.refuse("scheme", "malformed-uri", f"The Request-URI: {error}.")
        if scheme not in ("sip", "sips", "tel"):
            return case.refuse("scheme", "unsupported-scheme", f"{scheme[:16]} is no scheme of telephony.")
    if case.notes is not None:
        case.notes.append(Note("scheme", uri.partition(":")[0].lower()))
    return None


def _allowed(case: Case, trunk: Trunk) -> Refused | None:
    """Steps `state` and `transport`."""
    if not trunk.enabled:
        return case.refuse("state", "trunk-disabled", f"Trunk {trunk.name} is disabled.")
    transport = case.flow.transport
    if transport != trunk.transport and not _too_large(case, trunk):
        detail = f"Trunk {trunk.name} calls by {trunk.transport}, and this came by {transport}."
        return case.refuse("transport", "wrong-transport", detail)
    if case.notes is not None:
        case.notes.append(Note("state", "The trunk is enabled."))
        case.notes.append(Note("transport", f"{transport}, as it must."))
    return None


def _too_large(case: Case, trunk: Trunk) -> bool:
    """Whether it came by TCP only because it would have been too large for UDP (RFC 3261 §18.1.1)."""
    by_tcp = trunk.transport == "udp" and case.flow.transport == "tcp" and trunk.tcp_fallback
    return by_tcp and len(case.request.raw) > _LARGE


def _known(case: Case, trunk: Trunk) -> Number | Refused:
    """Step `dialled`."""
    number, text = case.asked.number, case.asked.text
    if number is None and trunk.ranges:
        number = number_in(trunk, text)
    if number is None or number.organization_id != trunk.organization_id:
        mend = CAUSES["unknown-number"].mend
        if not text.startswith("+") and trunk.country is None:
            mend += f" If the carrier dials national numbers, set the country of trunk {trunk.name}."
        elif trunk.accepts_registration and not trunk.dials_out:
            mend += f" If its phones may call telephones, give trunk {trunk.name} the role agent."
        return case.refuse("dialled", "unknown-number", f"{text[:64]} is no number of the trunk's organization.", mend)
    case.number, case.agent_id = number, number.agent_id
    if case.notes is not None:
        what = "a number of the organization" if number.id else "in a range of the trunk's"
        case.notes.append(Note("dialled", f"{number.e164} is {what}."))
    return number


def _lifecycle(case: Case, number: Number) -> Refused | None:
    step = "lifecycle"
    if number.state != "active":
        return case.refuse(step, _STATES[number.state], f"{number.e164} is {number.state}.")
    if not number.supports_inbound:
        return case.refuse(step, "inbound-not-supported", f"{number.e164} takes no inbound calls.")
    if number.inbound_pin is not None:
        return case.refuse(step, "pin-unsupported", f"{number.e164} asks its callers for a PIN.")
    if case.notes is not None:
        case.notes.append(Note(step, "It is active and takes inbound calls."))
    return None


def _reachable(case: Case, number: Number, selection: Selection, table: Table) -> Refused | None:
    """Step `agent`."""
    if selection.candidates:
        if case.notes is not None:
            names = ", ".join([_name(candidate) for candidate in selection.candidates])
            passed = [
                f" Passed over: {table.called(skip.agent_id)} ({skip.cause}). {skip.mend}" for skip in selection.skipped
            ]
            case.notes.append(Note("agent", f"It tries {names}.{''.join(passed)}"))
        return None
    if selection.skipped:
        skip = selection.skipped[0]
        name = table.called(skip.agent_id)
        return case.refuse("agent", skip.cause, f"Agent {name} of {number.e164} cannot be called.", skip.mend)
    return case.refuse("agent", "no-agent", f"{number.e164} has no agent.")


def _name(candidate: Candidate) -> str:
    return f"{candidate.agent.name} at {candidate.uri}" if candidate.uri else f"{candidate.agent.name} (built in)"
