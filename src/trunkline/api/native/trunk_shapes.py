"""The bodies of `/v1/sip/trunks`, both ways."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.api.body import Request
from trunkline.api.native.reachability import Reachability
from trunkline.api.native.registrations import RegistrationShown
from trunkline.api.native.shape import PageQuery, Pagination
from trunkline.api.words import (
    E164,
    CallCount,
    CallRate,
    CodecWord,
    EncryptionWord,
    Name,
    Port,
    ProbeCount,
    TransportWord,
    any_case,
)
from trunkline.model.secret import Secret
from trunkline.model.trunk import CallerHeader, NumberFormat, Provider, Role

Status = Literal["active", "inactive"]
RoleWord = Annotated[str, msgspec.Meta(pattern=any_case("carrier", "agent"))]
FormatWord = Annotated[str, msgspec.Meta(pattern=any_case("e164", "plain", "national"))]
CallerWord = Annotated[str, msgspec.Meta(pattern=any_case("from", "pai", "ppi", "rpid"))]


class TrunkCredentials(Request, frozen=True, kw_only=True):
    """Write-only. Digest user and password; for engines what they call their own."""

    username: Secret | UnsetType | None = UNSET
    password: Secret | UnsetType | None = UNSET
    project_id: Secret | UnsetType | None = UNSET
    api_key: Secret | UnsetType | None = UNSET
    webhook_secret: Secret | UnsetType | None = UNSET


class TrunkTls(Request, frozen=True, kw_only=True):
    verify: bool | UnsetType | None = UNSET
    server_name: str | UnsetType | None = UNSET
    ca_bundle: str | UnsetType | None = UNSET
    certificate: str | UnsetType | None = UNSET
    private_key: Secret | UnsetType | None = UNSET


class TrunkRange(Request, frozen=True, kw_only=True):
    """Numbers that the carrier brings and that are not kept one by one, and the agent that answers them."""

    prefix: Annotated[str, msgspec.Meta(pattern=r"^\+([1-9][0-9]{0,14})?$")]
    agent_id: str
    outbound: bool = False


class TrunkConfig(Request, frozen=True, kw_only=True):
    role: RoleWord | UnsetType | None = UNSET
    server: str | UnsetType | None = UNSET
    port: Port | UnsetType | None = UNSET
    transport: TransportWord | UnsetType | None = UNSET
    outbound_proxy: str | UnsetType | None = UNSET
    tls: TrunkTls | UnsetType | None = UNSET
    networks: tuple[str, ...] | UnsetType | None = UNSET
    client_certificate: Annotated[str, msgspec.Meta(min_length=1, max_length=253)] | UnsetType | None = UNSET
    challenge: bool | UnsetType | None = UNSET
    register: bool | UnsetType | None = UNSET
    register_expires: Annotated[int, msgspec.Meta(ge=60, le=86_400)] | UnsetType | None = UNSET
    register_aor: str | UnsetType | None = UNSET
    accepts_registration: bool | UnsetType | None = UNSET
    keepalive: Annotated[float, msgspec.Meta(ge=0, le=3600)] | UnsetType | None = UNSET
    realm: str | UnsetType | None = UNSET
    country: Annotated[str, msgspec.Meta(pattern="^[A-Za-z]{2}$")] | UnsetType | None = UNSET
    codecs: tuple[CodecWord, ...] | UnsetType | None = UNSET
    media_encryption: EncryptionWord | UnsetType | None = UNSET
    max_concurrent_calls: CallCount | UnsetType | None = UNSET
    full_status: Literal[503, 486] | UnsetType | None = UNSET
    calls_per_second: CallRate | UnsetType | None = UNSET
    trust_identity: bool | UnsetType | None = UNSET
    identity: Literal["off", "verify", "require"] | UnsetType | None = UNSET
    nat: bool | UnsetType | None = UNSET
    allow_refer: bool | UnsetType | None = UNSET
    send_refer: bool | UnsetType | None = UNSET
    tcp_fallback: bool | UnsetType | None = UNSET
    outbound: bool | UnsetType | None = UNSET
    outbound_priority: Annotated[int, msgspec.Meta(ge=0, le=10_000)] | UnsetType | None = UNSET
    prefixes: tuple[Annotated[str, msgspec.Meta(pattern=r"^\+[1-9][0-9]{0,14}$")], ...] | UnsetType | None = UNSET
    dial_format: FormatWord | UnsetType | None = UNSET
    caller_format: FormatWord | UnsetType | None = UNSET
    caller_header: CallerWord | UnsetType | None = UNSET
    default_caller: Annotated[str, msgspec.Meta(pattern=E164)] | UnsetType | None = UNSET
    ranges: Annotated[tuple[TrunkRange, ...], msgspec.Meta(max_length=100)] | UnsetType | None = UNSET
    ring_after: Annotated[float, msgspec.Meta(ge=0, le=60)] | UnsetType | None = UNSET
    probe: bool | UnsetType | None = UNSET
    probe_interval: Annotated[float, msgspec.Meta(ge=5, le=3600)] | UnsetType | None = UNSET
    probe_misses: ProbeCount | UnsetType | None = UNSET
    probe_hits: ProbeCount | UnsetType | None = UNSET


class TrunkCreate(Request, frozen=True, kw_only=True):
    name: Name
    provider: Provider
    credentials: TrunkCredentials | UnsetType = UNSET
    config: TrunkConfig | UnsetType = UNSET
    status: Status | UnsetType = UNSET


class TrunkChange(Request, frozen=True, kw_only=True):
    name: Name | UnsetType = UNSET
    credentials: TrunkCredentials | UnsetType = UNSET
    config: TrunkConfig | UnsetType = UNSET
    status: Status | UnsetType = UNSET


class TrunkQuery(PageQuery, frozen=True, kw_only=True):
    provider: Provider | None = None


class TrunkItem(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    provider: Provider
    status: Status
    reachability: Literal["unknown", "reachable", "unreachable"]
    created_at: datetime
    phone_numbers_count: int


class TrunkList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[TrunkItem]
    pagination: Pagination


class TrunkCreated(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    provider: Provider
    status: Status
    created_at: datetime


class TrunkChanged(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    provider: Provider
    status: Status
    updated_at: datetime


class TlsShown(msgspec.Struct, frozen=True, kw_only=True):
    verify: bool
    server_name: str | None
    ca_bundle: str | None
    certificate: str | None


class TrunkConfigShown(msgspec.Struct, frozen=True, kw_only=True):
    role: Role
    server: str | None
    port: int | None
    transport: Literal["udp", "tcp", "tls"]
    outbound_proxy: str | None
    tls: TlsShown
    networks: tuple[str, ...]
    client_certificate: str | None
    challenge: bool
    register: bool
    register_expires: int
    register_aor: str | None
    accepts_registration: bool
    keepalive: float
    realm: str | None
    country: str | None
    codecs: tuple[str, ...]
    media_encryption: Literal["disable", "allow", "require"]
    max_concurrent_calls: int | None
    full_status: int
    calls_per_second: float | None
    trust_identity: bool
    identity: Literal["off", "verify", "require"]
    nat: bool
    allow_refer: bool
    send_refer: bool
    tcp_fallback: bool
    outbound: bool
    outbound_priority: int
    prefixes: tuple[str, ...]
    dial_format: NumberFormat
    caller_format: NumberFormat
    caller_header: CallerHeader
    default_caller: str | None
    ranges: tuple[TrunkRange, ...]
    ring_after: float | None
    probe: bool
    probe_interval: float
    probe_misses: int
    probe_hits: int


class TrunkNumber(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    number: str
    status: str


class TrunkDetail(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    provider: Provider
    status: Status
    config: TrunkConfigShown
    credentials_set: list[str]
    reachability: Reachability
    registration: RegistrationShown | None
    """Null for a trunk that does not register."""
    reprovision_required: bool
    phone_numbers: list[TrunkNumber]
    phone_numbers_count: int
    created_at: datetime
    updated_at: datetime
