"""`/v1/sip/trunks`: the peers that calls are exchanged with.

Credentials go in and never come out; what is kept of them is said by name in `credentials_set`. `config` holds what the
peer is: where it is, where its calls come from, what it may do. PATCH merges deeply, and null puts a default back.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.api.body import moment
from trunkline.api.native.reachability import reachability
from trunkline.api.native.registrations import registration_shown
from trunkline.api.native.shape import CascadeQuery, Done, cut
from trunkline.api.native.trunk_shapes import (
    Status,
    TlsShown,
    TrunkChange,
    TrunkChanged,
    TrunkConfig,
    TrunkConfigShown,
    TrunkCreate,
    TrunkCreated,
    TrunkCredentials,
    TrunkDetail,
    TrunkItem,
    TrunkList,
    TrunkNumber,
    TrunkQuery,
    TrunkRange,
    TrunkTls,
)
from trunkline.api.route import Ask, Route
from trunkline.control.ports import Health
from trunkline.control.routing.trunk_rules import SETTINGS, TlsWanted, TrunkWanted
from trunkline.model.trunk import Range, Trunk

MOST_NUMBERS = 1000
"""Phone numbers that a trunk's detail shows; `phone_numbers_count` counts them all."""


async def list_trunks(ask: Ask[None, TrunkQuery]) -> TrunkList:
    trunks = ask.services.trunks
    found, pagination = cut(trunks.all(ask.organization_id, ask.query.provider), ask.query)
    health = await trunks.health(tuple(trunk.id for trunk in found))
    return TrunkList(
        data=[
            TrunkItem(
                id=f"trunk_{trunk.id}",
                name=trunk.name,
                provider=trunk.provider,
                status=_status(trunk),
                reachability=health.get(trunk.id, _UNKNOWN).state,
                created_at=moment(trunk.created_at),
                phone_numbers_count=trunks.count(trunk.id),
            )
            for trunk in found
        ],
        pagination=pagination,
    )


async def create_trunk(ask: Ask[TrunkCreate, None]) -> TrunkCreated:
    body = ask.body
    trunk = await ask.services.trunks.create(ask.organization_id, _wanted(body, provider=body.provider))
    return TrunkCreated(
        id=f"trunk_{trunk.id}",
        name=trunk.name,
        provider=trunk.provider,
        status=_status(trunk),
        created_at=moment(trunk.created_at),
    )


async def get_trunk(ask: Ask[None, None]) -> TrunkDetail:
    trunks = ask.services.trunks
    trunk = trunks.get(ask.organization_id, ask.ids["trunk_id"])
    health = (await trunks.health((trunk.id,))).get(trunk.id, _UNKNOWN)
    return TrunkDetail(
        id=f"trunk_{trunk.id}",
        name=trunk.name,
        provider=trunk.provider,
        status=_status(trunk),
        config=_config(trunk),
        credentials_set=_held(trunk),
        reachability=reachability(health),
        registration=registration_shown((await trunks.registrations((trunk.id,))).get(trunk.id)),
        reprovision_required=trunk.reprovision_required,
        phone_numbers=[
            TrunkNumber(
                id=f"phone_{number.id}",
                number=number.e164,
                status="inactive" if number.state == "suspended" else number.state,
            )
            for number in trunks.numbers(trunk.id, MOST_NUMBERS)
        ],
        phone_numbers_count=trunks.count(trunk.id),
        created_at=moment(trunk.created_at),
        updated_at=moment(trunk.updated_at),
    )


async def change_trunk(ask: Ask[TrunkChange, None]) -> TrunkChanged:
    trunk = await ask.services.trunks.change(ask.organization_id, ask.ids["trunk_id"], _wanted(ask.body))
    return TrunkChanged(
        id=f"trunk_{trunk.id}",
        name=trunk.name,
        provider=trunk.provider,
        status=_status(trunk),
        updated_at=moment(trunk.updated_at),
    )


async def delete_trunk(ask: Ask[None, CascadeQuery]) -> Done:
    await ask.services.trunks.delete(ask.organization_id, ask.ids["trunk_id"], cascade=ask.query.cascade)
    return Done(True, "Trunk deleted successfully")


_UNKNOWN = Health()


def _status(trunk: Trunk) -> Status:
    return "active" if trunk.enabled else "inactive"


def _wanted(body: TrunkCreate | TrunkChange, provider: str | UnsetType = UNSET) -> TrunkWanted:
    said: dict[str, Any] = {"name": body.name, "provider": provider}
    if body.status is not UNSET:
        said["enabled"] = body.status == "active"
    if body.credentials is not UNSET:
        said |= msgspec.structs.asdict(body.credentials)
    if body.config is not UNSET:
        config = msgspec.structs.asdict(body.config)
        said["host"] = config.pop("server")
        if isinstance(body.config.tls, TrunkTls):
            config["tls"] = TlsWanted(**msgspec.structs.asdict(body.config.tls))
        if isinstance(body.config.ranges, tuple):
            config["ranges"] = tuple(
                [Range(prefix=one.prefix, agent_id=one.agent_id, outbound=one.outbound) for one in body.config.ranges]
            )
        said |= config
    return TrunkWanted(**said)


def _config(trunk: Trunk) -> TrunkConfigShown:
    return TrunkConfigShown(
        role=trunk.role,
        server=trunk.host,
        port=trunk.port,
        transport=trunk.transport,
        outbound_proxy=trunk.outbound_proxy,
        tls=TlsShown(
            verify=trunk.tls.verify,
            server_name=trunk.tls.server_name,
            ca_bundle=trunk.tls.ca_bundle,
            certificate=trunk.tls.certificate,
        ),
        networks=trunk.networks,
        client_certificate=trunk.client_certificate,
        challenge=trunk.challenge,
        register=trunk.register,
        register_expires=trunk.register_expires,
        register_aor=trunk.register_aor,
        accepts_registration=trunk.accepts_registration,
        keepalive=trunk.keepalive,
        realm=trunk.realm,
        country=trunk.country,
        codecs=trunk.codecs,
        media_encryption=trunk.media_encryption,
        max_concurrent_calls=trunk.max_concurrent_calls,
        full_status=trunk.full_status,
        calls_per_second=trunk.calls_per_second,
        trust_identity=trunk.trust_identity,
        identity=trunk.identity,
        nat=trunk.nat,
        allow_refer=trunk.allow_refer,
        send_refer=trunk.send_refer,
        tcp_fallback=trunk.tcp_fallback,
        outbound=trunk.outbound,
        outbound_priority=trunk.outbound_priority,
        prefixes=trunk.prefixes,
        dial_format=trunk.dial_format,
        caller_format=trunk.caller_format,
        caller_header=trunk.caller_header,
        default_caller=trunk.default_caller,
        ranges=tuple(
            [
                TrunkRange(prefix=one.prefix, agent_id=f"agent_{one.agent_id}", outbound=one.outbound)
                for one in trunk.ranges
            ]
        ),
        ring_after=trunk.ring_after,
        probe=trunk.probe,
        probe_interval=trunk.probe_interval,
        probe_misses=trunk.probe_misses,
        probe_hits=trunk.probe_hits,
    )


def _held(trunk: Trunk) -> list[str]:
    """Names of the credentials that are kept."""
    held = [name for name in ("username", "password") if getattr(trunk, name) is not None]
    held += [name for name in SETTINGS if name in trunk.settings]
    return held + (["private_key"] if trunk.tls.private_key is not None else [])


_FIELDS = {
    **{name: f"credentials.{name}" for name in TrunkCredentials.__struct_fields__},
    **{name: f"config.{name}" for name in TrunkConfig.__struct_fields__},
    **{f"tls.{name}": f"config.tls.{name}" for name in TrunkTls.__struct_fields__},
    "host": "config.server",
}
_WRITE = (
    "invalid_credentials",
    "trunk_name_exists",
    "trunk_identity_conflict",
    "engine_unavailable",
    "store_unavailable",
)

ROUTES = (
    Route(
        method="GET",
        path="/v1/sip/trunks",
        handler=list_trunks,
        summary="List SIP trunks",
        tag="trunks",
        permission="trunks:read",
        query=TrunkQuery,
        response=TrunkList,
    ),
    Route(
        method="POST",
        path="/v1/sip/trunks",
        handler=create_trunk,
        summary="Create a SIP trunk",
        tag="trunks",
        permission="trunks:write",
        request=TrunkCreate,
        response=TrunkCreated,
        status=201,
        errors=_WRITE,
        fields=_FIELDS,
    ),
    Route(
        method="GET",
        path="/v1/sip/trunks/{trunk_id}",
        handler=get_trunk,
        summary="Get a SIP trunk",
        tag="trunks",
        permission="trunks:read",
        response=TrunkDetail,
    ),
    Route(
        method="PATCH",
        path="/v1/sip/trunks/{trunk_id}",
        handler=change_trunk,
        summary="Change a SIP trunk; what is not said stays",
        tag="trunks",
        permission="trunks:write",
        request=TrunkChange,
        response=TrunkChanged,
        errors=_WRITE,
        fields=_FIELDS,
    ),
    Route(
        method="DELETE",
        path="/v1/sip/trunks/{trunk_id}",
        handler=delete_trunk,
        summary="Delete a SIP trunk",
        tag="trunks",
        permission="trunks:write",
        query=CascadeQuery,
        response=Done,
        errors=("trunk_has_active_numbers", "trunk_has_agents", "engine_unavailable", "store_unavailable"),
    ),
)
