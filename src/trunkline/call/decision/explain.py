"""What would happen to an INVITE that was not sent: arrival's own decision over the live table, step by step.

The INVITE is written out and parsed as one from the wire is, and arrival decides about it; nothing here decides
anything. No place is taken and no token spent.
"""

from __future__ import annotations

from math import ceil

import msgspec

from trunkline.call.decision.arrival import Arrival
from trunkline.call.decision.proof import Supposed
from trunkline.call.decision.refusals import Refused
from trunkline.call.decision.verdict import Admitted, Challenged, Dropped, Notes, Verdict
from trunkline.guard.bans import Ban
from trunkline.model.call import Direction
from trunkline.model.number import Number
from trunkline.registrar.contacts import Contacts
from trunkline.sip.flow import Flow, Transport, host_port
from trunkline.sip.inspect import inspect
from trunkline.sip.message import Malformed, Request, parse
from trunkline.sip.status import phrase
from trunkline.sip.uri import UriError, parse_uri, sip_uri


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that arrival looked at."""

    name: str
    passed: bool
    detail: str
    mend: str = ""
    """What would make it pass."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What the INVITE would meet now."""

    accepted: bool
    status: int
    """The SIP answer: 100 when it would be routed, 0 when there would be none."""
    phrase: str
    cause: str
    """`routed`, `challenged`, `dropped`, `banned`, or one of `refusals.CAUSES`."""
    steps: tuple[Step, ...]
    organization_id: str | None = None
    trunk_id: str | None = None
    number_id: str | None = None
    caller: str | None = None
    callee: str | None = None
    agent_ids: tuple[str, ...] = ()
    direction: Direction = "inbound"
    """`outbound` once it is known that an agent's side dials out."""
    carrier_ids: tuple[str, ...] = ()
    """Of an outbound call: the trunks that it would try."""


class Hypothetical(msgspec.Struct, frozen=True, kw_only=True):
    """An INVITE that was not sent."""

    source: str
    """Literal address."""
    port: int = 5060
    transport: Transport = "udp"
    to: str
    """A number, a user, or a whole Request-URI."""
    caller: str | None = None
    """A number, a user, or a whole From URI; None: anonymous."""
    digest_user: str | None = None
    """Whom it authenticates as, its digest being right; None: it does not authenticate."""
    certificate: str | None = None
    """What the certificate that its connection shows bears: a name, or its SHA-256 fingerprint in hex; None: it shows
    none."""
    headers: tuple[tuple[str, str], ...] = ()
    """More header lines, as (name, value)."""


def explain(
    arrival: Arrival, hypothetical: Hypothetical, now: float, local: tuple[str, int], ban: Ban | None = None
) -> Explanation:
    """What `arrival` would answer. `local`: the address of ours that it would be sent to; `ban`: that of its source."""
    if ban is not None and (ban.everywhere or hypothetical.transport == "udp"):
        return _unheard(ban, now)
    flow = Flow(hypothetical.transport, local, (hypothetical.source, hypothetical.port))
    message = parse(written(hypothetical, local))
    if isinstance(message, Request):
        message = inspect(message) or message
    if not isinstance(message, Request):
        reason = message.reason if isinstance(message, Malformed) else "not a request"
        step = Step(name="message", passed=False, detail=reason, mend="Write numbers and URIs as SIP does.")
        return Explanation(accepted=False, status=400, phrase=phrase(400), cause="malformed", steps=(step,))
    supposed = Arrival(arrival.table, arrival.admission, Supposed(hypothetical.digest_user), arrival.policy)
    supposed.contacts = _showing(arrival.contacts, hypothetical, flow)
    supposed.silent = arrival.silent
    return explained(supposed, message, flow, now)


def _unheard(ban: Ban, now: float) -> Explanation:
    """Why does not concern whoever asks: an operator sees it in the list."""
    how = "by any transport" if ban.everywhere else "by UDP"
    step = Step(
        name="heard",
        passed=False,
        detail=f"{ban.source} is banned for {max(1, ceil(ban.until - now))} s more: nothing it sends {how} is read.",
        mend=f"An operator sees why in GET /v1/bans and ends it with DELETE /v1/bans/ban_{ban.id}; so does a trunk "
        "that has the source in its networks.",
    )
    return Explanation(accepted=False, status=0, phrase="No answer", cause="banned", steps=(step,))


def _showing(contacts: Contacts, hypothetical: Hypothetical, flow: Flow) -> Contacts:
    """What is known of those who call, and the certificate that is supposed."""
    if hypothetical.certificate is None:
        return contacts
    shown = Contacts()
    shown.users, shown.said, shown.peers = contacts.users, contacts.said, contacts.peers
    shown.bindings, shown.certificates = contacts.bindings, {flow: (hypothetical.certificate,)}
    return shown


def explained(arrival: Arrival, request: Request, flow: Flow, now: float) -> Explanation:
    """The same about a request that is there, as a refused call's."""
    notes: Notes = []
    verdict = arrival.decide(request, flow, now, notes)
    steps = [Step(name=note.step, passed=True, detail=note.seen) for note in notes]
    status, cause = answer(verdict)
    trunk = None if isinstance(verdict, Dropped) else verdict.trunk
    number: Number | None = None
    caller: str | None = None
    callee: str | None = None
    agents: tuple[str, ...] = ()
    carriers: tuple[str, ...] = ()
    if isinstance(verdict, Admitted):
        number, caller, callee = verdict.number, verdict.caller, verdict.callee
        agents = tuple([candidate.agent.id for candidate in verdict.candidates])
        carriers = tuple([carrier.trunk.id for carrier in verdict.carriers])
    else:
        steps.append(Step(name=verdict.step, passed=False, detail=verdict.detail, mend=verdict.mend))
        if isinstance(verdict, Refused):
            number, caller, callee = verdict.number, verdict.caller, verdict.callee
    return Explanation(
        accepted=isinstance(verdict, Admitted),
        status=status,
        phrase=phrase(status) if status else "No answer",
        cause=cause,
        steps=tuple(steps),
        organization_id=trunk.organization_id if trunk is not None else None,
        trunk_id=trunk.id if trunk is not None else None,
        number_id=number.id or None if number is not None else None,
        caller=caller,
        callee=callee,
        agent_ids=agents,
        direction=verdict.direction if isinstance(verdict, Admitted | Refused) else "inbound",
        carrier_ids=carriers,
    )


def answer(verdict: Verdict) -> tuple[int, str]:
    """The SIP status a verdict is answered with, and its word."""
    if isinstance(verdict, Admitted):
        return 100, "routed"
    if isinstance(verdict, Refused):
        return verdict.status, verdict.cause
    if isinstance(verdict, Challenged):
        return 401, "challenged"
    return 0, "dropped"


def written(hypothetical: Hypothetical, local: tuple[str, int]) -> bytes:
    """The INVITE on the wire. Line ends in the values cannot make header lines of it."""
    source = host_port((hypothetical.source, hypothetical.port))
    target = _uri(hypothetical.to, local[0], None if local[1] == 5060 else local[1])
    if hypothetical.caller is None:
        caller = '"Anonymous" <sip:anonymous@anonymous.invalid>'
    else:
        caller = f"<{_uri(hypothetical.caller, hypothetical.source, None)}>"
    lines = [
        f"INVITE {target} SIP/2.0",
        f"Via: SIP/2.0/{hypothetical.transport.upper()} {source};branch=z9hG4bKhypothetical",
        "Max-Forwards: 70",
        f"From: {caller};tag=hypothetical",
        f"To: <{target}>",
        "Call-ID: hypothetical",
        "CSeq: 1 INVITE",
        f"Contact: <sip:{source}>",
        *[f"{name}: {value}" for name, value in hypothetical.headers],
        "Content-Length: 0",
    ]
    text = "\r\n".join([line.replace("\r", " ").replace("\n", " ") for line in lines])
    return f"{text}\r\n\r\n".encode("utf-8", "surrogateescape")


def _uri(text: str, host: str, port: int | None) -> str:
    """A URI as it stands; anything else is the user part of one at `host`."""
    try:
        parse_uri(text)
    except UriError:
        # Read by nobody before arrival: what a number without its plus means, the trunk's country decides.
        return str(sip_uri(host, text.replace(" ", ""), port))
    return text
