"""Who is called for a number: its agent, or the members of its group in order, each with what its leg needs.

An agent that cannot be called now is passed over and the reason kept: when nobody is left, the first reason is why the
call is refused, and `explain` shows all of them. Interfaces of the engines: OpenAI takes a project id as the user and
TLS alone; ElevenLabs and LiveKit take the dialled number as the user.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from trunkline.model.agent import Agent
from trunkline.model.number import Number
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import Transport
from trunkline.sip.uri import UriError, parse_uri, sip_uri

DEEPEST: Final = 4
"""Groups within groups."""
MOST: Final = 16
"""Attempts for one call."""

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

    @property
    def ring_timeout(self) -> float:
        """Seconds."""
        return self.agent.ring_timeout


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


def select(number: Number, agents: Mapping[str, Agent], trunks: Mapping[str, Trunk]) -> Selection:
    """Whom a call to `number` tries, in order. At most `MOST`, each agent once."""
    if number.agent_id is None:
        return Selection((), ())
    agent = agents.get(number.agent_id)
    if agent is not None and agent.kind != "group" and agent.organization_id == number.organization_id:
        one = _candidate(agent, number, trunks)
        return Selection((one,), ()) if isinstance(one, Candidate) else Selection((), (one,))
    found: list[Candidate] = []
    skipped: list[Skipped] = []
    seen: set[str] = set()
    _collect(number.agent_id, number, agents, trunks, DEEPEST, found, skipped, seen)
    return Selection(tuple(found), tuple(skipped))


def _collect(
    agent_id: str,
    number: Number,
    agents: Mapping[str, Agent],
    trunks: Mapping[str, Trunk],
    depth: int,
    found: list[Candidate],
    skipped: list[Skipped],
    seen: set[str],
) -> None:
    if agent_id in seen or len(seen) >= 8 * MOST:
        return
    seen.add(agent_id)
    agent = agents.get(agent_id)
    if agent is None or agent.organization_id != number.organization_id:
        skipped.append(Skipped(agent_id, "agent-gone", "The agent does not exist: assign another one."))
    elif not agent.enabled:
        skipped.append(Skipped(agent_id, "agent-disabled", f"Enable agent {agent.name}."))
    elif agent.kind == "group":
        if depth == 0:
            skipped.append(Skipped(agent_id, "group-too-deep", f"Nest groups at most {DEEPEST} deep."))
        elif not agent.members:
            skipped.append(Skipped(agent_id, "group-empty", f"Add agents to group {agent.name}."))
        else:
            for member in agent.members:
                _collect(member, number, agents, trunks, depth - 1, found, skipped, seen)
    elif len(found) >= MOST:
        skipped.append(Skipped(agent_id, "too-many-agents", f"A call tries at most {MOST} agents."))
    else:
        one = _candidate(agent, number, trunks)
        if isinstance(one, Candidate):
            found.append(one)
        else:
            skipped.append(one)


def _candidate(agent: Agent, number: Number, trunks: Mapping[str, Trunk]) -> Candidate | Skipped:
    if not agent.enabled:
        return Skipped(agent.id, "agent-disabled", f"Enable agent {agent.name}.")
    kind = agent.kind
    if kind == "echo":
        return Candidate(agent, None, None)
    if kind in ("websocket", "webrtc"):
        return Skipped(
            agent.id, "agent-unsupported", f"This version does not reach {kind} agents: assign a sip or echo agent."
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
    if target is None:
        missing = "settings.project_id" if trunk.provider == "openai" else "a host"
        return Skipped(agent.id, "agent-unreachable", f"Give trunk {trunk.name} {missing}.")
    return Candidate(agent, target, trunk, transport)


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


def dialable(uri: str) -> bool:
    """Whether an agent's URI is one that can be called: what the control plane asks before it stores it."""
    try:
        return parse_uri(uri).scheme in ("sip", "sips")
    except UriError:
        return False
