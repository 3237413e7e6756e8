"""Who is called for a number: its agent, or the members of its group in order, each with what its leg needs.

An agent that cannot be called now is passed over and the reason kept: when nobody is left, the first reason is why the
call is refused, and `explain` shows all of them. So is one that answers no probes, as long as there is another; when
all are silent, all are tried, for probes may be wrong.

Interfaces of the engines: OpenAI takes a project id as the user and TLS alone; ElevenLabs and LiveKit take the dialled
number as the user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Final, NamedTuple

from trunkline.model.agent import HUNT_ON, ORDINARY, Agent
from trunkline.model.binding import Binding
from trunkline.model.number import Number
from trunkline.model.trunk import Trunk
from trunkline.routing.draw import drawn
from trunkline.sip.flow import Flow, Transport
from trunkline.sip.uri import sip_uri

DEEPEST: Final = 4
"""Groups within groups."""
MOST: Final = 16
"""Attempts for one call."""

MOST_DEVICES: Final = 4
"""Devices of one agent that are tried."""

_HOSTS: Final[Mapping[str, tuple[str, int | None]]] = {
    "openai": ("sip.api.openai.com", None),
    "elevenlabs": ("sip.rtc.elevenlabs.io", 5061),
}


class Candidate(NamedTuple):
    """One attempt: an agent and how it is reached."""

    agent: Agent
    uri: str | None
    """What its leg's INVITE asks for; None when the leg ends in this process."""
    trunk: Trunk | None
    """Whose credentials, TLS profile, codecs, proxy and limits apply."""
    transport: Transport | None = None
    """What is demanded over what the URI says; None: the URI decides (RFC 3263 §4.1)."""
    ring: float | None = None
    """Seconds it may ring for its group; None: its own `ring_timeout`."""
    hunt_on: tuple[int, ...] = HUNT_ON
    """The answers after which the next candidate is tried."""
    within: float = inf
    """Seconds after the search began until which it may be tried."""
    flow: Flow | None = None
    """Where its device registered from; None: where the URI leads."""
    route: tuple[str, ...] = ()
    """URIs that are passed first."""
    alone: bool = True
    """Whether what it says is said for the agent: not of a device after which there is another."""

    @property
    def ring_timeout(self) -> float:
        """Seconds."""
        return self.agent.ring_timeout if self.ring is None else self.ring


class Skipped(NamedTuple):
    """An agent that is not called, and why."""

    agent_id: str
    cause: str
    """A stable word, as in `call.refusals`."""
    mend: str
    """The sentence that says what would mend it."""


class Selection(NamedTuple):
    candidates: tuple[Candidate, ...]
    skipped: tuple[Skipped, ...]


Bound = Callable[[str], Sequence[Binding]]
"""The devices that registered for a trunk, in the order to call them."""
Silent = Callable[[Agent, Trunk | None], str | None]
"""Why an agent is thought to be out of reach: what its probes, or those of its trunk, last met; None when it is not."""


def select(
    number: Number,
    agents: Mapping[str, Agent],
    trunks: Mapping[str, Trunk],
    silent: Silent | None = None,
    chance: Callable[[], float] | None = None,
    bound: Bound | None = None,
) -> Selection:
    """Whom a call to `number` tries, in order. At most `MOST`, each agent once. `chance` gives numbers in [0, 1), for
    weighted groups; without it their heaviest members go first."""
    if number.agent_id is None:
        return Selection((), ())
    agent = agents.get(number.agent_id)
    if agent is not None and agent.kind != "group" and agent.organization_id == number.organization_id:
        one = _candidate(agent, number, trunks)
        some = _devices(one, bound) if isinstance(one, Candidate) else one
        return Selection((), (some,)) if isinstance(some, Skipped) else Selection(some, ())
    gathering = _Gathering(number, agents, trunks, chance, bound, agent.hunt_timeout if agent is not None else inf)
    gathering.add(number.agent_id, DEEPEST, None)
    return gathering.selection(silent)


class _Gathering:
    """The candidates of one call, as its groups are walked."""

    __slots__ = ("agents", "bound", "chance", "found", "number", "seen", "skipped", "trunks", "within")

    def __init__(
        self,
        number: Number,
        agents: Mapping[str, Agent],
        trunks: Mapping[str, Trunk],
        chance: Callable[[], float] | None,
        bound: Bound | None,
        within: float,
    ) -> None:
        self.number = number
        self.agents = agents
        self.trunks = trunks
        self.chance = chance
        self.bound = bound
        self.within = within
        self.found: list[Candidate] = []
        self.skipped: list[Skipped] = []
        self.seen: set[str] = set()

    def add(self, agent_id: str, depth: int, group: Agent | None) -> None:
        """An agent, or the members of one that is a group. `group`: the one that names it."""
        if agent_id in self.seen or len(self.seen) >= 8 * MOST:
            return
        self.seen.add(agent_id)
        agent = self.agents.get(agent_id)
        if agent is None or agent.organization_id != self.number.organization_id:
            self.skip(agent_id, "agent-gone", "The agent does not exist: assign another one.")
        elif not agent.enabled:
            self.skip(agent_id, "agent-disabled", f"Enable agent {agent.name}.")
        elif agent.kind == "group":
            if depth == 0:
                self.skip(agent_id, "group-too-deep", f"Nest groups at most {DEEPEST} deep.")
            elif not agent.members:
                self.skip(agent_id, "group-empty", f"Add agents to group {agent.name}.")
            else:
                for member in self.order(agent):
                    self.add(member, depth - 1, agent)
        else:
            one = _candidate(agent, self.number, self.trunks)
            if isinstance(one, Skipped):
                self.skipped.append(one)
            elif group is not None:
                ring = group.steps.get(agent_id, ORDINARY).ring_timeout
                one = one._replace(ring=ring, hunt_on=group.hunt_on, within=self.within)
                some = _devices(one, self.bound)
                if isinstance(some, Skipped):
                    self.skipped.append(some)
                else:
                    self.found += some

    def order(self, group: Agent) -> list[str]:
        if group.strategy != "weighted":
            return list(group.members)
        shares = [(member, group.steps.get(member, ORDINARY).weight) for member in group.members]
        return drawn(shares, self.chance)

    def skip(self, agent_id: str, cause: str, mend: str) -> None:
        self.skipped.append(Skipped(agent_id, cause, mend))

    def selection(self, silent: Silent | None) -> Selection:
        """What is left of them: the silent ones only when all are, and of those at most `MOST`."""
        whys = [silent(one.agent, one.trunk) if silent is not None else None for one in self.found]
        kept = self.found
        if None in whys:
            kept = [one for one, why in zip(self.found, whys, strict=True) if why is None]
            for one, why in zip(self.found, whys, strict=True):
                if why is not None:
                    name = one.agent.name
                    self.skip(one.agent.id, "agent-unreachable", f"Agent {name} does not answer its probes: {why}.")
        for one in kept[MOST:]:
            self.skip(one.agent.id, "too-many-agents", f"A call tries at most {MOST} agents.")
        return Selection(tuple(kept[:MOST]), tuple(self.skipped))


def _candidate(agent: Agent, number: Number, trunks: Mapping[str, Trunk]) -> Candidate | Skipped:
    if not agent.enabled:
        return Skipped(agent.id, "agent-disabled", f"Enable agent {agent.name}.")
    kind = agent.kind
    if kind == "echo":
        return Candidate(agent, None, None)
    if kind in ("websocket", "webrtc"):
        return Skipped(
            agent.id,
            "agent-unsupported",
            f"This version does not reach {kind} agents: assign one that is reached by SIP.",
        )
    trunk = None
    if agent.trunk_id is not None:
        trunk = trunks.get(agent.trunk_id)
        if trunk is None or trunk.organization_id != agent.organization_id:
            return Skipped(agent.id, "agent-trunk-gone", f"Give agent {agent.name} a trunk that exists.")
        if not trunk.enabled:
            return Skipped(agent.id, "agent-trunk-disabled", f"Enable trunk {trunk.name}, which reaches {agent.name}.")
    if kind == "sip" and agent.uri:
        return Candidate(agent, agent.uri, trunk, trunk.transport if trunk is not None else None)
    if trunk is None:
        lacks = "a SIP URI or a trunk" if kind == "sip" else "a trunk"
        return Skipped(agent.id, "agent-unreachable", f"Give agent {agent.name} {lacks}.")
    transport = leg_transport(trunk)
    target = target_uri(trunk, number.e164, transport)
    if trunk.accepts_registration and kind == "sip":
        return Candidate(agent, target or "", trunk, transport)
    if target is None:
        missing = "settings.project_id" if trunk.provider == "openai" else "a host"
        return Skipped(agent.id, "agent-unreachable", f"Give trunk {trunk.name} {missing}.")
    return Candidate(agent, target, trunk, transport)


def _devices(one: Candidate, bound: Bound | None) -> tuple[Candidate, ...] | Skipped:
    """An attempt for each device that has registered for the agent's trunk."""
    agent, trunk = one.agent, one.trunk
    if trunk is None or not trunk.accepts_registration or agent.kind != "sip" or agent.uri:
        return (one,)
    bindings = bound(trunk.id)[:MOST_DEVICES] if bound is not None else ()
    if not bindings:
        if one.uri:
            return (one,)
        return Skipped(agent.id, "agent-not-registered", f"Register a phone as {trunk.username} of trunk {trunk.name}.")
    found = []
    for binding in bindings:
        flow = None if binding.flow.reliable and not binding.flow.connection else binding.flow
        found.append(one._replace(uri=binding.contact, flow=flow, route=binding.path))
    return (*[device._replace(alone=False) for device in found[:-1]], found[-1])


def leg_transport(trunk: Trunk) -> Transport:
    """The transport of legs to a trunk's peer. The engines that have one address for everybody do not listen on UDP."""
    return "tls" if trunk.transport == "udp" and not trunk.host and trunk.provider in _HOSTS else trunk.transport


def target_uri(trunk: Trunk, e164: str, transport: Transport) -> str | None:
    """What is asked of the peer of a trunk for a number; None when the trunk lacks a part of it."""
    host, port, user = trunk.host, trunk.port, e164
    if not host:
        host, usual = _HOSTS.get(trunk.provider, ("", None))
        if not host:
            return None
        port = port or usual
    if trunk.provider == "openai":
        project = trunk.settings.get("project_id")
        if not project:
            return None
        user = project.reveal()
    params: tuple[tuple[str, str | None], ...] = () if transport == "udp" else (("transport", transport),)
    return str(sip_uri(host.strip("[]"), user, port, params))
