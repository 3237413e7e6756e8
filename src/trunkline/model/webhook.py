"""A webhook: where an organization wants to be told of what happens."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from trunkline.model.secret import Secret

EventName = Literal["call.started", "call.ended", "call.failed", "number.provisioned", "trunk.updated"]
EVENTS: tuple[EventName, ...] = get_args(EventName)


class Webhook(msgspec.Struct, frozen=True, kw_only=True, tag="webhook"):
    id: str
    organization_id: str
    url: str
    events: tuple[EventName, ...]
    secret: Secret
    enabled: bool = True
    disabled_reason: str | None = None
    """Why it is not `enabled`, when nobody disabled it by hand."""
    created_at: float = 0.0
    updated_at: float = 0.0


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to something of an organization, once."""

    name: EventName
    organization_id: str
    subject: str
    """The id of what it happened to: events of one subject are told in their order."""
    key: str
    """The same for the same event, however often it is written."""
    body: str
    """The JSON that is sent and signed."""
