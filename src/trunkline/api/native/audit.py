"""`/v1/audit`: who changed what, and from where."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from trunkline.api.body import exact, shown
from trunkline.api.native.shape import Moment, PageQuery, Pagination, beginning, ending
from trunkline.api.route import Ask, Route
from trunkline.control.configuration.audit import AuditFilter
from trunkline.model import ids
from trunkline.store.rows.audit import AuditEntry

_PREFIXES = {"number": "phone", "organization": "org"}


class AuditQuery(PageQuery, frozen=True, kw_only=True):
    resource: str | None = None
    """What kind of thing was changed."""
    resource_id: str | None = None
    key_id: str | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None


class AuditChange(msgspec.Struct, frozen=True, kw_only=True):
    before: Any
    after: Any


class AuditItem(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    at: datetime | None
    organization_id: str | None
    key_id: str | None
    actor: str
    role: str | None
    source: str | None
    request_id: str | None
    action: Literal["create", "update", "delete"]
    resource: str
    resource_id: str
    name: str | None
    changes: dict[str, AuditChange]
    note: str | None


class AuditList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[AuditItem]
    pagination: Pagination


async def list_audit(ask: Ask[None, AuditQuery]) -> AuditList:
    query = ask.query
    asked = AuditFilter(
        kind={"phone_number": "number", "api_key": "key"}.get(query.resource or "", query.resource),
        resource_id=_bare(query.resource_id),
        key_id=_bare(query.key_id),
        start=beginning(query.start_date, "start_date"),
        end=ending(query.end_date, "end_date"),
        page=query.page,
        per_page=query.per_page,
    )
    found, total = await ask.services.audit.page(ask.organization_id or None, asked)
    owner_of = ask.services.state.catalogue.owner_of
    return AuditList(
        data=[_item(entry, owner_of(entry.organization_id) if entry.organization_id else None) for entry in found],
        pagination=Pagination(query.page, query.per_page, total),
    )


def _item(entry: AuditEntry, owner: str | None) -> AuditItem:
    action: Any = entry.action
    prefix = _PREFIXES.get(entry.kind, entry.kind)
    return AuditItem(
        id=f"audit_{entry.id}",
        at=exact(entry.at),
        organization_id=shown("org", owner),
        key_id=shown("key", entry.key_id),
        actor=entry.actor,
        role=entry.role,
        source=entry.source,
        request_id=entry.request_id,
        action=action,
        resource={"number": "phone_number", "key": "api_key"}.get(entry.kind, entry.kind),
        resource_id=f"{prefix}_{entry.resource_id}" if ids.bare(entry.resource_id) else entry.resource_id,
        name=entry.name,
        changes={field: AuditChange(before=before, after=after) for field, (before, after) in entry.changes.items()},
        note=entry.note,
    )


def _bare(text: str | None) -> str | None:
    return None if text is None else ids.bare(text) or text


ROUTES = (
    Route(
        method="GET",
        path="/v1/audit",
        handler=list_audit,
        summary="List what was changed and by whom, newest first",
        tag="audit",
        permission="audit:read",
        query=AuditQuery,
        response=AuditList,
        errors=("store_unavailable",),
    ),
)
