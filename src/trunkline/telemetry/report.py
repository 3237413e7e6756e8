"""What is worth a line in the log: the end of a call, a burst of refusals, a trunk that comes or goes.

The core's outputs are only noted here; `write`, which runs once a second, logs them. So a line is written at most once
for a call, at most once a minute for a source that is refused, and never more lines a second than `lines`: the rest
is one line that says how many.
"""

from __future__ import annotations

import logging
from collections import deque

from trunkline.call.outputs import Observed
from trunkline.model.call import CallRecord

_log = logging.getLogger("trunkline.calls")
_QUIET = 60.0
"""Seconds between two lines on one source and reason."""
_MOST_SOURCES = 1024


class _Burst:
    __slots__ = ("count", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.count = 0


class Report:
    """Notes of one pump."""

    __slots__ = ("_bans", "_bursts", "_ended", "_lines", "_registrations", "_states", "_unkept", "_unnamed")

    def __init__(self, lines: int = 20) -> None:
        """`lines`: the most of a kind that are written at a time."""
        self._lines = lines
        self._ended: deque[CallRecord] = deque(maxlen=lines)
        self._unkept = 0
        self._states: deque[Observed] = deque(maxlen=lines)
        self._registrations: deque[Observed] = deque(maxlen=lines)
        self._bans: deque[Observed] = deque(maxlen=lines)
        self._bursts: dict[tuple[str, str], _Burst] = {}
        self._unnamed = 0

    def ended(self, record: CallRecord) -> None:
        if len(self._ended) < self._lines:
            self._ended.append(record)
        else:
            self._unkept += 1

    def trunk_state(self, seen: Observed) -> None:
        self._states.append(seen)

    def agent_state(self, seen: Observed) -> None:
        self._states.append(seen)

    def registration(self, seen: Observed) -> None:
        self._registrations.append(seen)

    def ban(self, seen: Observed) -> None:
        self._bans.append(seen)

    def refused(self, source: str, reason: str, now: float) -> None:
        burst = self._bursts.get((source, reason))
        if burst is None:
            if len(self._bursts) >= _MOST_SOURCES:
                self._unnamed += 1
                return
            # Due at the next write, so that the first refusal is seen at once.
            burst = self._bursts[source, reason] = _Burst(now - _QUIET)
        burst.count += 1

    def write(self, now: float) -> None:
        """Log what was noted since the last time. `now`: monotonic seconds."""
        for record in self._ended:
            _log.info("%s", _sentence(record), extra={"call": _fields(record)})
        self._ended.clear()
        if self._unkept:
            _log.info("%d more calls ended", self._unkept)
            self._unkept = 0
        for seen in self._states:
            level = logging.INFO if seen.reason == "reachable" else logging.WARNING
            detail = f": {seen.detail}" if seen.detail else ""
            who = f"trunk {seen.trunk_id}" if seen.trunk_id else f"agent {seen.agent_id}"
            _log.log(level, "%s is %s%s", who, seen.reason or "unknown", detail)
        self._states.clear()
        for seen in self._registrations:
            if seen.reason != "registering":
                level = logging.WARNING if seen.reason == "failed" else logging.INFO
                detail = f": {seen.detail}" if seen.detail else ""
                _log.log(level, "the registration of trunk %s: %s%s", seen.trunk_id, seen.reason, detail)
        self._registrations.clear()
        for seen in self._bans:
            if seen.kind == "banned":
                _log.warning("banned %s for %s: %s", seen.source, seen.detail, seen.reason)
            else:
                _log.info("the ban of %s has ended: %s", seen.source, seen.reason)
        self._bans.clear()
        self._write_bursts(now)

    def _write_bursts(self, now: float) -> None:
        written = held_back = 0
        for key, burst in list(self._bursts.items()):
            if now - burst.since < _QUIET:
                continue
            if not burst.count:
                del self._bursts[key]
                continue
            source, reason = key
            if written < self._lines:
                _log.warning(
                    "refused %d from %s: %s",
                    burst.count,
                    source,
                    reason,
                    extra={"refused": {"source": source, "reason": reason, "count": burst.count}},
                )
                written += 1
            else:
                held_back += burst.count
            burst.since, burst.count = now, 0
        if held_back or self._unnamed:
            _log.warning("refused %d from other sources", held_back + self._unnamed)
            self._unnamed = 0


def _sentence(record: CallRecord) -> str:
    ends = f"{record.caller or 'anonymous'} to {_called(record) or 'unknown'}"
    words = f"call {record.id} {ends}: {record.status}, {record.cause or 'no cause'}"
    if record.sip_status:
        words += f", {record.sip_status}"
    if record.answered_at is not None:
        words += f", {record.duration} s"
    if record.status == "failed" and record.detail:
        words += f" ({record.detail})"
    return words


def _called(record: CallRecord) -> str | None:
    """Who was called: our number, as it is written here, on the way in; the telephone on the way out."""
    if record.direction == "outbound":
        return record.callee
    return record.phone_number or record.callee


def _fields(record: CallRecord) -> dict[str, object]:
    return {
        "id": record.id,
        "direction": record.direction,
        "from": record.caller,
        "to": _called(record),
        "trunk": record.trunk_id,
        "agent": record.agent_id,
        "status": record.status,
        "cause": record.cause,
        "sip_status": record.sip_status,
        "hung_up_by": record.hung_up_by,
        "duration": record.duration,
        "legs": [leg.sip_call_id for leg in record.legs if leg.sip_call_id],
    }
