"""Agents: made, changed, removed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType, structs

from trunkline.control import fields
from trunkline.control.configuration.state import State
from trunkline.control.errors import Conflict, Invalid, NotFound
from trunkline.control.ports import Health, TrunkHealth
from trunkline.control.routing import group_rules
from trunkline.control.routing.group_rules import StepWanted
from trunkline.control.routing.reach import without
from trunkline.control.routing.trunks import MOST_LISTED
from trunkline.model import ids
from trunkline.model.agent import Agent, Strategy
from trunkline.model.trunk import ENGINES
from trunkline.trunk.health import speaks_for


class AgentWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent shall be, as far as is said: unset leaves a value, None puts its default back."""

    name: str | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    uri: str | UnsetType | None = UNSET
    trunk_id: str | UnsetType | None = UNSET
    external_id: str | UnsetType | None = UNSET
    members: tuple[str, ...] | UnsetType | None = UNSET
    steps: tuple[StepWanted, ...] | UnsetType | None = UNSET
    """The members with all there is to say of each, in the place of `members`."""
    strategy: Strategy | UnsetType | None = UNSET
    hunt_on: tuple[int, ...] | UnsetType | None = UNSET
    hunt_timeout: float | UnsetType | None = UNSET
    ring_timeout: float | UnsetType | None = UNSET
    instructions: str | UnsetType | None = UNSET
    model: str | UnsetType | None = UNSET
    voice: str | UnsetType | None = UNSET
    probe: bool | UnsetType | None = UNSET
    probe_interval: float | UnsetType | None = UNSET
    probe_misses: int | UnsetType | None = UNSET
    probe_hits: int | UnsetType | None = UNSET
    enabled: bool | UnsetType | None = UNSET


class Agents:
    __slots__ = ("_state",)

    def __init__(self, state: State) -> None:
        self._state = state

    def all(self, organization_id: str, kind: str | None = None) -> list[Agent]:
        """The organization's agents, oldest first."""
        return [agent for agent in self._state.catalogue.agents_of(organization_id) if kind in (None, agent.kind)]

    def get(self, organization_id: str, id: str) -> Agent:
        """Raises `NotFound`."""
        agent = self._state.catalogue.agents.get(id)
        if agent is None or agent.organization_id != organization_id:
            raise NotFound("agent_not_found", "There is no agent with this id.")
        return agent

    def find(self, id: str | None) -> Agent | None:
        return None if id is None else self._state.catalogue.agents.get(id)

    async def health(self, agents: Iterable[Agent]) -> dict[str, Health]:
        """By agent id, what probes found, the agent's own or its trunk's; nothing when the engine cannot be asked."""
        trunks = self._state.catalogue.trunks
        asked = {agent.id: speaks_for(agent, trunks.get(agent.trunk_id or "")) for agent in agents}
        ids = tuple(dict.fromkeys([id for id in asked.values() if id is not None]))
        if not ids:
            return {}
        try:
            found = await self._state.engine.ask(TrunkHealth(trunk_ids=ids))
        except ConnectionError:
            return {}
        return {agent: found[id] for agent, id in asked.items() if id is not None and id in found}

    async def create(self, organization_id: str, wanted: AgentWanted) -> Agent:
        """Raises `Invalid`, and `NotFound` for a trunk or member that is not there."""
        for field in ("name", "kind"):
            if getattr(wanted, field) is UNSET:
                raise Invalid("missing_required_field", f"{field} is required.", field=field)
        wall = self._state.wall()
        kind: Any = wanted.kind
        blank = Agent(
            id=self._state.mint(), organization_id=organization_id, name="", kind=kind, created_at=wall, updated_at=wall
        )
        async with self._state.change() as draft:
            agent = self._applied(blank, wanted)
            draft.put(agent)
        return agent

    async def change(self, organization_id: str, id: str, wanted: AgentWanted) -> Agent:
        """Change what is said; a kind stays what it is. Raises as `create`."""
        async with self._state.change() as draft:
            before = self.get(organization_id, id)
            agent = self._applied(before, wanted)
            if agent == before:
                return before
            agent = structs.replace(agent, updated_at=self._state.wall())
            draft.put(agent)
        return agent

    async def delete(self, organization_id: str, id: str, *, cascade: bool = False) -> None:
        """Raises `NotFound`, and `Conflict` while numbers or groups name it; with `cascade` they lose it."""
        catalogue = self._state.catalogue
        async with self._state.change() as draft:
            agent = self.get(organization_id, id)
            numbers = list(catalogue.numbers_for(id))
            groups = [group for group in catalogue.agents_of(organization_id) if id in group.members]
            trunks = without(catalogue.trunks_of(organization_id), {id})
            if (numbers or groups or trunks) and not cascade:
                raise Conflict(
                    "agent_in_use",
                    "Numbers, groups or ranges of trunks name this agent: assign others first, or delete with "
                    "cascade=true.",
                    listed={
                        "trunks": [trunk.id for trunk in trunks][:MOST_LISTED],
                        "phone_numbers": [number.e164 for number in numbers][:MOST_LISTED],
                        "agents": [group.id for group in groups][:MOST_LISTED],
                    },
                )
            wall = self._state.wall()
            for number in numbers:
                draft.put(structs.replace(number, agent_id=None, updated_at=wall))
            for group in groups:
                members = tuple(member for member in group.members if member != id)
                steps = {member: step for member, step in group.steps.items() if member != id}
                draft.put(structs.replace(group, members=members, steps=steps, updated_at=wall))
            for trunk in trunks:
                draft.put(structs.replace(trunk, updated_at=wall))
            draft.remove("agent", agent.id)

    def _applied(self, agent: Agent, wanted: AgentWanted) -> Agent:
        changes: dict[str, Any] = {}
        if wanted.name is not UNSET:
            changes["name"] = fields.name(wanted.name)
        if wanted.uri is not UNSET:
            check = fields.web_uri if agent.kind in ("websocket", "webrtc") else fields.sip_uri
            changes["uri"] = None if wanted.uri is None else check(wanted.uri, "uri")
        if wanted.trunk_id is not UNSET:
            changes["trunk_id"] = None if wanted.trunk_id is None else self._trunk(agent, wanted.trunk_id)
        if wanted.external_id is not UNSET:
            changes["external_id"] = (
                None if wanted.external_id is None else external_id(wanted.external_id, "external_id")
            )
        changes |= self._group(agent, wanted)
        for field, check in _CHECKS.items():
            value = getattr(wanted, field)
            if value is not UNSET:
                changes[field] = _DEFAULT[field] if value is None else check(value, field)
        if wanted.enabled is not UNSET:
            changes["enabled"] = wanted.enabled is not False
        changed = structs.replace(agent, **changes)
        _whole(changed)
        return changed

    def _trunk(self, agent: Agent, text: str) -> str:
        id = ids.bare(text)
        trunk = None if id is None else self._state.catalogue.trunks.get(id)
        if trunk is None or trunk.organization_id != agent.organization_id:
            raise NotFound("trunk_not_found", "There is no trunk with this id.", field="trunk_id", provided=text)
        if agent.kind in ENGINES and trunk.provider != agent.kind:
            fields.refuse("trunk_id", f"An agent of {agent.kind} is reached by a trunk of that provider.", text)
        return trunk.id

    def _group(self, agent: Agent, wanted: AgentWanted) -> dict[str, Any]:
        """Whom it tries, and how."""
        changes: dict[str, Any] = {}
        if wanted.members is not UNSET:
            members = changes["members"] = self._members(agent, wanted.members or (), "members")
            changes["steps"] = {id: step for id, step in agent.steps.items() if id in members}
        if wanted.steps is not UNSET:
            given = wanted.steps or ()
            ids = self._members(agent, tuple([step.agent_id for step in given]), "steps")
            if len(ids) != len(given):
                fields.refuse("steps", "An agent is named twice.")
            if changes.get("members", ids) != ids:
                fields.refuse("steps", "members and steps name different agents: one of them is enough.")
            changes["members"], changes["steps"] = ids, group_rules.steps(given, ids)
        return changes

    def _members(self, group: Agent, given: tuple[str, ...], field: str) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for text in given:
            id = ids.bare(text)
            member = None if id is None else self._state.catalogue.agents.get(id)
            if member is None or member.organization_id != group.organization_id:
                raise NotFound("agent_not_found", "There is no agent with this id.", field=field, provided=text)
            if member.id == group.id:
                fields.refuse(field, "A group is not a member of itself.", text)
            found[member.id] = None
        if len(found) > group_rules.MOST_MEMBERS:
            fields.refuse(field, f"A group has at most {group_rules.MOST_MEMBERS} members.")
        return tuple(found)


def external_id(text: str, field: str) -> str:
    """An engine's own id of an agent: it stands in a SIP user part or a URL."""
    if not 1 <= len(text) <= 128 or not fields.plain(text):
        fields.refuse(field, "An engine's id is 1 to 128 letters, digits, `-`, `_` and `.`.", text)
    return text


def _whole(agent: Agent) -> None:
    """Raises `Invalid` when it could not be reached."""
    lacking = None
    if (agent.kind == "sip" and agent.uri is None and agent.trunk_id is None) or (
        agent.kind in ("websocket", "webrtc") and agent.uri is None
    ):
        lacking = "uri"
    elif agent.kind in ENGINES and agent.trunk_id is None:
        lacking = "trunk_id"
    elif agent.kind == "group" and not agent.members:
        lacking = "members"
    if lacking is not None:
        raise Invalid("missing_required_field", f"An agent of the kind {agent.kind} needs {lacking}.", field=lacking)
    group_rules.whole(agent)
    if agent.kind != "openai" and (agent.instructions or agent.model or agent.voice):
        fields.refuse("instructions", "Only an agent of openai is told instructions, model and voice by us.")
    if agent.probe and (agent.kind != "sip" or agent.uri is None):
        fields.refuse("probe", "Only a SIP URI is probed by itself; another agent is as its trunk's probes find it.")
    if agent.kind in ("echo", "group") and (agent.uri or agent.trunk_id):
        fields.refuse("uri" if agent.uri else "trunk_id", f"An agent of the kind {agent.kind} is not reached by this.")


def _yes(value: bool, field: str) -> bool:
    return value


_CHECKS: dict[str, Any] = {
    "strategy": fields.word("ordered", "weighted"),
    "hunt_on": group_rules.hunt_on,
    "hunt_timeout": fields.seconds(1, 3600),
    "ring_timeout": fields.seconds(1, 600),
    "instructions": fields.prose(20_000),
    "model": external_id,
    "voice": external_id,
    "probe": _yes,
    "probe_interval": fields.seconds(5, 3600),
    "probe_misses": fields.count(1, 20),
    "probe_hits": fields.count(1, 20),
}
_DEFAULT: dict[str, Any] = {field.name: field.default for field in structs.fields(Agent)}
