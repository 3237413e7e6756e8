"""`POST /api/phone-numbers`. Needs `X-API-Key` and `X-Organization-Id`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from trunkline.api.body import Request, moment
from trunkline.api.route import Ask, Route
from trunkline.api.words import E164, EncryptionWord, Name
from trunkline.control.errors import Invalid
from trunkline.control.routing.importing import Import
from trunkline.control.routing.numbers import NumberWanted
from trunkline.model.number import Number
from trunkline.model.secret import Secret

Telephone = Annotated[str, msgspec.Meta(pattern=E164, examples=["+15551234567"])]


class NumberImport(Request, frozen=True, kw_only=True):
    phone_number: Telephone
    provider: Literal["twilio", "sip"]
    supports_inbound: bool = False
    supports_outbound: bool = False
    integration_id: str | None = None
    """`twilio`: the VoIP connection, as `intg_` and its number."""
    sip_trunk_name: Name | None = None
    sip_username: Secret | None = None
    sip_password: Secret | None = None
    sip_server_address: Annotated[str, msgspec.Meta(min_length=1, max_length=300)] | None = None
    """A host, a host and port, or a SIP URI. Required for outbound calls."""
    inbound_room_name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    """A template: `{{caller}}`, `{{number}}`, `{{call_id}}`."""
    inbound_pin: Secret | None = None
    """4 to 10 digits that the caller keys before the agent hears them."""
    media_encryption: EncryptionWord = "allow"


class ImportedNumber(msgspec.Struct, frozen=True, kw_only=True):
    phone_number_id: str
    phone_number: str
    provider: Literal["twilio", "sip"]
    status: Literal["free", "assigned", "provisioning", "inactive", "failed", "suspended"]
    supports_inbound: bool
    supports_outbound: bool
    integration_id: str | None
    created_at: datetime
    updated_at: datetime


class NumberImported(msgspec.Struct, frozen=True, kw_only=True):
    success: bool
    message: str
    data: ImportedNumber


async def import_number(ask: Ask[NumberImport, None]) -> NumberImported:
    body = ask.body
    number = await (_from_twilio(ask) if body.provider == "twilio" else _by_trunk(ask))
    return NumberImported(
        success=True,
        message=f"Phone number imported successfully with {body.provider}",
        data=_shape(number, body.provider),
    )


async def _from_twilio(ask: Ask[NumberImport, None]) -> Number:
    body = ask.body
    if body.integration_id is None:
        raise Invalid("missing_required_field", "integration_id is required for twilio.", field="integration_id")
    for field in _SIP_ONLY:
        if getattr(body, field) is not None:
            raise Invalid("invalid_parameter", f"{field} is of SIP numbers alone.", field=field)
    wanted = NumberWanted(
        e164=body.phone_number, supports_inbound=body.supports_inbound, supports_outbound=body.supports_outbound
    )
    return await ask.services.accounts.import_(
        ask.organization_id,
        body.integration_id,
        wanted,
        field="integration_id",
        provider="twilio",
        tell_foreign=True,
    )


async def _by_trunk(ask: Ask[NumberImport, None]) -> Number:
    body = ask.body
    if body.integration_id is not None:
        raise Invalid("invalid_parameter", "integration_id is of twilio numbers alone.", field="integration_id")
    asked = Import(
        e164=body.phone_number,
        supports_inbound=body.supports_inbound,
        supports_outbound=body.supports_outbound,
        trunk_name=body.sip_trunk_name,
        username=body.sip_username,
        password=body.sip_password,
        server=body.sip_server_address,
        room_name=body.inbound_room_name,
        pin=body.inbound_pin,
        media_encryption=body.media_encryption,
    )
    return await ask.services.importing.by_trunk(ask.organization_id, asked)


def _shape(number: Number, provider: Literal["twilio", "sip"]) -> ImportedNumber:
    connection = None if number.supply is None else number.supply.connection_id
    return ImportedNumber(
        phone_number_id=f"phon_{number.id}",
        phone_number=number.e164,
        provider=provider,
        status=_status(number),
        supports_inbound=number.supports_inbound,
        supports_outbound=number.supports_outbound,
        integration_id=None if connection is None else f"intg_{connection}",
        created_at=moment(number.created_at),
        updated_at=moment(number.updated_at),
    )


def _status(
    number: Number,
) -> Literal["free", "assigned", "provisioning", "inactive", "failed", "suspended"]:
    if number.state == "active":
        return "free" if number.agent_id is None else "assigned"
    return number.state


_SIP_ONLY = (
    "sip_trunk_name",
    "sip_username",
    "sip_password",
    "sip_server_address",
    "inbound_room_name",
    "inbound_pin",
)

ROUTES = (
    Route(
        method="POST",
        path="/api/phone-numbers",
        handler=import_number,
        summary="Import a phone number",
        tag="phone-numbers",
        permission="phone_numbers:create",
        request=NumberImport,
        response=NumberImported,
        status=201,
        organization_named=True,
        errors=(
            "invalid_phone_number",
            "invalid_credentials",
            "connection_not_found",
            "phone_not_found",
            "integration_forbidden",
            "credentials_rejected",
            "phone_number_exists",
            "trunk_identity_conflict",
            "provider_failed",
            "engine_unavailable",
            "store_unavailable",
        ),
        fields={
            "e164": "phone_number",
            "username": "sip_username",
            "password": "sip_password",
            "host": "sip_server_address",
            "port": "sip_server_address",
            "room_name": "inbound_room_name",
            "name": "sip_trunk_name",
        },
    ),
)
