"""`/v1/agents`: where calls are answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.api.body import Request, moment, shown
from trunkline.api.native.reachability import Reachability, reachability
from trunkline.api.native.shape import CascadeQuery, Done, PageQuery, Pagination, cut
from trunkline.api.route import Ask, Route
from trunkline.api.words import Name, ProbeCount
from trunkline.control.ports import Health
from trunkline.control.routing.agents import AgentWanted
from trunkline.control.routing.group_rules import StepWanted
from trunkline.model.agent import ORDINARY, Agent

Kind = Literal["echo", "sip", "elevenlabs", "openai", "livekit", "group"]
Status = Literal["active", "inactive"]
Uri = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Ring = Annotated[float, msgspec.Meta(ge=1, le=600)]
Hunt = Annotated[float, msgspec.Meta(ge=1, le=3600)]
Interval = Annotated[float, msgspec.Meta(ge=5, le=3600)]
Instructions = Annotated[
    str, msgspec.Meta(min_length=1, max_length=20_000, description="The prompt that a call at OpenAI is accepted with.")
]
Word = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9._-]{1,128}$")]
Strategy = Literal["ordered", "weighted"]
Failure = Annotated[int, msgspec.Meta(ge=100, le=699)]


class GroupStep(Request, frozen=True, kw_only=True):
    """A member of a group, and how it is tried."""

    agent_id: str
    weight: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 1
    ring_timeout: Ring | None = None


class AgentChange(Request, frozen=True, kw_only=True):
    name: Name | UnsetType = UNSET
    uri: Uri | UnsetType | None = UNSET
    trunk_id: str | UnsetType | None = UNSET
    external_id: str | UnsetType | None = UNSET
    members: tuple[str, ...] | UnsetType | None = UNSET
    steps: tuple[GroupStep, ...] | UnsetType | None = UNSET
    strategy: Strategy | UnsetType | None = UNSET
    hunt_on: tuple[Failure, ...] | UnsetType | None = UNSET
    hunt_timeout: Hunt | UnsetType | None = UNSET
    ring_timeout: Ring | UnsetType | None = UNSET
    instructions: Instructions | UnsetType | None = UNSET
    model: Word | UnsetType | None = UNSET
    voice: Word | UnsetType | None = UNSET
    probe: bool | UnsetType | None = UNSET
    probe_interval: Interval | UnsetType | None = UNSET
    probe_misses: ProbeCount | UnsetType | None = UNSET
    probe_hits: ProbeCount | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET


class AgentCreate(AgentChange, frozen=True, kw_only=True):
    name: Name
    kind: Kind


class AgentQuery(PageQuery, frozen=True, kw_only=True):
    kind: Kind | None = None


class AgentDetail(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    kind: str
    uri: str | None
    trunk_id: str | None
    external_id: str | None
    members: list[str]
    steps: list[GroupStep]
    """The members, with all there is to say of each."""
    strategy: Strategy
    hunt_on: list[int]
    hunt_timeout: float
    ring_timeout: float
    instructions: str | None
    model: str | None
    voice: str | None
    probe: bool
    probe_interval: float
    probe_misses: int
    probe_hits: int
    status: Status
    reachability: Reachability
    created_at: datetime
    updated_at: datetime


class AgentList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[AgentDetail]
    pagination: Pagination


async def list_agents(ask: Ask[None, AgentQuery]) -> AgentList:
    agents = ask.services.agents
    found, pagination = cut(agents.all(ask.organization_id, ask.query.kind), ask.query)
    health = await agents.health(found)
    return AgentList(
        data=[_detail(agent, health.get(agent.id, _UNKNOWN)) for agent in found],
        pagination=pagination,
    )


async def create_agent(ask: Ask[AgentCreate, None]) -> AgentDetail:
    return await _shown(ask, await ask.services.agents.create(ask.organization_id, _wanted(ask.body, ask.body.kind)))


async def get_agent(ask: Ask[None, None]) -> AgentDetail:
    return await _shown(ask, ask.services.agents.get(ask.organization_id, ask.ids["agent_id"]))


async def change_agent(ask: Ask[AgentChange, None]) -> AgentDetail:
    agents = ask.services.agents
    return await _shown(ask, await agents.change(ask.organization_id, ask.ids["agent_id"], _wanted(ask.body)))


async def delete_agent(ask: Ask[None, CascadeQuery]) -> Done:
    await ask.services.agents.delete(ask.organization_id, ask.ids["agent_id"], cascade=ask.query.cascade)
    return Done(True, "Agent deleted successfully")


def _wanted(body: AgentChange, kind: str | UnsetType = UNSET) -> AgentWanted:
    return AgentWanted(
        name=body.name,
        kind=kind,
        uri=body.uri,
        trunk_id=body.trunk_id,
        external_id=body.external_id,
        members=body.members,
        steps=_steps_wanted(body.steps),
        strategy=body.strategy,
        hunt_on=body.hunt_on,
        hunt_timeout=body.hunt_timeout,
        instructions=body.instructions,
        model=body.model,
        voice=body.voice,
        ring_timeout=body.ring_timeout,
        probe=body.probe,
        probe_interval=body.probe_interval,
        probe_misses=body.probe_misses,
        probe_hits=body.probe_hits,
        enabled=UNSET if body.status is UNSET else body.status == "active",
    )


def _steps_wanted(steps: tuple[GroupStep, ...] | UnsetType | None) -> tuple[StepWanted, ...] | UnsetType | None:
    if steps is UNSET or steps is None:
        return steps
    return tuple(
        [StepWanted(agent_id=step.agent_id, weight=step.weight, ring_timeout=step.ring_timeout) for step in steps]
    )


_UNKNOWN = Health()


async def _shown(ask: Ask[Any, Any], agent: Agent) -> AgentDetail:
    return _detail(agent, (await ask.services.agents.health((agent,))).get(agent.id, _UNKNOWN))


def _steps(group: Agent) -> list[GroupStep]:
    steps = [(member, group.steps.get(member, ORDINARY)) for member in group.members]
    return [
        GroupStep(agent_id=f"agent_{member}", weight=step.weight, ring_timeout=step.ring_timeout)
        for member, step in steps
    ]


def _detail(agent: Agent, health: Health) -> AgentDetail:
    return AgentDetail(
        id=f"agent_{agent.id}",
        name=agent.name,
        kind=agent.kind,
        uri=agent.uri,
        trunk_id=shown("trunk", agent.trunk_id),
        external_id=agent.external_id,
        members=[f"agent_{member}" for member in agent.members],
        steps=_steps(agent),
        strategy=agent.strategy,
        hunt_on=list(agent.hunt_on),
        hunt_timeout=agent.hunt_timeout,
        ring_timeout=agent.ring_timeout,
        instructions=agent.instructions,
        model=agent.model,
        voice=agent.voice,
        probe=agent.probe,
        probe_interval=agent.probe_interval,
        probe_misses=agent.probe_misses,
        probe_hits=agent.probe_hits,
        status="active" if agent.enabled else "inactive",
        reachability=reachability(health),
        created_at=moment(agent.created_at),
        updated_at=moment(agent.updated_at),
    )


_WRITE = ("trunk_not_found", "agent_not_found", "engine_unavailable", "store_unavailable")

ROUTES = (
    Route(
        method="GET",
        path="/v1/agents",
        handler=list_agents,
        summary="List agents",
        tag="agents",
        permission="agents:read",
        query=AgentQuery,
        response=AgentList,
    ),
    Route(
        method="POST",
        path="/v1/agents",
        handler=create_agent,
        summary="Create an agent",
        tag="agents",
        permission="agents:write",
        request=AgentCreate,
        response=AgentDetail,
        status=201,
        errors=_WRITE,
    ),
    Route(
        method="GET",
        path="/v1/agents/{agent_id}",
        handler=get_agent,
        summary="Get an agent",
        tag="agents",
        permission="agents:read",
        response=AgentDetail,
    ),
    Route(
        method="PATCH",
        path="/v1/agents/{agent_id}",
        handler=change_agent,
        summary="Change an agent; what is not said stays",
        tag="agents",
        permission="agents:write",
        request=AgentChange,
        response=AgentDetail,
        errors=_WRITE,
    ),
    Route(
        method="DELETE",
        path="/v1/agents/{agent_id}",
        handler=delete_agent,
        summary="Delete an agent",
        tag="agents",
        permission="agents:write",
        query=CascadeQuery,
        response=Done,
        errors=("agent_in_use", "engine_unavailable", "store_unavailable"),
    ),
)
