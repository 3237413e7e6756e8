"""Numbers of a carrier that nobody has one by one: a block of direct dialling, or whatever it brings.

A trunk's ranges say who answers them. A number that is kept as one goes before every range, and of ranges the one with
the longest prefix counts.
"""

from __future__ import annotations

from trunkline.model.number import Number
from trunkline.model.trunk import Range, Trunk
from trunkline.routing.table import Table
from trunkline.routing.telephone import E164, with_plus


def covering(trunk: Trunk, e164: str) -> Range | None:
    """The range of a trunk's that holds a number."""
    best: Range | None = None
    for one in trunk.ranges:
        if e164.startswith(one.prefix) and (best is None or len(one.prefix) > len(best.prefix)):
            best = one
    return best


def number_in(trunk: Trunk, dialled: str) -> Number | None:
    """What is dialled as a number of one of the trunk's ranges, without an id; None when none holds it. `dialled` may
    lack its plus."""
    if not trunk.ranges:
        return None
    e164 = dialled if dialled[:1] == "+" else with_plus(dialled)
    if e164 is None or not E164.fullmatch(e164):
        return None
    found = covering(trunk, e164)
    if found is None:
        return None
    return Number(id="", organization_id=trunk.organization_id, e164=e164, trunk_id=trunk.id, agent_id=found.agent_id)


def outbound_number(e164: str, organization_id: str, table: Table) -> Number | None:
    """A number that nobody has, of a range that one of the organization's carriers lets call out; None when no range
    holds it, or the one that does says nothing of calls out."""
    for id in table.trunks_of(organization_id):
        trunk = table.trunks[id]
        found = covering(trunk, e164) if trunk.ranges and trunk.enabled else None
        if found is not None and found.outbound:
            return number_in(trunk, e164)
    return None
