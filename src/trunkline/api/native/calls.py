"""`/v1/calls`: the log, the calls that go on, and the messages of a call.

What is not known is null, never invented: nothing is recorded here, and transcripts are what agents post.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import structs

from trunkline.api.body import Request, exact
from trunkline.api.native.call_shapes import CallDetail, CallItem, LiveItem, detail, item
from trunkline.api.native.progress import state
from trunkline.api.native.shape import Moment, PageQuery, Pagination, beginning, ending
from trunkline.api.route import Ask, Reply, Route
from trunkline.control.calls.calls import CallFilter
from trunkline.control.fields import phone_number
from trunkline.model.call import CallStatus, Direction
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


class LiveList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[LiveItem]
    pagination: Pagination


class CallList(msgspec.Struct, frozen=True, kw_only=True):
    data: list[CallItem]
    pagination: Pagination


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
        data=[item(ask.services, call, transcribed) for call in found],
        pagination=Pagination(query.page, query.per_page, total),
    )


async def list_live_calls(ask: Ask[None, PageQuery]) -> LiveList:
    page, per_page = ask.query.page, ask.query.per_page
    found, total = await ask.services.calls.live(ask.organization_id, CallFilter(page=page, per_page=per_page))
    return LiveList(
        data=[LiveItem(**structs.asdict(item(ask.services, call)), state=state(call)) for call in found],
        pagination=Pagination(page, per_page, total),
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
