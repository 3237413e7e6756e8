"""May a call of our own begin, and by whom? The decision for `call/b2bua/origination`, over the live table."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import structs

from trunkline.call.decision.arrival import Arrival
from trunkline.call.decision.departure import Objection, outward
from trunkline.call.inputs import Originate
from trunkline.model.agent import Agent
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.routing.destination import country_of
from trunkline.routing.outbound import Carrier
from trunkline.routing.select import Candidate, select


class Placed(NamedTuple):
    """A call that may begin."""

    organization: Organization
    number: Number
    """The calling one, with the agent and the metadata of this call."""
    agent: Agent
    agents: tuple[Candidate, ...]
    """Who is tried when the telephone has answered; at least one."""
    carriers: tuple[Carrier, ...]
    """At least one."""


def place(wish: Originate, arrival: Arrival, now: float) -> Placed | Objection:
    """May this call begin now, and by whom? Looks, and changes nothing."""
    table, admission, max_calls = arrival.table, arrival.admission, arrival.policy.max_calls
    number, organization = table.number(wish.calling), table.organizations.get(wish.organization)
    if number is None or organization is None or number.organization_id != organization.id:
        return Objection("caller", "caller-not-owned", f"{wish.calling} is no number of the organization.")
    home = country_of(number.e164)
    going = outward(organization, number, wish.to, home, table, admission, now, None, wish.timeout)
    if isinstance(going, Objection):
        return going
    number = structs.replace(number, agent_id=wish.agent, metadata={**number.metadata, **wish.metadata})
    selection = select(number, table.agents, table.trunks, arrival.silent, arrival.chance, arrival.contacts.bindings.of)
    agent = table.agents.get(wish.agent)
    if agent is None or not selection.candidates:
        if not selection.skipped:
            return Objection("agent", "agent-gone", "There is no such agent.")
        skip = selection.skipped[0]
        return Objection("agent", skip.cause, f"Agent {table.called(skip.agent_id)} cannot be called.", skip.mend)
    if max_calls is not None and len(admission.capacity) >= max_calls:
        return Objection("limits", "edge-full", f"The edge's {max_calls} calls are all up.", "", 5)
    return Placed(organization, number, agent, selection.candidates, going)
