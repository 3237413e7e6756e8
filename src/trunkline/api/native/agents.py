"""`/v1/agents`: where calls are answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.api.native.shape import CascadeQuery, Done, PageQuery, Pagination, Request, cut, moment, shown
from trunkline.api.route import Ask, Route
from trunkline.control.agents import AgentWanted
from trunkline.model.agent import Agent

Kind = Literal["echo", "sip", "elevenlabs", "openai", "livekit", "group"]
Status = Literal["active", "inactive"]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Uri = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Ring = Annotated[float, msgspec.Meta(ge=1, le=600)]


class AgentCreate(Request, frozen=True, kw_only=True):
    name: Name
    kind: Kind
    uri: Uri | UnsetType | None = UNSET
    trunk_id: str | UnsetType | None = UNSET
    external_id: str | UnsetType | None = UNSET
    members: tuple[str, ...] | UnsetType | None = UNSET
    ring_timeout: Ring | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET


class AgentChange(Request, frozen=True, kw_only=True):
    name: Name | UnsetType = UNSET
    uri: Uri | UnsetType | None = UNSET
    trunk_id: str | UnsetType | None = UNSET
    external_id: str | UnsetType | None = UNSET
    members: tuple[str, ...] | UnsetType | None = UNSET
    ring_timeout: Ring | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET


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
    ring_timeout: float
    status: Status
    created_at: datetime
    updated_at: datetime


class AgentList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[AgentDetail]
    pagination: Pagination


async def list_agents(ask: Ask[None, AgentQuery]) -> AgentList:
    found, pagination = cut(ask.services.agents.all(ask.organization_id, ask.query.kind), ask.query)
    return AgentList(data=[_detail(agent) for agent in found], pagination=pagination)


async def create_agent(ask: Ask[AgentCreate, None]) -> AgentDetail:
    return _detail(await ask.services.agents.create(ask.organization_id, _wanted(ask.body, kind=ask.body.kind)))


async def get_agent(ask: Ask[None, None]) -> AgentDetail:
    return _detail(ask.services.agents.get(ask.organization_id, ask.ids["agent_id"]))


async def change_agent(ask: Ask[AgentChange, None]) -> AgentDetail:
    return _detail(await ask.services.agents.change(ask.organization_id, ask.ids["agent_id"], _wanted(ask.body)))


async def delete_agent(ask: Ask[None, CascadeQuery]) -> Done:
    await ask.services.agents.delete(ask.organization_id, ask.ids["agent_id"], cascade=ask.query.cascade)
    return Done(True, "Agent deleted successfully")


def _wanted(body: AgentCreate | AgentChange, kind: str | UnsetType = UNSET) -> AgentWanted:
    return AgentWanted(
        name=body.name,
        kind=kind,
        uri=body.uri,
        trunk_id=body.trunk_id,
        external_id=body.external_id,
        members=body.members,
        ring_timeout=body.ring_timeout,
        enabled=UNSET if body.status is UNSET else body.status == "active",
    )


def _detail(agent: Agent) -> AgentDetail:
    return AgentDetail(
        id=f"agent_{agent.id}",
        name=agent.name,
        kind=agent.kind,
        uri=agent.uri,
        trunk_id=shown("trunk", agent.trunk_id),
        external_id=agent.external_id,
        members=[f"agent_{member}" for member in agent.members],
        ring_timeout=agent.ring_timeout,
        status="active" if agent.enabled else "inactive",
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
