"""`/v1/voip-connections`: accounts at number providers, and the numbers that come by them.

Credentials go in and never come out. `POST …/test` gives evidence that they are good; a connection is made, and its
credentials are exchanged, with that evidence.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from trunkline.api.body import moment, moment_or_none
from trunkline.api.native.connection_shapes import (
    AvailableNumber,
    AvailableNumbers,
    Checks,
    CheckShown,
    ConnectionChange,
    ConnectionCreate,
    ConnectionList,
    ConnectionQuery,
    ConnectionShown,
    ConnectionTest,
    ConnectionTested,
    ImportedNumber,
    ImportedNumbers,
    ItemError,
    NumbersWanted,
    SipConfigBody,
    SuggestedName,
    VoipVerified,
)
from trunkline.api.native.shape import PageQuery, cut
from trunkline.api.route import Ask, Reply, Route
from trunkline.control.providers.connection_rules import MASK, ConnectionWanted, SipWanted
from trunkline.model.connection import Connection, SipConfig


async def list_connections(ask: Ask[None, ConnectionQuery]) -> ConnectionList:
    known = ask.services.connections.all(ask.organization_id)
    found = [each for each in known if ask.query.provider in (None, each.provider)]
    page, pagination = cut(found, ask.query)
    return ConnectionList(data=[_shown(each) for each in page], pagination=pagination)


async def create_connection(ask: Ask[ConnectionCreate, None]) -> ConnectionShown:
    body = ask.body
    wanted = ConnectionWanted(
        provider=body.provider,
        setup_method=body.setup_method,
        name=body.name,
        credentials=body.credentials,
        sip_config=_config(body.sip_config),
        evidence_id=_evidence(body.verification_evidence_id),
    )
    return _shown(await ask.services.connections.create(ask.organization_id, wanted))


async def test_connection(ask: Ask[ConnectionTest, None]) -> ConnectionTested:
    body = ask.body
    evidence = await ask.services.connections.test(
        ask.organization_id, body.provider, body.credentials, _config(body.sip_config)
    )
    return ConnectionTested(success=True, verification_evidence_id=evidence.id, expires_at=moment(evidence.expires_at))


async def suggest_name(ask: Ask[ConnectionTest, None]) -> SuggestedName:
    body = ask.body
    return SuggestedName(
        name=await ask.services.connections.suggest_name(ask.organization_id, body.provider, body.credentials)
    )


async def get_connection(ask: Ask[None, None]) -> ConnectionShown:
    return _shown(ask.services.connections.get(ask.organization_id, _serial(ask)))


async def change_connection(ask: Ask[ConnectionChange, None]) -> ConnectionShown:
    body = ask.body
    wanted = ConnectionWanted(
        name=body.name,
        credentials=body.credentials,
        sip_config=_config(body.sip_config),
        evidence_id=_evidence(body.verification_evidence_id),
    )
    return _shown(await ask.services.connections.change(ask.organization_id, _serial(ask), wanted))


async def delete_connection(ask: Ask[None, None]) -> Reply:
    await ask.services.connections.delete(ask.organization_id, _serial(ask))
    return Reply(b"", 204)


async def list_available_numbers(ask: Ask[None, PageQuery]) -> AvailableNumbers:
    found = await ask.services.connected.available(ask.organization_id, _serial(ask))
    page, pagination = cut(found, ask.query)
    return AvailableNumbers(
        data=[
            AvailableNumber(
                phone_number=each.owned.e164,
                label=each.owned.label,
                country=each.owned.country,
                capabilities=each.owned.capabilities,
                imported=each.imported,
            )
            for each in page
        ],
        pagination=pagination,
    )


async def import_numbers(ask: Ask[NumbersWanted, None]) -> Reply:
    wanted = ask.body.phone_numbers
    results = await ask.services.connected.import_numbers(ask.organization_id, _serial(ask), wanted)
    imported = sum(each.number is not None for each in results)
    answer = ImportedNumbers(
        success=imported == len(results),
        imported=imported,
        failed=len(results) - imported,
        results=[
            ImportedNumber(
                phone_number=each.e164,
                status="failed" if each.number is None else "provisioning",
                id=None if each.number is None else f"phone_{each.number.id}",
                error=None if each.refusal is None else _error(each.refusal.code, each.refusal.message),
            )
            for each in results
        ],
    )
    return Reply(answer, 201 if imported else 200)


async def verify_voip(ask: Ask[None, None]) -> Reply:
    verified = await ask.services.connected.verify(ask.organization_id, ask.ids["phone_id"])
    state = verified.number.state
    lacking = [check.detail for check in (verified.inbound, verified.outbound) if not check.ok and check.detail]
    answer = VoipVerified(
        success=verified.ok,
        status="inactive" if state == "suspended" else state,
        checks=Checks(
            inbound=CheckShown(ok=verified.inbound.ok, detail=verified.inbound.detail),
            outbound=CheckShown(ok=verified.outbound.ok, detail=verified.outbound.detail),
        ),
        error=None if verified.ok else _error("verification_failed", " ".join(lacking)),
    )
    return Reply(answer, 200 if verified.ok else 422)


def _error(code: str, message: str) -> ItemError:
    return ItemError(code=code, message=message)


def _serial(ask: Ask[Any, Any]) -> int:
    return int(ask.ids["connection_id"])


def _evidence(given: UUID | UnsetType) -> str | UnsetType:
    return str(given) if isinstance(given, UUID) else UNSET


def _config(body: SipConfigBody | UnsetType) -> SipWanted | UnsetType:
    return SipWanted(**msgspec.structs.asdict(body)) if isinstance(body, SipConfigBody) else UNSET


def _shown(connection: Connection) -> ConnectionShown:
    return ConnectionShown(
        id=connection.serial,
        name=connection.name,
        provider=connection.provider,
        setup_method=connection.setup_method,
        status=connection.status,
        inferred_name=connection.inferred_name,
        sip_config=_redacted(connection.sip_config),
        last_tested_at=moment_or_none(connection.last_tested_at),
        numbers_imported=connection.numbers_imported,
    )


def _redacted(config: SipConfig) -> dict[str, Any]:
    """What was said or found out, the password masked."""
    found: dict[str, Any] = {
        "domain": config.domain,
        "port": config.port,
        "transport": config.transport if config.domain is not None else None,
        "networks": list(config.networks) or None,
        "username": config.username,
        "password": None if config.password is None else MASK,
        **config.settings,
    }
    return {name: value for name, value in found.items() if value is not None}


_REFUSED = ("invalid_credentials", "credentials_rejected", "provider_failed", "store_unavailable")
_FIELDS: dict[str, str] = {"e164": "phone_number"}

ROUTES = (
    Route(
        method="GET",
        path="/v1/voip-connections",
        handler=list_connections,
        summary="List VoIP connections",
        tag="voip-connections",
        permission="connections:read",
        query=ConnectionQuery,
        response=ConnectionList,
    ),
    Route(
        method="POST",
        path="/v1/voip-connections",
        handler=create_connection,
        summary="Create a VoIP connection from credentials that were tested",
        tag="voip-connections",
        permission="connections:write",
        request=ConnectionCreate,
        response=ConnectionShown,
        status=201,
        errors=("invalid_evidence", "verification_failed", *_REFUSED),
    ),
    Route(
        method="POST",
        path="/v1/voip-connections/test",
        handler=test_connection,
        summary="Test credentials with their provider; the evidence lets a connection be made within 15 minutes",
        tag="voip-connections",
        permission="connections:write",
        request=ConnectionTest,
        response=ConnectionTested,
        errors=_REFUSED,
    ),
    Route(
        method="POST",
        path="/v1/voip-connections/suggest-name",
        handler=suggest_name,
        summary="Infer a connection's name from its credentials",
        tag="voip-connections",
        permission="connections:write",
        request=ConnectionTest,
        response=SuggestedName,
        errors=_REFUSED,
    ),
    Route(
        method="GET",
        path="/v1/voip-connections/{connection_id}",
        handler=get_connection,
        summary="Get a VoIP connection, without its credentials",
        tag="voip-connections",
        permission="connections:read",
        response=ConnectionShown,
    ),
    Route(
        method="PATCH",
        path="/v1/voip-connections/{connection_id}",
        handler=change_connection,
        summary="Change a VoIP connection; other credentials need evidence of their own",
        tag="voip-connections",
        permission="connections:write",
        request=ConnectionChange,
        response=ConnectionShown,
        errors=("invalid_evidence", *_REFUSED),
    ),
    Route(
        method="DELETE",
        path="/v1/voip-connections/{connection_id}",
        handler=delete_connection,
        summary="Delete a VoIP connection; its numbers stay and go on working",
        tag="voip-connections",
        permission="connections:write",
        status=204,
        errors=("engine_unavailable", "store_unavailable"),
    ),
    Route(
        method="GET",
        path="/v1/voip-connections/{connection_id}/available-numbers",
        handler=list_available_numbers,
        summary="List the account's numbers",
        tag="voip-connections",
        permission="connections:read",
        query=PageQuery,
        response=AvailableNumbers,
        errors=_REFUSED,
    ),
    Route(
        method="POST",
        path="/v1/voip-connections/{connection_id}/import-numbers",
        handler=import_numbers,
        summary="Import numbers of the account; each is provisioning until verify-voip",
        tag="voip-connections",
        permission="phone_numbers:create",
        request=NumbersWanted,
        response=ImportedNumbers,
        status=201,
        also=(200,),
        errors=("engine_unavailable", *_REFUSED),
        fields=_FIELDS,
    ),
    Route(
        method="POST",
        path="/v1/phone-numbers/{phone_id}/verify-voip",
        handler=verify_voip,
        summary="Lead a number's calls here and check that they come, and that calls may go out",
        tag="voip-connections",
        permission="phone_numbers:write",
        response=VoipVerified,
        also=(422,),
        errors=(
            "provisioning_not_supported",
            "connection_not_found",
            "provider_failed",
            "engine_unavailable",
            "store_unavailable",
        ),
    ),
)
