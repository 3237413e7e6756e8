"""An INVITE from an agent's side to a telephone: may it go out, and by which carriers?

The second half of the decision, where `call/decision/arrival` has found out whose request it is:

    caller       the calling number is the organization's, active, and calls out
    destination  what is dialled is a telephone number; one of the organization's own is no outbound call
    emergency    an emergency number goes out when the organization has enabled them, past all guards
    guard        the allow list, the calls a second and at once, the day's limit
    carrier      and somebody can carry it (routing/outbound)

It looks and changes nothing, like arrival.
"""

from __future__ import annotations

from typing import NamedTuple

from trunkline.call.decision.admission import Admission
from trunkline.call.decision.case import Case
from trunkline.call.decision.parties import Dialled, calling, destination
from trunkline.call.decision.refusals import Refused
from trunkline.call.decision.verdict import Admitted, Note, Notes
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.model.trunk import Trunk
from trunkline.routing.destination import country_of, emergency
from trunkline.routing.outbound import RING, Carrier, NotDialled, carriers, forbidden
from trunkline.routing.table import Table
from trunkline.routing.telephone import E164
from trunkline.trunk.identify import Identified


def decide(case: Case, found: Identified, table: Table, admission: Admission) -> Admitted | Refused | None:
    """None when it is no outbound call, but one to a number of the organization's own."""
    trunk = found.trunk
    who = calling(case.request, trunk, table)
    number = who.number
    home = trunk.country or (country_of(number.e164) if number is not None else None)
    dialled = destination(case.request, trunk, home)
    ours = table.number(dialled)
    case.asked = Dialled(dialled[:64], ours, case.asked.header)
    if ours is not None and ours.organization_id == trunk.organization_id:
        return None
    case.direction = "outbound"
    case.caller = who.text
    organization = table.organizations.get(trunk.organization_id)
    if number is None or organization is None or number.organization_id != organization.id:
        shown = who.text[:64] if who.text is not None else "A withheld number"
        mend = "" if trunk.default_caller is None else f"Correct default_caller of trunk {trunk.name}."
        return case.refuse("caller", "caller-not-owned", f"{shown} is no number of the trunk's organization.", mend)
    case.number, case.agent_id = number, _dialling(number, trunk, table)
    going = outward(organization, number, dialled, home, table, admission, case.now, case.notes)
    if isinstance(going, Objection):
        return case.refuse(going.step, going.cause, going.detail, going.mend, retry_after=going.retry_after)
    return Admitted(
        trunk=trunk,
        number=number,
        candidates=(),
        caller=number.e164,
        callee=dialled,
        identified_by=found.by,
        carriers=going,
        agent_id=case.agent_id,
        rules=organization.outbound if E164.fullmatch(dialled) else None,
        private=who.private,
    )


def _dialling(number: Number, trunk: Trunk, table: Table) -> str | None:
    """The calling number's agent, when the trunk that dials is the one it is reached by."""
    agent = table.agents.get(number.agent_id) if number.agent_id is not None else None
    return agent.id if agent is not None and agent.trunk_id == trunk.id else None


class Objection(NamedTuple):
    """Why a number of ours does not call out."""

    step: str
    cause: str
    """A word of `refusals.CAUSES`."""
    detail: str
    mend: str = ""
    """Empty for the cause's own."""
    retry_after: int = 0
    """Seconds."""


def outward(
    organization: Organization,
    number: Number,
    dialled: str,
    home: str | None,
    table: Table,
    admission: Admission,
    now: float,
    notes: Notes | None,
    ring_timeout: float = RING,
) -> tuple[Carrier, ...] | Objection:
    """Steps `caller` to `carrier`, for a calling number that is the organization's. `home`: the country in which
    `dialled` was dialled."""
    if number.state != "active":
        return Objection("caller", "caller-not-active", f"{number.e164} is {number.state}.")
    if not number.supports_outbound:
        return Objection("caller", "outbound-not-supported", f"{number.e164} makes no outbound calls.")
    if notes is not None:
        what = "a number of the organization" if number.id else "in a range of a carrier's"
        notes.append(Note("caller", f"{number.e164} is {what}, and calls out."))
    urgent = emergency(dialled, home)
    if not urgent and not E164.fullmatch(dialled):
        return Objection("destination", "not-a-number", f"{dialled[:64]} is no telephone number.")
    if notes is not None:
        notes.append(Note("destination", f"It dials {dialled}."))
    if urgent:
        if not organization.outbound.emergency:
            where = f" in {home}" if home is not None else ""
            return Objection("emergency", "emergency-not-enabled", f"{dialled} is an emergency number{where}.")
        if notes is not None:
            notes.append(Note("emergency", f"{dialled} is an emergency number, and they are enabled."))
    else:
        objection = _guarded(organization, number, dialled, admission, now, notes)
        if objection is not None:
            return objection
    owned = table.trunks_of(organization.id)
    found = carriers(organization, number, dialled, table.trunks, owned, emergency=urgent, ring_timeout=ring_timeout)
    if isinstance(found, NotDialled):
        return Objection("carrier", found.cause, found.detail, found.mend)
    if notes is not None:
        notes.append(Note("carrier", f"It tries {', '.join([f'{one.trunk.name} with {one.uri}' for one in found])}."))
    return found


def _guarded(
    organization: Organization, number: Number, dialled: str, admission: Admission, now: float, notes: Notes | None
) -> Objection | None:
    """Step `guard`."""
    rules = organization.outbound
    not_allowed = forbidden(rules, number.e164, dialled)
    if not_allowed is not None:
        return Objection("guard", not_allowed.cause, not_allowed.detail, not_allowed.mend)
    full = admission.refuses_outbound(organization.id, rules, now)
    if full is not None:
        return Objection("guard", full.cause, full.detail, "", full.retry_after)
    if notes is not None:
        left = admission.tolls.left(organization.id, rules.minute_price, rules.daily_limit, now)
        paid = "no daily limit" if left is None else f"{left} minutes are left of today's limit"
        notes.append(Note("guard", f"The organization may call it; {paid}."))
    return None
