"""`/v1/routes/explain`: what an INVITE would meet, step by step, without sending it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from trunkline.api.body import Request, shown
from trunkline.api.route import Ask, Route
from trunkline.api.words import Port
from trunkline.call.decision.explain import Hypothetical

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class ExplainRequest(Request, frozen=True, kw_only=True):
    source: Annotated[str, msgspec.Meta(description="Literal address it would come from.", examples=["192.0.2.7"])]
    to: Annotated[
        str, msgspec.Meta(min_length=1, max_length=500, description="Dialled number, or a whole Request-URI.")
    ]
    from_: Text | None = msgspec.field(default=None, name="from")
    port: Port = 5060
    transport: Literal["udp", "tcp", "tls"] = "udp"
    digest_user: Text | None = None
    client_certificate: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1,
                max_length=253,
                description="A name in the certificate that its connection shows, or that one's SHA-256 fingerprint.",
            ),
        ]
        | None
    ) = None
    headers: dict[str, str] = msgspec.field(default_factory=dict)


class ExplainStep(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    passed: bool
    detail: str
    mend: str | None


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    accepted: bool
    status: int
    phrase: str
    cause: str
    steps: list[ExplainStep]
    trunk_id: str | None
    phone_number_id: str | None
    from_: str | None = msgspec.field(name="from")
    to: str | None
    agent_ids: list[str]
    direction: Literal["inbound", "outbound"]
    carrier_ids: list[str]


async def explain_route(ask: Ask[ExplainRequest, None]) -> Explained:
    body = ask.body
    asked = Hypothetical(
        source=body.source,
        port=body.port,
        transport=body.transport,
        to=body.to,
        caller=body.from_,
        digest_user=body.digest_user,
        certificate=body.client_certificate,
        headers=tuple(body.headers.items()),
    )
    found = await ask.services.routes.explain(
        ask.organization_id, asked, operator=ask.caller.operator and ask.caller.live
    )
    return Explained(
        accepted=found.accepted,
        status=found.status,
        phrase=found.phrase,
        cause=found.cause,
        steps=[
            ExplainStep(name=step.name, passed=step.passed, detail=step.detail, mend=step.mend or None)
            for step in found.steps
        ],
        trunk_id=shown("trunk", found.trunk_id),
        phone_number_id=shown("phone", found.number_id),
        from_=found.caller,
        to=found.callee,
        agent_ids=[f"agent_{id}" for id in found.agent_ids],
        direction=found.direction,
        carrier_ids=[f"trunk_{id}" for id in found.carrier_ids],
    )


ROUTES = (
    Route(
        method="POST",
        path="/v1/routes/explain",
        handler=explain_route,
        summary="Explain what an INVITE would meet now",
        tag="routes",
        permission="routes:read",
        request=ExplainRequest,
        response=Explained,
        errors=("engine_unavailable",),
        fields={"caller": "from"},
    ),
)
