"""The bodies of `/v1/phone-numbers`, both ways."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.api.body import Request
from trunkline.api.native.shape import PageQuery, Pagination
from trunkline.api.words import E164
from trunkline.model.secret import Secret

Engine = Literal["elevenlabs", "openai", "livekit"]
Status = Literal["active", "inactive", "provisioning", "failed"]
Telephone = Annotated[str, msgspec.Meta(pattern=E164, examples=["+12125551234"])]
Label = Annotated[str, msgspec.Meta(max_length=100)]


class PhoneConfig(Request, frozen=True, kw_only=True):
    first_message: Annotated[str, msgspec.Meta(max_length=1000)] | UnsetType | None = UNSET
    max_duration: Annotated[int, msgspec.Meta(ge=1, le=86400, description="Seconds.")] | UnsetType | None = UNSET
    language: Annotated[str, msgspec.Meta(description="BCP 47, as en-US.")] | UnsetType | None = UNSET


class PhoneImport(Request, frozen=True, kw_only=True):
    phone_number: Telephone
    trunk_id: str
    engine: Engine | UnsetType | None = UNSET
    agent_id: str | UnsetType | None = UNSET
    config: PhoneConfig | UnsetType | None = UNSET
    supports_inbound: bool | UnsetType | None = UNSET
    supports_outbound: bool | UnsetType | None = UNSET
    metadata: dict[str, str] | UnsetType | None = UNSET
    inbound_pin: Secret | UnsetType | None = UNSET
    label: Label | UnsetType | None = UNSET


class PhoneChange(Request, frozen=True, kw_only=True):
    trunk_id: str | UnsetType = UNSET
    agent_id: str | UnsetType | None = UNSET
    config: PhoneConfig | UnsetType | None = UNSET
    status: Literal["active", "inactive", "suspended"] | UnsetType = UNSET
    """`suspended` is set, and ended, by an operator alone."""
    supports_inbound: bool | UnsetType | None = UNSET
    supports_outbound: bool | UnsetType | None = UNSET
    metadata: dict[str, str] | UnsetType | None = UNSET
    inbound_pin: Secret | UnsetType | None = UNSET
    label: Label | UnsetType | None = UNSET


class PhoneQuery(PageQuery, frozen=True, kw_only=True):
    trunk_id: str | None = None
    status: Status | None = None
    engine: Engine | None = None


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    inbound: bool
    outbound: bool
    campaigns: bool


class DetailCapabilities(Capabilities, frozen=True, kw_only=True):
    recordings: bool


class PhoneItem(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    number: str
    trunk_id: str | None
    engine: Engine | None
    status: Status
    agent_id: str | None
    capabilities: Capabilities
    label: str | None
    voip_connection_id: int | None
    created_at: datetime


class PhoneList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[PhoneItem]
    pagination: Pagination


class PhoneImported(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    number: str
    trunk_id: str | None
    engine: Engine | None
    status: Status
    agent_id: str | None
    created_at: datetime


class PhoneChanged(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    number: str
    status: Status
    agent_id: str | None
    updated_at: datetime


class PhoneConfigShown(msgspec.Struct, frozen=True, kw_only=True):
    first_message: str | None
    max_duration: int | None
    language: str | None


class PhoneStats(msgspec.Struct, frozen=True, kw_only=True):
    total_calls: int
    total_minutes: float
    last_call_at: datetime | None


class PhoneDetail(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    number: str
    trunk_id: str | None
    trunk_name: str | None
    engine: Engine | None
    status: Status
    agent_id: str | None
    agent_name: str | None
    config: PhoneConfigShown
    capabilities: DetailCapabilities
    stats: PhoneStats
    metadata: dict[str, str]
    inbound_pin_set: bool
    label: str | None
    voip_connection_id: int | None
    """The VoIP connection that it came by, while that is there."""
    reprovision_required: bool
    provisioned_at: datetime | None
    created_at: datetime
    updated_at: datetime
