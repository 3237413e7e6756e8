"""Events as webhooks are told of them: what happened, in the JSON that is sent.

The bytes are signed, and some receivers sign what they get by parsing and printing the JSON again: so it is compact, in
the order of the fields, raw UTF-8, with whole numbers only and no keys that look like numbers. Of calls it is the
journal's mover that tells, in the transaction that writes their rows; a key that belongs to call and event makes each
one, however often the journal is replayed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from datetime import UTC, datetime
from typing import Any

import msgspec

from trunkline.model.call import CallRecord
from trunkline.model.journal import Began, JournalEntry
from trunkline.model.webhook import Event, EventName
from trunkline.store.collapse import Collapsed

_ENCODER = msgspec.json.Encoder()


def moment(at: float) -> str:
    """UTC, ISO 8601, whole seconds."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def event(
    name: EventName, organization_id: str, subject: str, wall: float, data: dict[str, Any], key: str | None = None
) -> Event:
    """Something that happened at `wall` (Unix seconds)."""
    body = _ENCODER.encode({"event": name, "timestamp": moment(wall), "data": data}).decode()
    return Event(name=name, organization_id=organization_id, subject=subject, key=key or f"{subject}:{name}", body=body)


def of_call(name: EventName, call: CallRecord) -> Event:
    started = name == "call.started"
    at = call.started_at if started or call.ended_at is None else call.ended_at
    data = {
        "call_id": f"call_{call.id}",
        "phone_number": call.phone_number,
        "direction": call.direction,
        "status": "in-progress" if started else call.status,
        "duration": 0 if started else call.duration,
        "recording_url": None,
        "from": call.caller,
        "to": call.callee,
        "agent_id": None if call.agent_id is None else f"agent_{call.agent_id}",
        "cause": None if started else call.cause,
    }
    return event(name, call.organization_id, call.id, at, data)


def of_end(call: CallRecord) -> Event:
    """The one event that says how it ended."""
    return of_call("call.failed" if call.answered_at is None else "call.ended", call)


def of_group(entries: Sequence[JournalEntry], group: Collapsed, known: Set[str]) -> list[Event]:
    """What a group of journal entries tells. `known`: calls of it that began in an earlier group. A call that was
    refused never began, and nothing is told of it."""
    began = {entry.record.id for entry in entries if type(entry) is Began}
    told = [of_call("call.started", entry.record) for entry in entries if type(entry) is Began]
    told += [of_end(call) for call in group.ended if call.id in began or call.id in known]
    return told


def of_interrupted(calls: Iterable[CallRecord]) -> list[Event]:
    """What the closing of calls that a crash left open tells."""
    return [of_end(call) for call in calls]
