"""A call as it is shown: in lists, and whole."""

from __future__ import annotations

import asyncio
from collections.abc import Set
from datetime import datetime

import msgspec
from msgspec import structs

from trunkline.api.body import exact, moment, moment_or_none, shown
from trunkline.api.native.progress import State, state
from trunkline.api.native.transcripts import Transcript
from trunkline.api.native.transcripts import shape as transcript_of
from trunkline.control.routing.numbers import agent_shown
from trunkline.control.services import Services
from trunkline.model.call import (
    CallRecord,
    CallStatus,
    Direction,
    LegRecord,
    Side,
    TransferMode,
    TransferRecord,
    TransferResult,
)
from trunkline.providers.places import place_of


class CallItem(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    phone_number: str | None
    direction: Direction
    from_: str | None = msgspec.field(name="from")
    to: str | None
    agent_id: str | None
    status: CallStatus
    duration: int
    started_at: datetime
    ended_at: datetime | None
    recording_url: str | None
    transcript_available: bool


class LiveItem(CallItem, frozen=True, kw_only=True):
    state: State


class CallMetadata(msgspec.Struct, frozen=True, kw_only=True):
    caller_location: str | None
    call_quality: str | None


class CallLeg(msgspec.Struct, frozen=True, kw_only=True):
    side: Side
    sip_call_id: str | None
    peer: str | None
    trunk_id: str | None
    agent_id: str | None
    uri: str | None
    started_at: datetime | None
    ringing_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    status: int | None
    phrase: str | None
    reason: str | None
    codec: str | None


class CallTransfer(msgspec.Struct, frozen=True, kw_only=True):
    by: Side
    leaves: Side
    to: str
    mode: TransferMode
    result: TransferResult
    progress: int | None
    status: int | None
    phrase: str | None
    detail: str | None
    started_at: datetime | None
    ended_at: datetime | None


class CallDetail(LiveItem, frozen=True, kw_only=True):
    agent_name: str | None
    transcript: Transcript | None
    metadata: CallMetadata
    trunk_id: str | None
    phone_number_id: str | None
    cause: str | None
    detail: str | None
    sip_status: int | None
    hung_up_by: Side | None
    ringing_at: datetime | None
    answered_at: datetime | None
    attestation: str | None
    legs: list[CallLeg]
    transfers: list[CallTransfer]


def item(services: Services, call: CallRecord, transcribed: Set[str] = frozenset()) -> CallItem:
    return CallItem(
        id=f"call_{call.id}",
        phone_number=call.phone_number,
        direction=call.direction,
        from_=call.caller,
        to=call.callee,
        agent_id=_agent_id(services, call.agent_id),
        status=call.status,
        duration=call.duration,
        started_at=moment(call.started_at),
        ended_at=moment_or_none(call.ended_at),
        recording_url=None,
        transcript_available=call.id in transcribed,
    )


async def detail(services: Services, call: CallRecord) -> CallDetail:
    agent = services.agents.find(call.agent_id)
    transcript = transcript_of(await services.transcripts.of(call.id))
    other = call.caller if call.direction == "inbound" else call.callee
    place = None if other is None else await asyncio.to_thread(place_of, other)
    listed = item(services, call, {call.id} if transcript is not None else frozenset())
    return CallDetail(
        **structs.asdict(listed),
        state=state(call),
        agent_name=None if agent is None else agent.name,
        transcript=transcript,
        metadata=CallMetadata(caller_location=place, call_quality=None),
        trunk_id=shown("trunk", call.trunk_id),
        phone_number_id=shown("phone", call.number_id),
        cause=call.cause,
        detail=call.detail,
        sip_status=call.sip_status,
        hung_up_by=call.hung_up_by,
        ringing_at=exact(call.ringing_at),
        answered_at=exact(call.answered_at),
        attestation=call.attestation,
        legs=[_leg(services, leg) for leg in call.legs],
        transfers=[transfer_shown(transfer) for transfer in call.transfers],
    )


def _leg(services: Services, leg: LegRecord) -> CallLeg:
    return CallLeg(
        side=leg.side,
        sip_call_id=leg.sip_call_id,
        peer=leg.peer,
        trunk_id=shown("trunk", leg.trunk_id),
        agent_id=_agent_id(services, leg.agent_id),
        uri=leg.uri,
        started_at=exact(leg.started_at),
        ringing_at=exact(leg.ringing_at),
        answered_at=exact(leg.answered_at),
        ended_at=exact(leg.ended_at),
        status=leg.status,
        phrase=leg.phrase,
        reason=leg.reason,
        codec=leg.codec,
    )


def transfer_shown(transfer: TransferRecord) -> CallTransfer:
    return CallTransfer(
        by=transfer.by,
        leaves=transfer.leaves,
        to=transfer.to,
        mode=transfer.mode,
        result=transfer.result,
        progress=transfer.progress,
        status=transfer.status,
        phrase=transfer.phrase,
        detail=transfer.detail,
        started_at=exact(transfer.started_at),
        ended_at=exact(transfer.ended_at),
    )


def _agent_id(services: Services, id: str | None) -> str | None:
    return agent_shown(services.agents.find(id)) or shown("agent", id)
