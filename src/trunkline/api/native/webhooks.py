"""`/v1/webhooks`: where to tell what happens, and what was told. A secret goes in and never comes out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.api.body import Request, exact, moment
from trunkline.api.native.shape import Done, PageQuery, Pagination, cut
from trunkline.api.route import Ask, Route
from trunkline.control.telling.webhooks import Sent, WebhookWanted
from trunkline.model.secret import Secret
from trunkline.model.webhook import EventName, Webhook

Status = Literal["active", "disabled"]
Url = Annotated[str, msgspec.Meta(min_length=1, max_length=2000, examples=["https://your-app.com/webhooks"])]
Events = Annotated[list[EventName], msgspec.Meta(min_length=1)]


class WebhookCreate(Request, frozen=True, kw_only=True):
    url: Url
    events: Events
    secret: Secret


class WebhookChange(Request, frozen=True, kw_only=True):
    url: Url | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    secret: Secret | UnsetType = UNSET
    status: Status | UnsetType = UNSET


class WebhookShown(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    url: str
    events: tuple[EventName, ...]
    status: Status
    disabled_reason: str | None
    """Why it is disabled, when it failed lastingly."""
    created_at: datetime
    updated_at: datetime


class WebhookList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[WebhookShown]
    pagination: Pagination


class DeliveryQuery(PageQuery, frozen=True, kw_only=True):
    event: EventName | None = None
    status: Literal["pending", "delivered", "failed"] | None = None


class AttemptShown(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime | None
    response_status: int | None
    """The HTTP status; null when there was no answer."""
    error: str | None
    response_body: str | None
    """The beginning of it."""
    duration_ms: int


class DeliveryShown(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    event: EventName
    status: Literal["pending", "delivered", "failed"]
    payload: msgspec.Raw
    """What is sent, byte for byte."""
    attempts: list[AttemptShown]
    next_attempt_at: datetime | None
    created_at: datetime


class DeliveryList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[DeliveryShown]
    pagination: Pagination


async def list_webhooks(ask: Ask[None, PageQuery]) -> WebhookList:
    found, pagination = cut(ask.services.webhooks.all(ask.organization_id), ask.query)
    return WebhookList(data=[_shown(each) for each in found], pagination=pagination)


async def create_webhook(ask: Ask[WebhookCreate, None]) -> WebhookShown:
    body = ask.body
    wanted = WebhookWanted(url=body.url, events=tuple(body.events), secret=body.secret)
    return _shown(await ask.services.webhooks.create(ask.organization_id, wanted))


async def get_webhook(ask: Ask[None, None]) -> WebhookShown:
    return _shown(ask.services.webhooks.get(ask.organization_id, ask.ids["webhook_id"]))


async def change_webhook(ask: Ask[WebhookChange, None]) -> WebhookShown:
    body = ask.body
    wanted = WebhookWanted(
        url=body.url,
        events=tuple(body.events) if isinstance(body.events, list) else UNSET,
        secret=body.secret,
        enabled=body.status == "active" if isinstance(body.status, str) else UNSET,
    )
    return _shown(await ask.services.webhooks.change(ask.organization_id, ask.ids["webhook_id"], wanted))


async def delete_webhook(ask: Ask[None, None]) -> Done:
    await ask.services.webhooks.delete(ask.organization_id, ask.ids["webhook_id"])
    return Done(True, "Webhook deleted successfully")


async def list_deliveries(ask: Ask[None, DeliveryQuery]) -> DeliveryList:
    query = ask.query
    found = await ask.services.webhooks.deliveries(
        ask.organization_id,
        ask.ids["webhook_id"],
        event=query.event,
        state=query.status,
        page=query.page,
        per_page=query.per_page,
    )
    return DeliveryList(
        data=[_delivery(each) for each in found.rows],
        pagination=Pagination(query.page, query.per_page, found.total),
    )


async def replay_delivery(ask: Ask[None, None]) -> DeliveryShown:
    return _delivery(
        await ask.services.webhooks.again(ask.organization_id, ask.ids["webhook_id"], int(ask.ids["delivery_id"]))
    )


def _shown(webhook: Webhook) -> WebhookShown:
    return WebhookShown(
        id=f"webhook_{webhook.id}",
        url=webhook.url,
        events=webhook.events,
        status="active" if webhook.enabled else "disabled",
        disabled_reason=webhook.disabled_reason,
        created_at=moment(webhook.created_at),
        updated_at=moment(webhook.updated_at),
    )


def _delivery(sent: Sent) -> DeliveryShown:
    delivery = sent.delivery
    event: Any = delivery.event
    return DeliveryShown(
        id=f"delivery_{delivery.seq}",
        event=event,
        status=delivery.state,
        payload=msgspec.Raw(delivery.body.encode()),
        attempts=[
            AttemptShown(
                at=exact(each.at),
                response_status=each.status,
                error=each.error,
                response_body=each.answer,
                duration_ms=round(each.seconds * 1000),
            )
            for each in sent.attempts
        ],
        next_attempt_at=exact(delivery.due_at) if delivery.state == "pending" else None,
        created_at=moment(delivery.created_at),
    )


_FIELDS = {"enabled": "status"}
_WRITE = ("webhook_target_refused", "store_unavailable")

ROUTES = (
    Route(
        method="GET",
        path="/v1/webhooks",
        handler=list_webhooks,
        summary="List webhooks",
        tag="webhooks",
        permission="webhooks:read",
        query=PageQuery,
        response=WebhookList,
    ),
    Route(
        method="POST",
        path="/v1/webhooks",
        handler=create_webhook,
        summary="Create a webhook",
        tag="webhooks",
        permission="webhooks:write",
        request=WebhookCreate,
        response=WebhookShown,
        status=201,
        errors=_WRITE,
        fields=_FIELDS,
    ),
    Route(
        method="GET",
        path="/v1/webhooks/{webhook_id}",
        handler=get_webhook,
        summary="Get a webhook, without its secret",
        tag="webhooks",
        permission="webhooks:read",
        response=WebhookShown,
    ),
    Route(
        method="PATCH",
        path="/v1/webhooks/{webhook_id}",
        handler=change_webhook,
        summary="Change a webhook, or enable it again",
        tag="webhooks",
        permission="webhooks:write",
        request=WebhookChange,
        response=WebhookShown,
        errors=_WRITE,
        fields=_FIELDS,
    ),
    Route(
        method="DELETE",
        path="/v1/webhooks/{webhook_id}",
        handler=delete_webhook,
        summary="Delete a webhook, and what waits to be sent to it",
        tag="webhooks",
        permission="webhooks:write",
        response=Done,
        errors=("store_unavailable",),
    ),
    Route(
        method="GET",
        path="/v1/webhooks/{webhook_id}/deliveries",
        handler=list_deliveries,
        summary="List what was sent, each attempt with its answer, newest first",
        tag="webhooks",
        permission="webhooks:read",
        query=DeliveryQuery,
        response=DeliveryList,
        errors=("store_unavailable",),
    ),
    Route(
        method="POST",
        path="/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
        handler=replay_delivery,
        summary="Send a delivery once more",
        tag="webhooks",
        permission="webhooks:write",
        response=DeliveryShown,
        errors=("store_unavailable",),
    ),
)
