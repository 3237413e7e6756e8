"""`/v1/registrations`: how our trunks stand at their carriers' registrars."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from trunkline.api.native.shape import PageQuery, Pagination, cut, exact
from trunkline.api.route import Ask, Route
from trunkline.control.ports import Registration

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
)
