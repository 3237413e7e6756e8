"""Telling engines of numbers: one number, a project as a whole, or all numbers of a trunk anew."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from trunkline.api.body import moment_or_none
from trunkline.api.route import Ask, Reply, Route


class NumberProvisioned(msgspec.Struct, frozen=True, kw_only=True):
    success: bool
    status: Literal["active", "inactive", "provisioning", "failed"]
    provisioned_at: datetime | None


class TrunkProvisioned(msgspec.Struct, frozen=True, kw_only=True):
    success: bool
    status: Literal["provisioned"]
    provisioned_at: datetime | None


class AllProvisioned(msgspec.Struct, frozen=True, kw_only=True):
    success: bool
    total_numbers: int
    provisioned: int
    failed: int


async def provision_number(ask: Ask[None, None]) -> Reply:
    number = await ask.services.provisioning.number(ask.organization_id, ask.ids["phone_id"])
    done = number.state != "provisioning"
    answer = NumberProvisioned(
        success=done,
        status="inactive" if number.state == "suspended" else number.state,
        provisioned_at=moment_or_none(number.provisioned_at),
    )
    return Reply(answer, 200 if done else 202)


async def provision_trunk(ask: Ask[None, None]) -> TrunkProvisioned:
    trunk = await ask.services.provisioning.trunk(ask.organization_id, ask.ids["trunk_id"])
    return TrunkProvisioned(success=True, status="provisioned", provisioned_at=moment_or_none(trunk.provisioned_at))


async def reprovision_all(ask: Ask[None, None]) -> Reply:
    counted = await ask.services.provisioning.all_on(ask.organization_id, ask.ids["trunk_id"])
    done = counted.provisioned + counted.failed == counted.total
    answer = AllProvisioned(
        success=counted.provisioned == counted.total,
        total_numbers=counted.total,
        provisioned=counted.provisioned,
        failed=counted.failed,
    )
    return Reply(answer, 200 if done else 202)


_FAILED = ("provisioning_not_supported", "provisioning_failed", "engine_unavailable", "store_unavailable")

ROUTES = (
    Route(
        method="POST",
        path="/v1/phone-numbers/{phone_id}/provision",
        handler=provision_number,
        summary="Tell ElevenLabs of a number; 202 when it takes longer",
        tag="phone-numbers",
        permission="phone_numbers:write",
        response=NumberProvisioned,
        also=(202,),
        errors=_FAILED,
    ),
    Route(
        method="POST",
        path="/v1/sip/trunks/{trunk_id}/provision",
        handler=provision_trunk,
        summary="Check an OpenAI project as a whole; its numbers then work",
        tag="trunks",
        permission="trunks:write",
        response=TrunkProvisioned,
        errors=("invalid_credentials", *_FAILED),
    ),
    Route(
        method="POST",
        path="/v1/sip/trunks/{trunk_id}/reprovision-all",
        handler=reprovision_all,
        summary="Tell the engine of all numbers of a trunk anew; 202 when it takes longer",
        tag="trunks",
        permission="trunks:write",
        response=AllProvisioned,
        also=(202,),
        errors=("invalid_credentials", *_FAILED),
    ),
)
