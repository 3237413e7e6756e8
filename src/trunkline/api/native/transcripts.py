"""`/v1/calls/{call_id}/transcript`: what was said, posted by whoever heard it: the agent's side, while the call goes on
or after it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from trunkline.api.body import Request, exact
from trunkline.api.route import Ask, Route
from trunkline.store.rows.transcripts import Segment


class SegmentPosted(Request, frozen=True, kw_only=True):
    speaker: Literal["agent", "caller"]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]


class TranscriptPosted(Request, frozen=True, kw_only=True):
    segments: Annotated[tuple[SegmentPosted, ...], msgspec.Meta(min_length=1, max_length=500)]


class TranscriptKept(msgspec.Struct, frozen=True, kw_only=True):
    call_id: str
    segments: int
    """How many the call has now."""


class TranscriptSegment(msgspec.Struct, frozen=True, kw_only=True):
    speaker: Literal["agent", "caller"]
    text: str
    timestamp: datetime | None


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    segments: list[TranscriptSegment]


async def post_transcript(ask: Ask[TranscriptPosted, None]) -> TranscriptKept:
    id = ask.ids["call_id"]
    segments = [Segment(each.speaker, each.text, each.timestamp.timestamp()) for each in ask.body.segments]
    count = await ask.services.transcripts.add(ask.organization_id, id, segments)
    return TranscriptKept(call_id=f"call_{id}", segments=count)


def shape(segments: list[Segment]) -> Transcript | None:
    if not segments:
        return None
    return Transcript(
        segments=[
            TranscriptSegment(
                speaker="agent" if each.speaker == "agent" else "caller", text=each.text, timestamp=exact(each.at)
            )
            for each in segments
        ]
    )


ROUTES = (
    Route(
        method="POST",
        path="/v1/calls/{call_id}/transcript",
        handler=post_transcript,
        summary="Add to what was said in a call",
        tag="calls",
        permission="calls:write",
        request=TranscriptPosted,
        response=TranscriptKept,
        status=201,
        errors=("transcript_full", "engine_unavailable", "store_unavailable"),
    ),
)
