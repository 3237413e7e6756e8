"""`POST /v1/calls`: an agent connected with a telephone."""

from __future__ import annotations

from typing import Annotated

import msgspec

from trunkline.api.body import Request
from trunkline.api.native.call_shapes import CallDetail, detail
from trunkline.api.route import Ask, Route
from trunkline.api.words import E164
from trunkline.control.calls.dialling import CallWanted

Telephone = Annotated[str, msgspec.Meta(pattern=E164, examples=["+13035550142"])]


class CallCreate(Request, frozen=True, kw_only=True):
    from_: Telephone = msgspec.field(name="from")
    to: Telephone
    agent_id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    timeout: Annotated[float, msgspec.Meta(ge=5, le=180, description="Seconds that the telephone may ring.")] = 60.0


async def create_call(ask: Ask[CallCreate, None]) -> CallDetail:
    body = ask.body
    wanted = CallWanted(
        calling=body.from_, to=body.to, agent_id=body.agent_id, metadata=body.metadata, timeout=body.timeout
    )
    return await detail(ask.services, await ask.services.dialling.place(ask.organization_id, wanted))


ROUTES = (
    Route(
        method="POST",
        path="/v1/calls",
        handler=create_call,
        summary="Call a telephone and connect it with an agent",
        tag="calls",
        permission="calls:write",
        request=CallCreate,
        response=CallDetail,
        status=201,
        errors=(
            "invalid_phone_number",
            "phone_not_found",
            "agent_not_found",
            "agent_unreachable",
            "feature_not_enabled",
            "number_not_voip_backed",
            "destination_not_allowed",
            "outbound_limit_reached",
            "engine_unavailable",
            "store_unavailable",
        ),
        fields={"calling": "from"},
    ),
)
