"""`/v1/calls`: the log, the calls that go on, and the messages of a call.

What is not known is null, never invented: nothing is recorded here, and transcripts are what agents post.
"""

from __future__ import annotations

import asyncio
from collections.abc import Set
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import structs

from trunkline.api.body import Request, exact, moment, moment_or_none, shown
from trunkline.api.native.progress import State, state
from trunkline.api.native.shape import Moment, PageQuery, Pagination, beginning, cut, ending
from trunkline.api.native.transcripts import Transcript
from trunkline.api.native.transcripts import shape as transcript_of
from trunkline.api.route import Ask, Reply, Route
from trunkline.control.calls.calls import CallFilter
from trunkline.control.fields import phone_number
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
from trunkline.telemetry.ladder import label, ladder
from trunkline.telemetry.shown import CallTrace


class CallQuery(PageQuery, frozen=True, kw_only=True):
    phone_number: Annotated[str, msgspec.Meta(pattern="^[+ ][1-9][0-9]{6,14}$")] | None = None
    direction: Direction | None = None
    status: CallStatus | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    sip_call_id: Annotated[str, msgspec.Meta(min_length=1, max_length=256)] | None = None


class TraceQuery(Request, frozen=True, kw_only=True):
    format: Literal["json", "text"] = "json"


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


class LiveList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[LiveItem]
    pagination: Pagination


class CallList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[CallItem]
    pagination: Pagination


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


class TraceLine(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime | None
    direction: Literal["in", "out"]
    side: Literal["caller", "agent", "callee"]
    transport: str
    local: str
    remote: str
    summary: str
    text: str


class CallTraceShown(msgspec.Struct, frozen=True, kw_only=True):
    call_id: str
    truncated: bool
    messages: list[TraceLine]


async def list_calls(ask: Ask[None, CallQuery]) -> CallList:
    query = ask.query
    asked = CallFilter(
        phone_number=None if query.phone_number is None else _number(query.phone_number),
        direction=query.direction,
        status=query.status,
        start=beginning(query.start_date, "start_date"),
        end=ending(query.end_date, "end_date"),
        sip_call_id=query.sip_call_id,
        page=query.page,
        per_page=query.per_page,
    )
    found, total = await ask.services.calls.page(ask.organization_id, asked)
    transcribed = await ask.services.transcripts.among([call.id for call in found])
    return CallList(
        data=[_item(ask.services, call, transcribed) for call in found],
        pagination=Pagination(query.page, query.per_page, total),
    )


async def list_live_calls(ask: Ask[None, PageQuery]) -> LiveList:
    found, pagination = cut(await ask.services.calls.live(ask.organization_id), ask.query)
    return LiveList(
        data=[LiveItem(**structs.asdict(_item(ask.services, call)), state=state(call)) for call in found],
        pagination=pagination,
    )


async def get_call(ask: Ask[None, None]) -> CallDetail:
    call = await ask.services.calls.get(ask.organization_id, ask.ids["call_id"])
    return await detail(ask.services, call)


async def trace_call(ask: Ask[None, TraceQuery]) -> CallTraceShown | Reply:
    trace = await ask.services.calls.trace(ask.organization_id, ask.ids["call_id"])
    if ask.query.format == "text":
        return Reply(_text(trace).encode("utf-8", "replace"), 200, "text/plain; charset=utf-8")
    return CallTraceShown(
        call_id=f"call_{trace.call_id}",
        truncated=trace.truncated,
        messages=[
            TraceLine(
                at=exact(message.at),
                direction=message.direction,
                side=message.side,
                transport=message.transport,
                local=message.local,
                remote=message.remote,
                summary=label(message.text),
                text=message.text,
            )
            for message in trace.messages
        ],
    )


def _text(trace: CallTrace) -> str:
    """The ladder, and below it each message."""
    if not trace.messages:
        return "No messages are kept.\n"
    parts = [ladder(trace.messages)]
    if trace.truncated:
        parts.append("… some messages are missing here\n")
    for number, message in enumerate(trace.messages, 1):
        at = datetime.fromtimestamp(message.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        arrow = "<-" if message.direction == "in" else "->"
        parts.append(f"\n#{number} {at} {message.transport} {message.local} {arrow} {message.remote}\n")
        parts += [f"  {line}\n" for line in message.text.splitlines()]
    return "".join(parts)


def _number(text: str) -> str:
    # An unescaped `+` arrives as a space.
    return phone_number("+" + text[1:] if text.startswith(" ") else text)


def _item(services: Services, call: CallRecord, transcribed: Set[str] = frozenset()) -> CallItem:
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
    return CallDetail(
        id=f"call_{call.id}",
        phone_number=call.phone_number,
        direction=call.direction,
        from_=call.caller,
        to=call.callee,
        agent_id=_agent_id(services, call.agent_id),
        status=call.status,
        state=state(call),
        duration=call.duration,
        started_at=moment(call.started_at),
        ended_at=moment_or_none(call.ended_at),
        recording_url=None,
        transcript_available=transcript is not None,
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


_UNSEEN = ("engine_unavailable", "store_unavailable")

ROUTES = (
    Route(
        method="GET",
        path="/v1/calls",
        handler=list_calls,
        summary="List calls, newest first",
        tag="calls",
        permission="calls:read",
        query=CallQuery,
        response=CallList,
        errors=("invalid_phone_number", *_UNSEEN),
    ),
    Route(
        method="GET",
        path="/v1/calls/live",
        handler=list_live_calls,
        summary="List the calls that go on",
        tag="calls",
        permission="calls:read",
        query=PageQuery,
        response=LiveList,
        errors=("engine_unavailable",),
    ),
    Route(
        method="GET",
        path="/v1/calls/{call_id}",
        handler=get_call,
        summary="Get a call with its legs",
        tag="calls",
        permission="calls:read",
        response=CallDetail,
        errors=_UNSEEN,
    ),
    Route(
        method="GET",
        path="/v1/calls/{call_id}/trace",
        handler=trace_call,
        summary="Get the SIP messages of a live or recent call, as JSON or as a text ladder",
        tag="calls",
        permission="calls:read",
        query=TraceQuery,
        response=CallTraceShown,
        text=True,
        errors=("trace_not_found", *_UNSEEN),
    ),
)
