"""`/api/v1/telephony/sip-trunks`: carriers and PBXs of one's own.

`status` is `pending_verification` until a probe, a test or a registration has told whether the peer is there, then
`active` or `failed`. It blocks no call.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.api.body import CamelAnswer, CamelRequest, moment
from trunkline.api.route import Ask, Below, Route
from trunkline.api.telephony.shape import CascadeQuery, PageQuery, cut, pages
from trunkline.api.words import CallCount, CodecWord, Name, any_case
from trunkline.control import fields
from trunkline.control.routing.trunk_rules import TrunkWanted
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.sip.flow import host_port
from trunkline.sip.grammar import bracketed
from trunkline.sip.uri import parse_uri

TransportWord = Annotated[str, msgspec.Meta(pattern=any_case("udp", "tcp", "tls"), examples=["TLS"])]
SipUri = Annotated[str, msgspec.Meta(min_length=5, max_length=300, examples=["sip:trunk.example.com:5060"])]
Status = Literal["pending_verification", "active", "failed"]


class SipTrunkChange(CamelRequest, frozen=True, kw_only=True):
    name: Name | UnsetType = UNSET
    sip_uri: SipUri | UnsetType = UNSET
    username: Secret | UnsetType | None = UNSET
    password: Secret | UnsetType | None = UNSET
    transport: TransportWord | UnsetType = UNSET
    codecs: tuple[CodecWord, ...] | UnsetType | None = UNSET
    max_concurrent_calls: CallCount | UnsetType | None = UNSET


class SipTrunkCreate(SipTrunkChange, frozen=True, kw_only=True):
    name: Name
    sip_uri: SipUri


class SipTrunkDeleted(CamelAnswer, frozen=True, kw_only=True):
    id: str
    deleted: bool


class SipTrunkTested(CamelAnswer, frozen=True, kw_only=True):
    trunk_id: str
    status: Literal["reachable", "unreachable", "auth_failed"]
    latency_ms: int | None
    tested_at: datetime
    registration: Literal["verified", "unsupported", "failed", "skipped"]
    """`verified`: a REGISTER was accepted. `unsupported`: the peer takes none. `skipped`: there are no credentials."""
    error: str | None


def wanted(body: SipTrunkChange) -> TrunkWanted:
    said: dict[str, Any] = {
        "name": body.name,
        "username": body.username,
        "password": body.password,
        "codecs": body.codecs,
        "max_concurrent_calls": body.max_concurrent_calls,
    }
    if isinstance(body.sip_uri, str):
        said |= _place(body.sip_uri)
    if isinstance(body.transport, str):
        said["transport"] = body.transport
    return TrunkWanted(**said)


def _place(text: str) -> dict[str, Any]:
    """Where a SIP URI says the peer is; its transport too, when it names one. Raises `Invalid`."""
    uri = parse_uri(fields.sip_uri(text, "sipUri"))
    if uri.user is not None:
        fields.refuse("sipUri", "A trunk's URI names a server, no user: credentials are fields of their own.", text)
    place: dict[str, Any] = {"host": uri.host, "port": uri.port}
    named = next((value for name, value in uri.params if name == "transport"), None)
    if uri.scheme == "sips":
        place["transport"] = "tls"
    elif named is not None:
        place["transport"] = fields.transport(named, "sipUri")
    return place


def sip_uri(trunk: Trunk) -> str | None:
    if trunk.host is None:
        return None
    return f"sip:{bracketed(trunk.host) if trunk.port is None else host_port((trunk.host, trunk.port))}"


def routes(brand: str) -> tuple[Route, ...]:
    """The routes; the brand is in the name of the field that says where the peer sends its calls to us."""
    endpoint = f"{brand.lower()}SipEndpoint"
    shape: list[Any] = [
        ("id", str),
        ("name", str),
        ("sip_uri", str | None),
        ("transport", Literal["UDP", "TCP", "TLS"]),
        ("status", Status),
        ("max_concurrent_calls", int | None),
        ("codecs", tuple[str, ...]),
        ("sip_endpoint", str | None, msgspec.field(name=endpoint)),
        ("created_at", datetime),
    ]
    one: Any = msgspec.defstruct("SipTrunk", shape, frozen=True, kw_only=True, rename="camel")
    many: Any = msgspec.defstruct(
        "SipTrunkList",
        [("data", list[one]), ("page", int), ("page_size", int), ("total", int), ("total_pages", int)],
        frozen=True,
        kw_only=True,
        rename="camel",
    )

    async def shown(ask: Ask[Any, Any], trunks: list[Trunk]) -> list[Any]:
        service = ask.services.trunks
        states = await service.verified(tuple(trunk.id for trunk in trunks))
        endpoints = await service.endpoints()
        return [
            one(
                id=f"sip_{trunk.id}",
                name=trunk.name,
                sip_uri=sip_uri(trunk),
                transport=trunk.transport.upper(),
                status=states[trunk.id].state,
                max_concurrent_calls=trunk.max_concurrent_calls,
                codecs=trunk.codecs,
                sip_endpoint=endpoints.get(trunk.transport),
                created_at=moment(trunk.created_at),
            )
            for trunk in trunks
        ]

    async def list_sip_trunks(ask: Ask[None, PageQuery]) -> Any:
        found = ask.services.trunks.all(ask.organization_id)
        return many(
            data=await shown(ask, list(cut(found, ask.query))),
            page=ask.query.page,
            page_size=ask.query.page_size,
            total=len(found),
            total_pages=pages(len(found), ask.query),
        )

    async def create_sip_trunk(ask: Ask[SipTrunkCreate, None]) -> Any:
        trunk = await ask.services.trunks.create(ask.organization_id, wanted(ask.body))
        return (await shown(ask, [trunk]))[0]

    async def get_sip_trunk(ask: Ask[None, None]) -> Any:
        return (await shown(ask, [ask.services.trunks.get(ask.organization_id, ask.ids["trunkId"])]))[0]

    async def change_sip_trunk(ask: Ask[SipTrunkChange, None]) -> Any:
        trunk = await ask.services.trunks.change(ask.organization_id, ask.ids["trunkId"], wanted(ask.body))
        return (await shown(ask, [trunk]))[0]

    return (
        _route("GET", "", list_sip_trunks, "List SIP trunks", "trunks:read", query=PageQuery, response=many),
        _route(
            "POST",
            "",
            create_sip_trunk,
            "Create a SIP trunk",
            "trunks:write",
            request=SipTrunkCreate,
            response=one,
            status=201,
            errors=_WRITE,
        ),
        _route("GET", "/{trunkId}", get_sip_trunk, "Get a SIP trunk", "trunks:read", response=one),
        _route(
            "PATCH",
            "/{trunkId}",
            change_sip_trunk,
            "Change a SIP trunk; what is not said stays",
            "trunks:write",
            request=SipTrunkChange,
            response=one,
            errors=_WRITE,
        ),
        _route(
            "DELETE",
            "/{trunkId}",
            delete_sip_trunk,
            "Delete a SIP trunk",
            "trunks:write",
            query=CascadeQuery,
            response=SipTrunkDeleted,
            errors=("trunk_has_active_numbers", "trunk_has_agents", "engine_unavailable", "store_unavailable"),
        ),
        _route(
            "POST",
            "/{trunkId}/test",
            test_sip_trunk,
            "Ask the peer whether it is there (OPTIONS), and whether it takes the credentials (REGISTER)",
            "trunks:write",
            response=SipTrunkTested,
            errors=("engine_unavailable", "store_unavailable"),
        ),
    )


async def delete_sip_trunk(ask: Ask[None, CascadeQuery]) -> SipTrunkDeleted:
    id = ask.ids["trunkId"]
    await ask.services.trunks.delete(ask.organization_id, id, cascade=ask.query.cascade)
    return SipTrunkDeleted(id=f"sip_{id}", deleted=True)


async def test_sip_trunk(ask: Ask[None, None]) -> SipTrunkTested:
    trunk = ask.services.trunks.get(ask.organization_id, ask.ids["trunkId"])
    tested = await ask.services.trunks.test(trunk)
    status: Any = tested.status
    registration: Any = tested.registration
    return SipTrunkTested(
        trunk_id=f"sip_{trunk.id}",
        status=status,
        latency_ms=None if tested.latency is None else round(tested.latency * 1000),
        tested_at=moment(tested.at),
        registration=registration,
        error=tested.detail,
    )


_route = Below(
    "/api/v1/telephony/sip-trunks",
    "sip-trunks",
    {"host": "sipUri", "port": "sipUri", "max_concurrent_calls": "maxConcurrentCalls"},
)
_WRITE = (
    "invalid_credentials",
    "trunk_name_exists",
    "trunk_identity_conflict",
    "engine_unavailable",
    "store_unavailable",
)
