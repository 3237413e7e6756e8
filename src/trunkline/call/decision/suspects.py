"""Which trunks a request may be from, gathered from the table for `trunk.identify` to narrow.

A carrier signals for all its customers from the same networks, so a source may stand for thousands of trunks: what is
dialled, named or shown comes first, and what tells nothing is looked at only up to a bound.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Final

from trunkline.model.number import Number
from trunkline.model.trunk import Trunk
from trunkline.routing.ranges import number_in
from trunkline.routing.table import Table
from trunkline.routing.telephone import party_of_address
from trunkline.sip.message import Request
from trunkline.sip.uri import parse_uri
from trunkline.trunk.endpoint import named
from trunkline.trunk.identify import BY_CONTACT, BY_REGISTRATION, BY_USER_ALONE, Possible, Signs

MOST: Final = 64
"""Trunks that are looked at for a request whose number tells nothing."""


def first(table: Table, sources: Mapping[str, int]) -> Sequence[Trunk]:
    """The trunks of a source, up to `MOST`, those with the longest prefix first."""
    trunks = table.trunks
    return [trunks[id] for id in islice(sources, MOST)]


def ranged(table: Table, sources: Mapping[str, int], dialled: str) -> Collection[str]:
    """The ids of the source's trunks that have what is dialled in one of their ranges."""
    return [trunk.id for trunk in first(table, sources) if trunk.ranges and number_in(trunk, dialled) is not None]


def endpoint(table: Table, uri: str, domain: str) -> str | None:
    """The id of the trunk that the Request-URI, which is known to parse, names; None when it names none that exists."""
    text = uri.lower()
    if ";trunk=" not in text and ";tgrp=" not in text and not (domain and "." + domain.lower() in text):
        return None
    id = named(parse_uri(uri), domain)
    return id if id in table.trunks else None


def joined(table: Table, sources: Mapping[str, int], others: Collection[str], prefix: int) -> Mapping[str, int]:
    """The trunks of a source, and others that it is known to be of."""
    found = {id: prefix for id in others if id in table.trunks and id not in sources}
    return {**found, **sources} if found else sources


def contact(table: Table, uri: str, users: Mapping[str, str]) -> str | None:
    """The id of the trunk that registered the Contact which is asked for; None when it is none of ours. `users`: trunk
    ids by the user of their Contact."""
    if not users:
        return None
    start = uri.find(":") + 1
    id = users.get(uri[start : uri.find("@", start)])
    return id if id in table.trunks else None


def device(table: Table, request: Request, bound: Collection[str] | None) -> str | None:
    """The id of the trunk whose device has registered over the flow that a request comes by; of several, the one whose
    user it says it is from. `bound`: the ids of those that have."""
    if not bound:
        return None
    ids = [id for id in bound if id in table.trunks]
    if len(ids) > 1:
        said = party_of_address(request.get("from") or "")
        user = said.user if said is not None else ""
        ids = [id for id in ids if table.trunks[id].username == user]
    return ids[0] if len(ids) == 1 else None


def sides(table: Table, number: Number) -> tuple[str | None, str | None]:
    """The number's own trunk on the caller's side, and the trunk on the agent's side.

    A number may be on an engine's trunk, or on the one that its agent is reached by. Such a trunk does not bring its
    calls, and any carrier trunk of the organization may.
    """
    agent = table.agents.get(number.agent_id) if number.agent_id is not None else None
    agent_side = agent.trunk_id if agent is not None else None
    own = table.trunks.get(number.trunk_id) if number.trunk_id is not None else None
    if own is None or own.dials_out or own.id == agent_side or own.organization_id != number.organization_id:
        return None, agent_side
    return own.id, agent_side


def gather(
    table: Table, sources: Mapping[str, int], number: Number | None, signs: Signs, by_user: Collection[str]
) -> Sequence[Possible]:
    """The trunks that it may be from: with a number of ours, those of the number's organization, where there are any.

    `sources`: trunk ids by the source's address, with the prefix length. `by_user`: the ids of trunks that the digest
    user it shows would do for, wherever it comes from.
    """
    trunks = table.trunks
    if signs.contact is not None:
        return ((trunks[signs.contact], BY_CONTACT),)
    if signs.device is not None:
        return ((trunks[signs.device], BY_REGISTRATION),)
    if signs.own is not None and signs.own in sources:
        return ((trunks[signs.own], sources[signs.own]),)
    if number is not None:
        ours = table.trunks_of(number.organization_id)
        few, many = (ours, sources) if len(ours) < len(sources) else (sources, ours)
        found = [(trunks[id], sources[id]) for id in few if id in many]
        found += [(trunks[id], BY_USER_ALONE) for id in by_user if id in ours and id not in sources]
        # An agent's side may ask for a number of somebody else here; what it shows on purpose still tells it.
        found += [
            (trunks[id], sources.get(id, BY_USER_ALONE)) for id in by_user if id not in ours and trunks[id].dials_out
        ]
        named = trunks.get(signs.endpoint) if signs.endpoint is not None and signs.endpoint in sources else None
        if named is not None and named.dials_out and named.id not in ours:
            found.append((named, sources[named.id]))
        if any(not trunk.dials_out for trunk, _ in found):
            return found
    ids = list(islice(sources, MOST))
    if signs.endpoint is not None and signs.endpoint in sources and signs.endpoint not in ids:
        ids.append(signs.endpoint)
    ids += [id for id in islice(by_user, MOST) if id not in ids]
    return [(trunks[id], sources.get(id, BY_USER_ALONE)) for id in ids]


def shared(possible: Sequence[Possible]) -> bool:
    """Whether trunks of several organizations are among them."""
    return len({trunk.organization_id for trunk, _ in possible}) > 1
