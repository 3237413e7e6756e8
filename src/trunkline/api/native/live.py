"""What is done to a call that goes on: `/v1/calls/{call_id}/hangup`, `/transfer`, `/dtmf`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from trunkline.api.body import Request
from trunkline.api.native.call_shapes import CallTransfer, transfer_shown
from trunkline.api.native.shape import Done
from trunkline.api.route import Ask, Reply, Route
from trunkline.control.calls.live import LONGEST

LegWord = Literal["caller", "agent", "callee"]


class HangUpRequest(Request, frozen=True, kw_only=True):
    reason: Annotated[str, msgspec.Meta(max_length=100, description="What both sides are told.")] | None = None


class TransferRequest(Request, frozen=True, kw_only=True):
    to: Annotated[str, msgspec.Meta(min_length=3, max_length=500, description="A number in E.164, or a URI.")]
    mode: Literal["auto", "invite", "refer"] = "auto"
    leg: Annotated[LegWord, msgspec.Meta(description="Who talks to the new party.")] | None = None
    timeout: Annotated[int, msgspec.Meta(ge=5, le=int(LONGEST), description="Seconds it may ring.")] = 30


class DtmfRequest(Request, frozen=True, kw_only=True):
    digits: Annotated[str, msgspec.Meta(pattern="^[0-9*#A-D]{1,64}$")]
    leg: Annotated[LegWord, msgspec.Meta(description="Who hears them.")] | None = None
    duration: Annotated[int, msgspec.Meta(ge=40, le=500, description="Milliseconds of each.")] = 160


class Transferred(msgspec.Struct, frozen=True, kw_only=True):
    call_id: str
    transfer: CallTransfer


async def hang_up_call(ask: Ask[HangUpRequest, None]) -> Done:
    await ask.services.live.hang_up(ask.organization_id, ask.ids["call_id"], ask.body.reason)
    return Done(True, "Call is being ended")


async def transfer_call(ask: Ask[TransferRequest, None]) -> Transferred | Reply:
    body = ask.body
    call = await ask.services.live.transfer(
        ask.organization_id, ask.ids["call_id"], body.to, body.leg, body.mode, float(body.timeout)
    )
    shown = Transferred(call_id=f"call_{call.id}", transfer=transfer_shown(call.transfers[-1]))
    return Reply(shown, 202) if shown.transfer.result == "in-progress" else shown


async def send_dtmf(ask: Ask[DtmfRequest, None]) -> Done:
    body = ask.body
    await ask.services.live.send_digits(ask.organization_id, ask.ids["call_id"], body.digits, body.leg, body.duration)
    return Done(True, "Digits were sent")


_UNSEEN = ("engine_unavailable", "store_unavailable")

ROUTES = (
    Route(
        method="POST",
        path="/v1/calls/{call_id}/hangup",
        handler=hang_up_call,
        summary="End a call that goes on",
        tag="calls",
        permission="calls:write",
        request=HangUpRequest,
        bare=True,
        response=Done,
        errors=("call_not_live", *_UNSEEN),
    ),
    Route(
        method="POST",
        path="/v1/calls/{call_id}/transfer",
        handler=transfer_call,
        summary="Exchange a party of a call for another; 202 while that goes on",
        tag="calls",
        permission="calls:write",
        request=TransferRequest,
        response=Transferred,
        also=(202,),
        errors=("call_not_live", "call_not_answered", "transfer_in_progress", "transfer_refused", *_UNSEEN),
    ),
    Route(
        method="POST",
        path="/v1/calls/{call_id}/dtmf",
        handler=send_dtmf,
        summary="Send digits to one side of a call",
        tag="calls",
        permission="calls:write",
        request=DtmfRequest,
        response=Done,
        errors=("call_not_live", "call_not_answered", "digits_in_progress", "digits_refused", *_UNSEEN),
    ),
)
