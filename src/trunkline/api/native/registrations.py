"""`/v1/registrations`: how our trunks stand at their carriers' registrars. `/v1/bindings`: who registered with us."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from trunkline.api.body import exact, moment
from trunkline.api.native.shape import PageQuery, Pagination, cut
from trunkline.api.route import Ask, Route
from trunkline.control.ports import Registration
from trunkline.model import ids
from trunkline.model.binding import Binding
from trunkline.sip.flow import host_port

RegistrationState = Literal["unregistered", "registering", "registered", "failed"]


class RegistrationShown(msgspec.Struct, frozen=True, kw_only=True):
    """What our registration with the peer has come to."""

    state: RegistrationState
    since: datetime
    expires_at: datetime | None
    """Until when the registrar keeps our Contact."""
    next_at: datetime | None
    """When the next REGISTER is due; null while one is under way."""
    last_status: int | None
    """The last final answer; 0 when none came, null before the first."""
    detail: str | None
    """The phrase of that answer, or why there was none."""
    registrar: str | None
    """Transport and address that it stands at."""
    contact: str | None
    """What the registrar was told to call: our address as it sees us."""


class RegistrationQuery(PageQuery, frozen=True, kw_only=True):
    state: RegistrationState | None = None


class RegistrationItem(msgspec.Struct, frozen=True, kw_only=True):
    trunk_id: str
    trunk_name: str
    registration: RegistrationShown


class RegistrationList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[RegistrationItem]
    pagination: Pagination


def registration_shown(known: Registration | None) -> RegistrationShown | None:
    if known is None:
        return None
    since = exact(known.since)
    assert since is not None
    return RegistrationShown(
        state=known.state,
        since=since,
        expires_at=exact(known.expires_at),
        next_at=exact(known.next_at),
        last_status=known.status,
        detail=known.detail,
        registrar=known.registrar,
        contact=known.contact,
    )


class BindingQuery(PageQuery, frozen=True, kw_only=True):
    trunk_id: str | None = None


class BindingItem(msgspec.Struct, frozen=True, kw_only=True):
    trunk_id: str
    contact: str
    """The URI that requests to it ask for."""
    transport: Literal["udp", "tcp", "tls"]
    source: str
    """Where it is reached: the address that its REGISTER came from."""
    behind_nat: bool
    path: tuple[str, ...]
    q: float
    instance: str | None
    user_agent: str | None
    registered_at: datetime
    expires_at: datetime


class BindingList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[BindingItem]
    pagination: Pagination


async def list_registrations(ask: Ask[None, RegistrationQuery]) -> RegistrationList:
    """Those of the organization's trunks that register, in the order the trunks were made."""
    trunks = ask.services.trunks
    registering = {trunk.id: trunk for trunk in trunks.all(ask.organization_id) if trunk.register}
    known = await trunks.registrations(tuple(registering))
    wanted = ask.query.state
    found = [id for id in registering if id in known and wanted in (None, known[id].state)]
    some, pagination = cut(found, ask.query)
    data = []
    for id in some:
        shown = registration_shown(known[id])
        assert shown is not None
        data.append(RegistrationItem(trunk_id=f"trunk_{id}", trunk_name=registering[id].name, registration=shown))
    return RegistrationList(data=data, pagination=pagination)


async def list_bindings(ask: Ask[None, BindingQuery]) -> BindingList:
    """The devices of the organization's trunks, in the order they are called."""
    trunks, only = ask.services.trunks, ask.query.trunk_id
    ours = [trunk.id for trunk in trunks.all(ask.organization_id) if trunk.accepts_registration]
    if only is not None:
        ours = [id for id in ours if id == ids.bare(only)]
    some, pagination = cut(await trunks.devices(tuple(ours)), ask.query)
    return BindingList(data=[_device(binding) for binding in some], pagination=pagination)


def _device(binding: Binding) -> BindingItem:
    return BindingItem(
        trunk_id=f"trunk_{binding.trunk_id}",
        contact=binding.contact,
        transport=binding.flow.transport,
        source=host_port(binding.flow.remote),
        behind_nat=binding.nat,
        path=binding.path,
        q=binding.q,
        instance=binding.instance or None,
        user_agent=binding.user_agent or None,
        registered_at=moment(binding.registered_at),
        expires_at=moment(binding.expires_at),
    )


ROUTES = (
    Route(
        method="GET",
        path="/v1/registrations",
        handler=list_registrations,
        summary="How our trunks stand at their registrars",
        tag="registrations",
        permission="trunks:read",
        query=RegistrationQuery,
        response=RegistrationList,
    ),
    Route(
        method="GET",
        path="/v1/bindings",
        handler=list_bindings,
        summary="The devices that registered with the edge",
        tag="registrations",
        permission="trunks:read",
        query=BindingQuery,
        response=BindingList,
    ),
)
