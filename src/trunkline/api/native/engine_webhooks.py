"""What voice engines tell by webhook. No API key: the message itself is signed."""

from __future__ import annotations

from typing import Literal

import msgspec

from trunkline.api.route import Ask, Route


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    outcome: Literal["accepted", "rejected", "ignored", "repeated"]


async def receive_openai(ask: Ask[None, None]) -> Taken:
    return Taken(outcome=await ask.services.openai_calls.receive(ask.headers, ask.raw))


ROUTES = (
    Route(
        method="POST",
        path="/v1/engines/openai/webhook",
        handler=receive_openai,
        summary="Take a webhook of OpenAI's: an incoming call is accepted with its agent's instructions, or rejected",
        tag="engines",
        permission=None,
        response=Taken,
        raw=True,
        errors=("invalid_signature", "invalid_json", "provider_failed"),
    ),
)
