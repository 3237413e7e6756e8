"""The bodies of `/v1/voip-connections`, both ways."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.api.body import Request
from trunkline.api.native.shape import PageQuery, Pagination
from trunkline.api.words import Name, Port, TransportWord
from trunkline.model.connection import ConnectionStatus, NumberProviderName, SetupMethod
from trunkline.model.secret import Secret

Credentials = dict[str, Secret]


class SipConfigBody(Request, frozen=True, kw_only=True):
    """`domain` is where calls to the telephone network are sent. A masked `password` sent back leaves the stored
    one."""

    domain: str | UnsetType | None = UNSET
    port: Port | UnsetType | None = UNSET
    transport: TransportWord | UnsetType | None = UNSET
    networks: tuple[str, ...] | UnsetType | None = UNSET
    username: str | UnsetType | None = UNSET
    password: Secret | UnsetType | None = UNSET
    trunk_sid: str | UnsetType | None = UNSET
    connection_id: str | UnsetType | None = UNSET
    voice_url: str | UnsetType | None = UNSET


class ConnectionTest(Request, frozen=True, kw_only=True):
    provider: NumberProviderName
    credentials: Credentials
    setup_method: SetupMethod | UnsetType = UNSET
    sip_config: SipConfigBody | UnsetType = UNSET


class ConnectionCreate(Request, frozen=True, kw_only=True):
    provider: NumberProviderName
    credentials: Credentials
    name: Name | UnsetType = UNSET
    setup_method: SetupMethod | UnsetType = UNSET
    sip_config: SipConfigBody | UnsetType = UNSET
    verification_evidence_id: UUID | UnsetType = UNSET


class ConnectionChange(Request, frozen=True, kw_only=True):
    name: Name | UnsetType = UNSET
    credentials: Credentials | UnsetType = UNSET
    sip_config: SipConfigBody | UnsetType = UNSET
    verification_evidence_id: UUID | UnsetType = UNSET


class NumbersWanted(Request, frozen=True, kw_only=True):
    phone_numbers: Annotated[list[str], msgspec.Meta(min_length=1, max_length=1000)]


class ConnectionShown(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    provider: NumberProviderName
    setup_method: SetupMethod
    status: ConnectionStatus
    inferred_name: bool
    sip_config: dict[str, Any]
    last_tested_at: datetime | None
    numbers_imported: int


class ConnectionList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[ConnectionShown]
    pagination: Pagination


class ConnectionTested(msgspec.Struct, frozen=True, kw_only=True):
    success: bool
    verification_evidence_id: str
    expires_at: datetime


class SuggestedName(msgspec.Struct, frozen=True, kw_only=True):
    name: str


class AvailableNumber(msgspec.Struct, frozen=True, kw_only=True):
    phone_number: str
    label: str | None
    country: str | None
    capabilities: tuple[str, ...]
    imported: bool
    """Whether it is among the numbers here already."""


class AvailableNumbers(msgspec.Struct, frozen=True, kw_only=True):
    data: list[AvailableNumber]
    pagination: Pagination


class ItemError(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    message: str


class ImportedNumber(msgspec.Struct, frozen=True, kw_only=True):
    phone_number: str
    status: Literal["provisioning", "failed"]
    id: str | None
    error: ItemError | None


class ImportedNumbers(msgspec.Struct, frozen=True, kw_only=True):
    success: bool
    imported: int
    failed: int
    results: list[ImportedNumber]


class CheckShown(msgspec.Struct, frozen=True, kw_only=True):
    ok: bool
    detail: str | None


class Checks(msgspec.Struct, frozen=True, kw_only=True):
    inbound: CheckShown
    outbound: CheckShown


class VoipVerified(msgspec.Struct, frozen=True, kw_only=True):
    success: bool
    status: Literal["active", "inactive", "provisioning", "failed"]
    checks: Checks
    error: ItemError | None


class ConnectionQuery(PageQuery, frozen=True, kw_only=True):
    provider: NumberProviderName | None = None
