"""Where a transfer goes: what a Refer-To, or a command, means to one organization.

    a number of the organization's       its agent, as a call to it would go
    another telephone number             out, by the organization's carriers (call/decision/departure)
    a URI at a trunk of its own          by that trunk; a telephone number at a carrier is the row above
    any other SIP URI                    there, when it is not at us and not at an address that only our own network has

A URI names a machine, and who may name one sends our INVITEs there: private addresses are for those that the
organization has entered as a trunk or an agent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple

from trunkline.call.b2bua.search import Attempt
from trunkline.call.leg.route import private
from trunkline.model.agent import Agent
from trunkline.model.number import Number
from trunkline.model.organization import OutboundRules
from trunkline.model.trunk import Trunk
from trunkline.routing.select import Bound, Candidate, Silent, leg_transport, select
from trunkline.routing.table import Table
from trunkline.routing.telephone import canonical
from trunkline.sip.grammar import same_host
from trunkline.sip.uri import Uri, parse_uri

_EXTENSION: Final = 6
"""Digits that a PBX's extension has at most; more of them are a telephone number, and go out as one."""


class Destination(NamedTuple):
    shown: str
    """What the record says: E.164 where it is a number, else the URI."""
    candidates: tuple[Attempt, ...] = ()
    rules: OutboundRules | None = None
    """Whose limits it counts against."""
    number: Number | None = None
    """The number of ours that it is."""
    telephone: str = ""
    """What is dialled when it is none of ours: it goes out by a carrier, where it may."""


class Unreachable(NamedTuple):
    """Why it goes nowhere."""

    status: int
    """The SIP answer that a REFER gets."""
    cause: str
    """A stable word."""
    detail: str


class Asker(NamedTuple):
    """Who asks."""

    organization: str
    country: str | None = None
    """How its national numbers are read."""
    uris: bool = True
    """Whether it may name a URI, or numbers alone."""
    ring_timeout: float = 30.0
    silent: Silent | None = None
    """Which agents are thought to be out of reach."""
    chance: Callable[[], float] | None = None
    bound: Bound | None = None


def find(table: Table, ours: Collection[str], asker: Asker, target: Uri) -> Destination | Unreachable:
    """Where `target` leads. `ours`: the hosts that are this edge's own."""
    if target.scheme == "tel":
        return _number(table, asker, target)
    if target.scheme not in ("sip", "sips"):
        return Unreachable(416, "transfer-scheme", f"{target.scheme[:16]} is no scheme of telephony.")
    agent = _agent_at(table, asker.organization, target) if asker.uris else None
    if agent is not None:
        own = table.trunks.get(agent.trunk_id) if agent.trunk_id is not None else None
        transport = own.transport if own is not None else None
        return Destination(str(target), (Candidate(agent, str(target), own, transport),))
    if any(same_host(target.host, host) for host in ours) or (target.param("user") or "").lower() == "phone":
        return _number(table, asker, target)
    trunk = _trunk_at(table, asker.organization, target.server)
    if trunk is not None and (not trunk.engine or trunk.provider == "generic"):
        user = target.subscriber
        dialled = user.strip("+").isdigit() and len(user) > _EXTENSION
        if dialled or canonical(user, trunk.country or asker.country) is not None:
            return _number(table, asker, target)
    if not asker.uris:
        return Unreachable(403, "transfer-not-allowed", "This peer may transfer to telephone numbers only.")
    if trunk is None and private(target.server):
        detail = f"{target.server} is a private address, and no trunk of the organization's."
        return Unreachable(403, "transfer-target-private", detail)
    if trunk is not None and not trunk.enabled:
        return Unreachable(403, "trunk-disabled", f"Trunk {trunk.name} is disabled.")
    there = Agent(
        id="",
        organization_id=asker.organization,
        name=target.host,
        kind="sip",
        uri=str(target),
        ring_timeout=asker.ring_timeout,
    )
    transport = leg_transport(trunk) if trunk is not None else None
    return Destination(str(target), (Candidate(there, str(target), trunk, transport),))


def allowed(table: Table, organization: str, candidates: Sequence[Attempt]) -> list[Attempt]:
    """Those that may be called, after somebody whom nobody configured has led on: to where the organization has a
    trunk it leads by no rule, and costs what a call there costs."""
    return [one for one in candidates if not _stray(table, organization, one)]


def _stray(table: Table, organization: str, one: Attempt) -> bool:
    if not isinstance(one, Candidate) or one.agent.id or one.trunk is not None or one.uri is None:
        return False
    return _trunk_at(table, organization, parse_uri(one.uri).server) is not None


def _number(table: Table, asker: Asker, target: Uri) -> Destination | Unreachable:
    text = target.subscriber
    context = target.user_param("phone-context")
    e164 = canonical(f"{context}{text}" if context and context[0] == "+" and text[:1] != "+" else text, asker.country)
    if e164 is None and text.isdecimal() and text.isascii() and len(text) <= _EXTENSION:
        # An emergency number, or one that nobody has: outbound calls know.
        return Destination(text, telephone=text)
    if e164 is None:
        return Unreachable(404, "transfer-not-a-number", f"{text[:64] or 'Nobody'} is no telephone number.")
    number = table.number(e164)
    if number is None or number.organization_id != asker.organization:
        return Destination(e164, telephone=e164)
    if number.state != "active":
        return Unreachable(480, "transfer-number-inactive", f"{e164} is {number.state}.")
    selection = select(number, table.agents, table.trunks, asker.silent, asker.chance, asker.bound)
    if not selection.candidates:
        why = selection.skipped[0].cause if selection.skipped else "no-agent"
        return Unreachable(480, why, f"{e164} has nobody who can be called.")
    return Destination(e164, selection.candidates, number=number)


def _trunk_at(table: Table, organization: str, host: str) -> Trunk | None:
    """The organization's trunk that this host is of."""
    try:
        address = ip_address(host)
    except ValueError:
        address = None
    for id in table.trunks_of(organization):
        trunk = table.trunks[id]
        if trunk.host is not None and same_host(trunk.host.strip("[]"), host):
            return trunk
        if address is not None and any(address in ip_network(network) for network in trunk.networks):
            return trunk
    return None


def _agent_at(table: Table, organization: str, target: Uri) -> Agent | None:
    text = str(target)
    for agent in table.agents.values():
        if agent.uri == text and agent.organization_id == organization and agent.enabled and agent.kind == "sip":
            return agent
    return None
