"""Whether a number works, from what is true now: its state, its trunk, registration and probes, its agent.

Nothing of it is kept. Each thing that is lacking is a sentence that says what mends it, with the very text to give to
the carrier where it is the carrier's turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from trunkline.control.calls.calls import Calls
from trunkline.control.configuration.state import State
from trunkline.control.ports import Health, Registration
from trunkline.control.routing.trunks import Finding, Trunks
from trunkline.model.agent import Agent
from trunkline.model.number import Number
from trunkline.model.trunk import Trunk

_LIFE = {
    "provisioning": "The number is still being provisioned: provision or verify it, then it takes calls.",
    "failed": "Provisioning failed{why}: mend that, then provision it again.",
    "inactive": "The number is inactive: set its status to active.",
    "suspended": "The number is suspended: ask the operator of this system.",
}


class Setup(NamedTuple):
    status: Literal["ready", "pending", "action_required"]
    inbound: bool
    outbound: bool
    agent: bool
    forwarding: bool
    """Whether the carrier has still to lead the number's calls here. It blocks nothing."""
    connection: bool
    issues: list[str]


class _Now(NamedTuple):
    """What was asked once for all numbers of a list."""

    health: dict[str, Health]
    found: dict[str, Finding]
    registrations: dict[str, Registration]
    endpoints: dict[str, str]
    reached: set[str]
    """Numbers that a call has come in for."""


class ReadinessOf:
    __slots__ = ("_calls", "_state", "_trunks")

    def __init__(self, state: State, trunks: Trunks, calls: Calls) -> None:
        self._state = state
        self._trunks = trunks
        self._calls = calls

    async def of(self, numbers: Sequence[Number]) -> dict[str, Setup]:
        """Of each by its id; all are of one organization. Raises `Unavailable`."""
        if not numbers:
            return {}
        organization_id = numbers[0].organization_id
        ids = tuple(trunk.id for trunk in self._state.catalogue.trunks_of(organization_id))
        now = _Now(
            await self._trunks.health(ids),
            await self._trunks.verified(ids),
            await self._trunks.registrations(ids),
            await self._trunks.endpoints(),
            await self._calls.reached(organization_id, [number.e164 for number in numbers]),
        )
        return {number.id: self._of(number, now) for number in numbers}

    def _of(self, number: Number, now: _Now) -> Setup:
        issues: list[str] = []
        own = self._state.catalogue.trunks.get(number.trunk_id or "")
        alive = number.state == "active"
        if not alive:
            why = f" ({number.provision_error})" if number.provision_error else ""
            issues.append(_LIFE[number.state].format(why=why))
        agent = self._agent(number, now, issues)
        carrier = own if own is not None and not own.engine else self._carrier(number)
        up = self._connected(number, own, carrier, now, issues)
        waiting = self._untried(number, carrier, now, issues) if up else None
        connection = up and waiting is None
        inbound = alive and number.supports_inbound and agent and up
        if number.supports_inbound and number.inbound_pin is not None:
            inbound = False
            issues.append("The number has an inbound PIN, which cannot be asked for yet: remove it to take calls.")
        outbound = alive and number.supports_outbound and connection and self._dials(number, carrier, now, issues)
        forwarding = self._forwarding(number, carrier, now, issues)
        needed = [agent, connection]
        needed += [inbound] if number.supports_inbound else []
        needed += [outbound] if number.supports_outbound else []
        if all(needed) and (number.supports_inbound or number.supports_outbound):
            status: Literal["ready", "pending", "action_required"] = "ready"
        else:
            if not (number.supports_inbound or number.supports_outbound):
                issues.append("The number takes no calls and makes none: set its direction.")
            # What goes on by itself is waited for; all else wants somebody.
            waits = agent and (
                (number.state == "provisioning" and connection)
                or (alive and waiting is True and (inbound or not number.supports_inbound))
            )
            status = "pending" if waits else "action_required"
        return Setup(status, inbound, outbound, agent, forwarding, connection, issues)

    def _carrier(self, number: Number) -> Trunk | None:
        """The trunk that its calls go out by, where its own is an engine's or it has none."""
        catalogue = self._state.catalogue
        organization = catalogue.organizations[number.organization_id]
        return catalogue.trunks.get(organization.default_trunk_id or "")

    def _agent(self, number: Number, now: _Now, issues: list[str]) -> bool:
        agent = self._state.catalogue.agents.get(number.agent_id or "")
        if agent is None:
            issues.append("No agent is assigned: assign one with agentId.")
            return False
        why = self._unfit(agent, now)
        if why is None:
            return True
        issues.append(f"The agent {agent.name} cannot answer: {why}")
        return False

    def _unfit(self, agent: Agent, now: _Now) -> str | None:
        """Why it cannot take a call."""
        catalogue = self._state.catalogue
        if not agent.enabled:
            return "it is inactive; set its status to active."
        if agent.kind == "group":
            members = [catalogue.agents[id] for id in agent.members if id in catalogue.agents]
            if not members:
                return "the group is empty; give it members."
            if all(self._unfit(member, now) for member in members):
                return "none of its members can."
            return None
        trunk = catalogue.trunks.get(agent.trunk_id or "")
        return None if trunk is None else _down(trunk, now)

    def _connected(
        self, number: Number, own: Trunk | None, carrier: Trunk | None, now: _Now, issues: list[str]
    ) -> bool:
        trunk = own or carrier
        if trunk is None:
            others = list(self._state.catalogue.trunks_of(number.organization_id))
            fit = [each for each in others if not each.engine and _down(each, now) is None]
            if fit:
                return True
            issues.append("No trunk brings its calls: make a SIP trunk and set sipTrunkId.")
            return False
        why = _down(trunk, now)
        if why is not None:
            issues.append(f"The trunk {trunk.name} is not ready: {why}")
        return why is None

    def _untried(self, number: Number, carrier: Trunk | None, now: _Now, issues: list[str]) -> bool | None:
        """Calls shall go out by a server of which nobody knows yet whether it is there: whether that will be known by
        itself. None: it is known, or nobody needs to know. What came from a provider was verified there."""
        if carrier is None or carrier.host is None or not number.supports_outbound or number.supply is not None:
            return None
        finding = now.found.get(carrier.id)
        if finding is None or finding.state != "pending_verification":
            return None
        if carrier.probe:
            issues.append(f"The trunk {carrier.name} has not answered a probe yet.")
        else:
            issues.append(f"The trunk {carrier.name} was never tried: test it, or switch its probes on.")
        return carrier.probe

    def _dials(self, number: Number, carrier: Trunk | None, now: _Now, issues: list[str]) -> bool:
        if carrier is None:
            issues.append(
                "It has no carrier to dial out by: put it on a carrier's trunk, or set the organization's "
                "default_trunk_id."
            )
            return False
        if carrier.host is None:
            issues.append(f"The trunk {carrier.name} has no server to send calls to: set its server.")
            return False
        return _down(carrier, now) is None and self._untried(number, carrier, now, []) is None

    def _forwarding(self, number: Number, carrier: Trunk | None, now: _Now, issues: list[str]) -> bool:
        """Nobody but the carrier leads its calls here, and none has come."""
        led = number.supply is not None and number.supply.connection_id is not None
        registers = carrier is not None and carrier.register
        if not number.supports_inbound or led or registers or number.e164 in now.reached:
            return False
        transport = "udp" if carrier is None else carrier.transport
        endpoint = now.endpoints.get(transport)
        if endpoint is None:
            issues.append(f"No call has come in yet, and this edge does not listen on {transport.upper()}.")
        else:
            where = endpoint.replace("sip:", f"sip:{number.e164}@", 1)
            issues.append(f"No call has come in yet. At the carrier, forward {number.e164} to: {where}")
        return True


def _down(trunk: Trunk, now: _Now) -> str | None:
    """Why no call goes by the trunk; None when nothing is known against it."""
    if not trunk.enabled:
        return "it is inactive; set its status to active."
    if trunk.register:
        standing = now.registrations.get(trunk.id)
        if standing is None or standing.state != "registered":
            said = "" if standing is None or not standing.detail else f" ({standing.detail})"
            return f"it is not registered with its carrier{said}; check its server and credentials."
    health = now.health.get(trunk.id)
    if health is not None and health.state == "unreachable":
        said = f" ({health.detail})" if health.detail else ""
        return f"its server does not answer{said}; check its server, port and transport."
    finding = now.found.get(trunk.id)
    if finding is not None and finding.state == "failed":
        said = f" ({finding.detail})" if finding.detail else ""
        return f"its last test failed{said}; check its server and credentials, and test it again."
    return None
