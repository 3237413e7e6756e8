"""`/v1/api-keys`: who may ask. A key's text is shown once, when it is made or rotated."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.api.body import Request, moment, moment_or_none
from trunkline.api.native.shape import Done, PageQuery, Pagination, cut
from trunkline.api.route import Ask, Route
from trunkline.api.words import Name
from trunkline.control.access.keys import KeyWanted
from trunkline.control.access.permissions import Permission
from trunkline.model.key import ApiKey, Role

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Environment = Literal["live", "test"]
Hourly = Annotated[
    int, msgspec.Meta(ge=1, le=1_000_000, description="Requests in an hour; null: as the settings say for all keys.")
]


class KeyCreate(Request, frozen=True, kw_only=True):
    name: Name
    role: Role = "admin"
    scopes: tuple[Permission, ...] = ()
    environment: Environment = "live"
    networks: tuple[str, ...] = ()
    expires_at: Moment | None = None
    requests_per_hour: Hourly | None = None


class KeyChange(Request, frozen=True, kw_only=True):
    name: Name | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    scopes: tuple[Permission, ...] | UnsetType = UNSET
    networks: tuple[str, ...] | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET
    requests_per_hour: Hourly | UnsetType | None = UNSET


class KeyDetail(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    prefix: str
    role: Role
    scopes: tuple[str, ...]
    environment: Environment
    networks: tuple[str, ...]
    expires_at: datetime | None
    requests_per_hour: int | None
    last_used_at: datetime | None
    created_at: datetime
    updated_at: datetime


class KeyShownOnce(KeyDetail, frozen=True, kw_only=True):
    key: str


class KeyList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[KeyDetail]
    pagination: Pagination


async def list_keys(ask: Ask[None, PageQuery]) -> KeyList:
    found, pagination = cut(ask.services.keys.page(ask.organization_id), ask.query)
    return KeyList(data=[_detail(key) for key in found], pagination=pagination)


async def create_key(ask: Ask[KeyCreate, None]) -> KeyShownOnce:
    body = ask.body
    wanted = KeyWanted(
        name=body.name,
        role=body.role,
        scopes=body.scopes,
        live=body.environment == "live",
        networks=body.networks,
        expires_at=None if body.expires_at is None else body.expires_at.timestamp(),
        requests_per_hour=body.requests_per_hour,
    )
    return _once(*await ask.services.keys.create(ask.caller, ask.organization_id, wanted))


async def get_key(ask: Ask[None, None]) -> KeyDetail:
    return _detail(ask.services.keys.get(ask.organization_id, ask.ids["key_id"]))


async def change_key(ask: Ask[KeyChange, None]) -> KeyDetail:
    body = ask.body
    key = await ask.services.keys.change(
        ask.caller,
        ask.organization_id,
        ask.ids["key_id"],
        name=None if body.name is UNSET else body.name,
        role=None if body.role is UNSET else body.role,
        scopes=None if body.scopes is UNSET else body.scopes,
        networks=None if body.networks is UNSET else body.networks,
        expires_at=body.expires_at.timestamp() if isinstance(body.expires_at, datetime) else body.expires_at,
        requests_per_hour=body.requests_per_hour,
    )
    return _detail(key)


async def rotate_key(ask: Ask[None, None]) -> KeyShownOnce:
    return _once(*await ask.services.keys.rotate(ask.caller, ask.organization_id, ask.ids["key_id"]))


async def delete_key(ask: Ask[None, None]) -> Done:
    await ask.services.keys.delete(ask.caller, ask.organization_id, ask.ids["key_id"])
    return Done(True, "API key deleted successfully")


def _detail(key: ApiKey) -> KeyDetail:
    return KeyDetail(**_fields(key))


def _once(key: ApiKey, text: str) -> KeyShownOnce:
    return KeyShownOnce(**_fields(key), key=text)


def _fields(key: ApiKey) -> dict[str, Any]:
    return {
        "id": f"key_{key.id}",
        "name": key.name,
        "prefix": key.prefix,
        "role": key.role,
        "scopes": key.scopes,
        "environment": "live" if key.live else "test",
        "networks": key.networks,
        "expires_at": moment_or_none(key.expires_at),
        "requests_per_hour": key.requests_per_hour,
        "last_used_at": moment_or_none(key.last_used_at),
        "created_at": moment(key.created_at),
        "updated_at": moment(key.updated_at),
    }


_KEPT = ("store_unavailable",)

ROUTES = (
    Route(
        method="GET",
        path="/v1/api-keys",
        handler=list_keys,
        summary="List API keys",
        tag="api-keys",
        permission="keys:read",
        query=PageQuery,
        response=KeyList,
    ),
    Route(
        method="POST",
        path="/v1/api-keys",
        handler=create_key,
        summary="Create an API key; its text is shown this once",
        tag="api-keys",
        permission="keys:write",
        request=KeyCreate,
        response=KeyShownOnce,
        status=201,
        errors=_KEPT,
    ),
    Route(
        method="GET",
        path="/v1/api-keys/{key_id}",
        handler=get_key,
        summary="Get an API key, without its text",
        tag="api-keys",
        permission="keys:read",
        response=KeyDetail,
    ),
    Route(
        method="PATCH",
        path="/v1/api-keys/{key_id}",
        handler=change_key,
        summary="Change an API key; what is not said stays",
        tag="api-keys",
        permission="keys:write",
        request=KeyChange,
        response=KeyDetail,
        errors=("last_key", *_KEPT),
    ),
    Route(
        method="POST",
        path="/v1/api-keys/{key_id}/rotate",
        handler=rotate_key,
        summary="Give an API key a new text, shown this once; the old one ends at once",
        tag="api-keys",
        permission="keys:write",
        response=KeyShownOnce,
        errors=_KEPT,
    ),
    Route(
        method="DELETE",
        path="/v1/api-keys/{key_id}",
        handler=delete_key,
        summary="Delete an API key; it ends at once",
        tag="api-keys",
        permission="keys:write",
        response=Done,
        errors=("last_key", *_KEPT),
    ),
)
